"""Has somebody ticked that a drama's opening shows its record number (备案号)?  The rule of the Chinese regulator."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

_TICKED = sa.text("SELECT record_number <> '' AND ticked_ms > 0 FROM wechat_dramas WHERE drama_id = :drama_id")


def is_ticked(connection: Connection, drama_id: int) -> bool:
    """For the number that is handed in now: another one takes the tick away (DramaBook.put)."""
    return bool(connection.scalar(_TICKED, {"drama_id": drama_id}))
