"""The twin of infra.media.release_desk: one drama, whose moments are in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from domain.media.orders import By, Ordered
from domain.releases import Wanted, planned
from infra.catalogue.releases import Standing, ordered
from infra.catalogue.takedown import UnknownDrama
from tests.builders import DRAMA, EPISODE_MS


class MemoryReleases:
    """Releases of DRAMA, published; `error` is raised instead."""

    def __init__(self, now_ms: Callable[[], int], moments: Sequence[int] = (0, 0, 0)) -> None:
        self.now_ms, self.moments = now_ms, list(moments)
        self.orders: list[Ordered] = []
        self.error: Exception | None = None

    def standing(self, drama_id: int) -> Standing:
        if self.error:
            raise self.error
        if drama_id != DRAMA:
            raise UnknownDrama(str(drama_id))
        many = len(self.moments)
        return Standing(drama_id, "t", True, False, [EPISODE_MS] * many, ["p", *[""] * (many - 1)], self.moments)

    def would_be(self, drama_id: int, wanted: Wanted) -> Standing:
        before = self.standing(drama_id)
        return before._replace(moments=planned(before.moments, wanted, self.now_ms(), shown=before.shown).moments)

    def release(self, drama_id: int, wanted: Wanted, by: By) -> Standing:
        before = self.standing(drama_id)
        plan = planned(before.moments, wanted, self.now_ms(), shown=before.shown)
        if list(plan.moments) != self.moments:
            self.orders.append(ordered(drama_id, wanted, plan, by, self.now_ms()))
            self.moments = list(plan.moments)
        return self.standing(drama_id)
