"""When the episodes of a drama are released: what MySQL says, and setting it; every process follows within a second."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from sqlalchemy.engine import Connection, Engine

from domain.releases import how_many_out, in_order
from infra.catalogue import rows
from infra.catalogue.takedown import UnknownDrama


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


def standing(engine: Engine, drama_id: int) -> Standing:
    """How the drama stands.  Raises UnknownDrama."""
    with engine.connect() as connection:
        return _standing(connection, drama_id)


def release(engine: Engine, drama_id: int, plan: Callable[[Standing], Sequence[int]]) -> Standing:
    """Give the episodes the moments of `plan`, one each; it is asked under the lock that all who write dramas take.

    Nothing is written where they have them already.  `publish` brings it to readers, as after an import.
    Raises UnknownDrama, and what `plan` raises: then nothing is changed.
    """
    with engine.begin() as connection:
        revision = rows.lock(connection, "revision") + 1
        before = _standing(connection, drama_id)
        moments = plan(before)
        line = rows.stored(connection, [drama_id])[drama_id].line
        if (changed := line.with_moments(moments)) != line:
            rows.replace(connection, [changed], revision)
            rows.put(connection, "revision", revision)
        return before._replace(moments=moments)


def _standing(connection: Connection, drama_id: int) -> Standing:
    found = rows.stored(connection, [drama_id]).get(drama_id)
    if found is None:
        raise UnknownDrama(f"there is no drama {drama_id}: `juliu catalogue import` first")
    line = found.line
    return Standing(
        drama_id, line.title, line.published, drama_id in rows.taken_down(connection),
        [one.duration_ms for one in line.episodes], [one.media_path for one in line.episodes],
        in_order(line.moments()) or [0] * len(line.episodes),
    )  # fmt: skip
