"""Where the log ends and how far each group has come, seen from outside: Kafka's offsets and the fences in Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import confluent_kafka
import redis.asyncio as aioredis
from confluent_kafka import Consumer, TopicPartition

from domain import keys, topics
from infra.settings import Settings

KAFKA_S = 10.0
STUCK_S = 60.0  # a group that does not move for so long will not
POLL_S = 0.02
POINTERS_S = 1.0
AT_ONCE = 10_000  # records asked for in one call
TAIL = 200  # records that are looked through at once for the last event before the pulses


class Stuck(RuntimeError):
    """A group has not come to where it should, and does not move."""


class LogEnd:
    """The end of juliu.events.  Close it."""

    def __init__(self, settings: Settings) -> None:
        self._partitions = settings.partitions
        self._consumer = Consumer(
            {"bootstrap.servers": settings.kafka, "group.id": "juliu-positions", "enable.auto.commit": False,
             "log_level": 0}  # a broker that is away is told by an exception
        )  # fmt: skip

    def ends(self) -> list[int]:
        """The offset of the next record of each partition."""
        places = (TopicPartition(topics.EVENTS.name, p) for p in range(self._partitions))
        return [self._consumer.get_watermark_offsets(place, KAFKA_S, cached=False)[1] for place in places]

    def last_events(self) -> list[int]:
        """The offset of the last event of each partition, -1 where there is none; pulses behind it do not count."""
        return [self._last_event(p, end) for p, end in enumerate(self.ends())]

    def records(self, p: int, begin: int, end: int) -> Sequence[confluent_kafka.Message]:
        """The records of a partition from offset `begin` to before `end`, which are there."""
        self._consumer.assign([TopicPartition(topics.EVENTS.name, p, begin)])
        out: list[confluent_kafka.Message] = []
        while len(out) < end - begin and (found := self._consumer.consume(min(end - begin, AT_ONCE), KAFKA_S)):
            out += [message for message in found if not message.error() and (message.offset() or 0) < end]
        return out

    def close(self) -> None:
        """Leave."""
        self._consumer.close()

    def _last_event(self, p: int, end: int) -> int:
        for begin in range(end - TAIL, -TAIL, -TAIL):
            found = self.records(p, max(0, begin), begin + TAIL)
            events = [message.offset() for message in found if message.key() != topics.PULSE_KEY]
            if events:
                return cast(int, events[-1])
        return -1


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
        now = await self.read(group)
        while not reached(now, upto):
            now = await self.moved(group, now)

    async def moved(self, group: str, before: Sequence[int]) -> list[int]:
        """The first fences that are not those `before`.  Raises Stuck where they stay for STUCK_S."""
        clock = asyncio.get_running_loop().time
        until = clock() + STUCK_S
        while (now := await self.read(group)) == before:
            if clock() > until:
                raise Stuck(f"group {group} stands still at {now}: see `juliu logs stream-{group}`")
            await asyncio.sleep(POLL_S)
        return now

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
