"""What MySQL's catalogue knows of a drama that media jobs are submitted for.  Blocks; raises SQLAlchemy's errors."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from domain.media.episode_files import Known

_BY_ID = sa.text("SELECT drama_id, title FROM dramas WHERE drama_id = :drama_id")
_BY_TITLE = sa.text("SELECT drama_id, title FROM dramas WHERE title = :title ORDER BY drama_id LIMIT 3")
_EPISODES = sa.text("SELECT COUNT(*) FROM episodes WHERE drama_id = :drama_id")
_WITH_VIDEO = sa.text("SELECT episode_no FROM episodes WHERE drama_id = :drama_id AND media_path <> ''")


class Unknown(LookupError):
    """The catalogue has no such drama, or several of that title; the text says what to do."""


def of_id(engine: Engine, drama_id: int) -> Known:
    """The drama; `have` are its episodes with a video.  Raises Unknown."""
    with engine.connect() as connection:
        row = connection.execute(_BY_ID, {"drama_id": drama_id}).first()
        if row is None:
            raise Unknown(f"the catalogue has no drama {drama_id}: `juliu catalogue import` first")
        return _known(connection, int(row[0]), str(row[1]))


def of_title(engine: Engine, title: str) -> Known:
    """The one drama of this title.  Raises Unknown."""
    with engine.connect() as connection:
        rows = [(int(row[0]), str(row[1])) for row in connection.execute(_BY_TITLE, {"title": title})]
        exact = [row for row in rows if row[1] == title] or rows
        if len(exact) != 1:
            ids = ", ".join(str(drama_id) for drama_id, _ in exact)
            why = f"several dramas are 《{title}》 ({ids}): say --drama" if exact else f"no drama is 《{title}》"
            raise Unknown(f"{why}; the catalogue comes from `juliu catalogue import`")
        return _known(connection, *exact[0])


def _known(connection: Connection, drama_id: int, title: str) -> Known:
    asked = {"drama_id": drama_id}
    episodes = int(connection.scalar(_EPISODES, asked) or 0)
    return Known(drama_id, title, episodes, frozenset(map(int, connection.scalars(_WITH_VIDEO, asked))))
