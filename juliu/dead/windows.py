"""What the duplicate windows of both groups would say of a record that is sent again now."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import redis

from domain import keys, window
from domain.events import AnyEvent
from domain.state import WINDOW
from infra.namespaces import GROUPS
from juliu.places import group_place

COUNTED, THERE, LATE = "counted", "was there already", "late"
WORDS = {window.NEW: COUNTED, window.SEEN: THERE, window.TOO_OLD: LATE}


class Windows:
    """Windows as they are now, and as they will be after what was asked of them.  Raises RedisError."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client
        self._namespaces: dict[tuple[str, int], int] = {}
        self._held: dict[str, window.Window] = {}

    def hold(self, events: Iterable[tuple[int, AnyEvent]]) -> None:
        """Read the windows of these events (partition, event), in one round trip."""
        wanted = sorted({self._key(g, p, e) for p, e in events for g in GROUPS} - self._held.keys())
        pipe = self._redis.pipeline(transaction=False)
        for key in wanted:
            pipe.hget(key, WINDOW)
        values: list[Any] = pipe.execute()
        for key, value in zip(wanted, values, strict=True):
            self._held[key] = window.decode(None if value is None else value.decode())

    def add(self, group: str, p: int, event: AnyEvent) -> str:
        """What becomes of the event in this group when it is sent; the next of its session sees it."""
        if event.late:
            return LATE
        key = self._key(group, p, event)
        verdict, after = window.add(self._held[key], event.seq, event.received_at_ms // window.HOUR_MS)
        self._held[key] = after
        return WORDS[verdict]

    def _key(self, group: str, p: int, event: AnyEvent) -> str:
        if (group, p) not in self._namespaces:
            self._namespaces[group, p] = group_place(self._redis, group, p).namespace or 0
        return keys.session(group, self._namespaces[group, p], p, event.user_id, event.session_id)
