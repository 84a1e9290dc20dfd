"""When the episodes of a drama are released: what MySQL says, and setting it; every process follows within a second."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy.engine import Connection

from domain.media.orders import By, Ordered, What
from domain.releases import Plan, Wanted, how_many_out, in_order, planned
from infra.catalogue import rows
from infra.catalogue.takedown import UnknownDrama
from infra.media import orders


class Standing(NamedTuple):
    """A drama and its episodes.  `moments`: when each is released, in order, 0: it is out since ever."""

    drama_id: int
    title: str
    published: bool
    taken_down: bool
    durations_ms: Sequence[int]
    media_paths: Sequence[str]
    moments: Sequence[int]

    def out(self, now_ms: int) -> int:
        """How many episodes are released."""
        return how_many_out(self.moments, now_ms)

    @property
    def shown(self) -> bool:
        """Whether viewers may see what is released."""
        return self.published and not self.taken_down


def standing(connection: Connection, drama_id: int) -> Standing:
    """How the drama stands.  Raises UnknownDrama."""
    found = rows.stored(connection, [drama_id]).get(drama_id)
    if found is None:
        raise UnknownDrama(f"there is no drama {drama_id}: `juliu catalogue import` first")
    line = found.line
    return Standing(
        drama_id, line.title, line.published, drama_id in rows.taken_down(connection),
        [one.duration_ms for one in line.episodes], [one.media_path for one in line.episodes],
        in_order(line.moments()) or [0] * len(line.episodes),
    )  # fmt: skip


def would_be(connection: Connection, drama_id: int, wanted: Wanted, now_ms: int) -> Standing:
    """How it would stand; nothing is written.  Raises as `release`."""
    before = standing(connection, drama_id)
    return before._replace(moments=planned(before.moments, wanted, now_ms, shown=before.shown).moments)


def release(connection: Connection, drama_id: int, wanted: Wanted, by: By, now_ms: int) -> Standing:
    """Give the episodes the moments that are wanted, under the lock that all who write dramas take; and its record.

    Nothing is written, and nothing was ordered, where they have them already.  `publish` brings it to readers, as after
    an import.  Raises UnknownDrama, BadSchedule, NeedsRecall: then nothing is changed.
    """
    revision = rows.lock(connection, "revision") + 1
    before = standing(connection, drama_id)
    plan = planned(before.moments, wanted, now_ms, shown=before.shown)
    line = rows.stored(connection, [drama_id])[drama_id].line
    if (changed := line.with_moments(plan.moments)) != line:
        rows.replace(connection, [changed], revision)
        rows.put(connection, "revision", revision)
        orders.write(connection, ordered(drama_id, wanted, plan, by, now_ms))
    return before._replace(moments=plan.moments)


def ordered(drama_id: int, wanted: Wanted, plan: Plan, by: By, now_ms: int) -> Ordered:
    """The record of it."""
    if wanted.from_ms is None:
        what, detail = What.RELEASE, f"{wanted.episodes} now"
    else:
        what, detail = What.SCHEDULE, f"{wanted.episodes} at {wanted.from_ms}, then every {wanted.every_ms} ms"
    if plan.taken_back:
        what, detail = What.RECALL, f"{plan.lost} taken back: {detail}"
    return orders.ordered(by, what, now_ms, drama_id, episode_no=plan.first, detail=detail)
