"""Who begins a job of an episode and who deletes files of it wait for each other here, at the episode's row."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from infra.media.job import TidiedAway

LOOK_MS = 86_400_000  # a day after a job began its files are looked through

_ROW = sa.text(  # MySQL locks the row that is there too, also where nothing of it changes
    "INSERT INTO media_episodes (drama_id, episode_no, look_ms, until_ms, token, tidied, going)"
    " VALUES (:drama_id, :episode_no, :look_ms, 0, 0, 0, NULL)"
    " ON DUPLICATE KEY UPDATE look_ms = IF(going IS NULL, LEAST(look_ms, VALUES(look_ms)), look_ms)"
)
_STANDS = sa.text(
    "SELECT going IS NOT NULL, tidied FROM media_episodes WHERE drama_id = :drama_id AND episode_no = :episode_no"
    " FOR UPDATE"
)
_TIDIED = sa.text("SELECT tidied FROM media_episodes WHERE drama_id = :drama_id AND episode_no = :episode_no")


def begin(connection: Connection, drama_id: int, episode_no: int, now_ms: int, seen: int | None = None) -> None:
    """A job of this episode begins: until this transaction ends nobody decides to delete files of it.

    `seen`: what `tidied` said before the source was put where it is.  A whole drama (episode 0) has no files.
    Raises TidiedAway where files are being deleted, or were since `seen`.
    """
    if not episode_no:
        return
    row = {"drama_id": drama_id, "episode_no": episode_no, "look_ms": now_ms + LOOK_MS}
    connection.execute(_ROW, row)
    going, times = connection.execute(_STANDS, row).one()
    if going or (seen is not None and times != seen):
        raise TidiedAway(drama_id, episode_no)


def tidied(connection: Connection, drama_id: int, episode_no: int) -> int:
    """How often files of the episode were deleted."""
    return int(connection.scalar(_TIDIED, {"drama_id": drama_id, "episode_no": episode_no}) or 0)
