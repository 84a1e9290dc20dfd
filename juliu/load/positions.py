"""Where the log ends and how far each group has come, seen from outside: Kafka's offsets and the fences in Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import redis.asyncio as aioredis

from domain import keys
from infra.log_reader import Entry, LogReader
from infra.settings import Settings

STUCK_S = 60.0  # a group that does not move for so long will not
POLL_S = 0.02
POINTERS_S = 1.0


class Stuck(RuntimeError):
    """A group has not come to where it should, and does not move."""


class LogEnd:
    """The end of juliu.events.  Close it.  Every call may raise KafkaException."""

    def __init__(self, settings: Settings) -> None:
        self._partitions = range(settings.partitions)
        self._log = LogReader(settings)

    def ends(self) -> list[int]:
        """The offset of the next record of each partition."""
        return [self._log.bounds(p).end for p in self._partitions]

    def last_events(self) -> list[int]:
        """The offset of the last event of each partition, -1 where there is none; pulses behind it do not count."""
        return [self._log.last_event(p) for p in self._partitions]

    def records(self, p: int, begin: int, end: int) -> list[Entry]:
        """The records of a partition from offset `begin` to before `end`, which are there."""
        return list(self._log.records(p, begin, end))

    def close(self) -> None:
        """Leave."""
        self._log.close()


class Fences:
    """The fences of both groups."""

    def __init__(self, client: aioredis.Redis, partitions: int) -> None:
        self._redis = client
        self._partitions = range(partitions)
        self._namespaces: list[int] = []
        self._known_at_s = 0.0

    async def read(self, group: str) -> list[int]:
        """The last offset of each partition whose effects are in the group's store.  Raises Stuck on a broken fence."""
        namespaces = await self._pointers()
        values: list[Any] = await self._redis.mget([keys.fence(group, namespaces[p], p) for p in self._partitions])
        try:
            return [int(value) for value in values]
        except (TypeError, ValueError) as error:
            raise Stuck(f"fences of group {group}: {values}") from error

    async def wait(self, group: str, upto: Sequence[int]) -> None:
        """Until the group has applied `upto`, the last offset that matters of each partition.  Raises Stuck."""
        now = await self.moved(group, ())
        while not reached(now, upto):
            now = await self.moved(group, now)

    async def moved(self, group: str, before: Sequence[int]) -> list[int]:
        """The first fences that are not those `before`.  Raises Stuck where they stay for STUCK_S.

        Fences that are gone have STUCK_S to come back: `juliu rebuild redis` may be at work.
        """
        clock = asyncio.get_running_loop().time
        until = clock() + STUCK_S
        while True:
            try:
                if (now := await self.read(group)) != list(before):
                    return now
            except Stuck:
                if clock() > until:
                    raise
            if clock() > until:
                raise Stuck(f"group {group} stands still at {list(before)}: see `juliu logs stream-{group}`")
            await asyncio.sleep(POLL_S)

    async def _pointers(self) -> list[int]:
        """The namespace of each partition; read again after POINTERS_S, since a rebuild moves it."""
        now_s = asyncio.get_running_loop().time()
        if not self._namespaces or now_s - self._known_at_s > POINTERS_S:
            values = cast(list[bytes | None], await self._redis.mget([keys.namespace(p) for p in self._partitions]))
            self._namespaces, self._known_at_s = [int(value or 0) for value in values], now_s
        return self._namespaces


def reached(fences: Sequence[int], upto: Sequence[int]) -> bool:
    """Whether each fence is at its place or past it."""
    return all(fence >= last for fence, last in zip(fences, upto, strict=True))
