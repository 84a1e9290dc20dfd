"""Where the catalogue says that an episode's video is: asked of MySQL, since readers' copies do not carry paths."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError

_PATH = sa.text("SELECT media_path FROM episodes WHERE drama_id = :drama_id AND episode_no = :episode_no")


class PathsUnavailable(RuntimeError):
    """MySQL does not answer; ask again later."""


class MediaPaths:
    """Connects when first asked.  Blocks, at most as long as the engine's statements may."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def path(self, drama_id: int, episode_no: int) -> str:
        """Relative to the media store; empty where there is no video or no such episode.  Raises PathsUnavailable."""
        asked = {"drama_id": drama_id, "episode_no": episode_no}
        try:
            with self._engine.connect() as connection:
                found = connection.execute(_PATH, asked).scalar_one_or_none()
        except SQLAlchemyError as error:
            raise PathsUnavailable(type(error).__name__) from error
        return str(found or "")
