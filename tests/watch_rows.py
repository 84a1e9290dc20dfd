"""Rows of `events` as the store writes them, as far as the recommender looks at them."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

COLUMNS = (
    "event_type", "user_id", "session_id", "seq", "play_id", "drama_id", "drama_index", "episode_no",
    "ts", "received_at", "from_ms", "to_ms", "duration_ms", "partition", "offset",
    "source", "arm", "request_id", "position", "propensity",
)  # fmt: skip
DRAMA_OF = 1_000  # drama_id is DRAMA_OF + dense index
NO_PLAY = uuid.UUID(int=0)

_numbers = itertools.count(1)


def a_row(kind: str, user: int, index: int, at_ms: int, **more: Any) -> dict[str, Any]:
    """One event; `more` replaces or adds columns."""
    number = next(_numbers)
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    row = {
        "event_type": kind, "user_id": user, "session_id": f"s{user}", "seq": number, "play_id": NO_PLAY,
        "drama_id": DRAMA_OF + index, "drama_index": index, "episode_no": 1, "ts": at, "received_at": at,
        "from_ms": 0, "to_ms": 0, "duration_ms": 0, "partition": 0, "offset": number,
        "source": "", "arm": "", "request_id": "", "position": 0, "propensity": 0.0,
    }  # fmt: skip
    return row | more


def a_watch(user: int, index: int, at_ms: int, watched_ms: int = 60_000, duration_ms: int = 60_000, **more: Any) -> Any:
    """A playback of one heartbeat, and its end."""
    play = more.pop("play_id", uuid.UUID(int=next(_numbers)))
    beat = a_row("heartbeat", user, index, at_ms, play_id=play, to_ms=watched_ms, duration_ms=duration_ms, **more)
    end = a_row(
        "play_ended",
        user,
        index,
        at_ms,
        play_id=play,
        from_ms=watched_ms,
        to_ms=watched_ms,
        duration_ms=duration_ms,
        **more,
    )
    return [beat, end]


def insert(client: Any, rows: Iterable[dict[str, Any]]) -> None:
    """Into `events`."""
    client.insert("events", [[row[name] for name in COLUMNS] for row in rows], column_names=list(COLUMNS))
