"""Which rendition of an episode viewers get: written by media jobs, followed by every process within a second."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from domain.catalogue_import import MAX_DURATION_MS, MAX_PATH, MIN_DURATION_MS, path_fault
from infra.catalogue import rows

_NOW = sa.text(
    "SELECT media_path, duration_ms FROM episodes WHERE drama_id = :drama_id AND episode_no = :episode_no FOR UPDATE"
)
_PUT = sa.text(
    "UPDATE episodes SET media_path = :media_path, duration_ms = :duration_ms"
    " WHERE drama_id = :drama_id AND episode_no = :episode_no"
)
_REVISE = sa.text("UPDATE dramas SET revision = :revision WHERE drama_id = :drama_id")


class UnknownEpisode(LookupError):
    """The catalogue has no such episode: import the drama with this episode first."""


def publish_media(
    engine: Engine,
    drama_id: int,
    episode_no: int,
    media_path: str,
    duration_ms: int,
    *,
    fence: Callable[[Connection], None] = lambda _: None,
) -> bool:
    """Make this the episode's video; False where it was so already.  Repeatable; call `publish.publish` afterwards.

    `publish` brings it to Redis, and so to every process; after a crash between the two the next publish does it.
    `fence` is asked inside the transaction and raises where the caller may not write any more (infra.media.fence).
    Raises UnknownEpisode, ValueError for a path or duration that no import would take, or SQLAlchemy's error where
    MySQL does not answer: then nothing is changed.
    """
    if not media_path or len(media_path) > MAX_PATH or path_fault(media_path):
        raise ValueError("no path of the media store")
    if not MIN_DURATION_MS <= duration_ms <= MAX_DURATION_MS:
        raise ValueError(f"an episode lasts {MIN_DURATION_MS}..{MAX_DURATION_MS} ms, not {duration_ms}")
    episode = {"drama_id": drama_id, "episode_no": episode_no}
    with engine.begin() as connection:
        revision = rows.lock(connection, "revision") + 1  # before any row of a drama, as an import does
        fence(connection)
        return _put(connection, episode, {"media_path": media_path, "duration_ms": duration_ms}, revision)


def _put(connection: Connection, episode: dict[str, int], wanted: dict[str, str | int], revision: int) -> bool:
    found = connection.execute(_NOW, episode).mappings().one_or_none()
    if found is None:
        raise UnknownEpisode(f"the catalogue has no episode {episode['drama_id']}/{episode['episode_no']}")
    if dict(found) == wanted:
        return False
    connection.execute(_PUT, episode | wanted)
    connection.execute(_REVISE, {"drama_id": episode["drama_id"], "revision": revision})
    rows.put(connection, "revision", revision)
    return True
