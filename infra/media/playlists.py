"""Playlists beside the keys: the API rewrites them for each viewer, and does not fetch them from object storage."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from domain.media import names
from domain.media.playlist import MAX_BYTES
from infra.media.transaction import transact

MOST = 16  # a master and a playlist a rung

_PUT = sa.text(
    "INSERT INTO media_playlists (storage_key, text, made_ms) VALUES (:storage_key, :text, :made_ms)"
    " ON DUPLICATE KEY UPDATE text = VALUES(text), made_ms = VALUES(made_ms)"
)
_GET = sa.text("SELECT text FROM media_playlists WHERE storage_key = :storage_key")


class PlaylistStore:
    """Blocks; call it in a thread.  Every call may raise Wait (infra.fold_store), and may be repeated then."""

    def __init__(self, engine: Engine, now_ms: Callable[[], int]) -> None:
        self._engine = engine
        self._now_ms = now_ms

    def put(self, texts: Mapping[str, str]) -> None:
        """Keep these by storage key, all or none.  Raises ValueError for no key, too many, or one past MAX_BYTES."""
        if not 1 <= len(texts) <= MOST:
            raise ValueError(f"1..{MOST} playlists, not {len(texts)}")
        now_ms = self._now_ms()
        made = [{"storage_key": key, "text": checked(key, text), "made_ms": now_ms} for key, text in texts.items()]
        transact(self._engine, lambda connection: connection.execute(_PUT, made))

    def read(self, key: str) -> str | None:
        """The playlist; None where there is none."""
        asked = {"storage_key": key}
        found = transact(self._engine, lambda connection: connection.execute(_GET, asked).scalar_one_or_none())
        return None if found is None else bytes(found).decode()


def checked(key: str, text: str) -> bytes:
    """What is kept of a playlist.  Raises ValueError for what is no key, and one that is too long."""
    data = text.encode()
    if not names.is_key(key) or len(data) > MAX_BYTES:
        raise ValueError(f"no playlist that could be kept: {key[:80]!r}, {len(data)} bytes")
    return data
