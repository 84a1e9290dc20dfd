"""The outbox of a test's own: what unlocks write, written by hand, and the tables emptied."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from domain import events

NOW_MS = 1_795_000_000_000
PUT = sa.text(
    "INSERT INTO outbox (user_id, seq, shard, value, created_ms) VALUES (:user_id, :seq, :user_id % 64, :value, :ms)"
)


def an_unlock(user_id: int, seq: int, drama_id: int = 7, at_ms: int = NOW_MS, **fields: Any) -> events.Unlocked:
    """The record of a viewer's unlock number `seq`."""
    return events.Unlocked(
        event_id=str(uuid.uuid4()), seq=seq, at_ms=at_ms, user_id=user_id, session_id=events.SERVER_SESSION,
        ts_ms=at_ms, received_at_ms=at_ms, drama_id=drama_id, episode_no=seq, paid_coins=12, **fields,
    )  # fmt: skip


def put(engine: sa.Engine, unlocks: Sequence[events.Unlocked]) -> None:
    """Into the outbox, in one transaction."""
    rows = [
        {"user_id": one.user_id, "seq": one.seq, "value": events.encode(one), "ms": one.received_at_ms}
        for one in unlocks
    ]
    with engine.begin() as connection:
        connection.execute(PUT, rows)


def emptied(engine: sa.Engine) -> None:
    """No rows, and nobody has a lease."""
    with engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM outbox"))
        connection.execute(sa.text("UPDATE outbox_leases SET owner = '', until_ms = 0, epoch = 0"))


def unpublished(engine: sa.Engine) -> int:
    """Rows that wait."""
    with engine.connect() as connection:
        return int(connection.execute(sa.text("SELECT COUNT(*) FROM outbox WHERE published_ms IS NULL")).scalar_one())
