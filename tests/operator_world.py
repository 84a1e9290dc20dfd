"""A small world on real servers for the operator's tools: topics of its own, both folds driven by hand, no processes.

The folds are the product's (streams.counting, streams.store) on a real Redis and ClickHouse; only Faust is left out.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec
import pytest
import redis
import redis.asyncio as aioredis
from confluent_kafka import Producer
from confluent_kafka.admin import NewTopic

from domain import events, keys
from domain.fold import Fold
from domain.topics import PULSE_KEY, partition_of
from infra import namespaces
from infra.clickhouse.clickhouse_row_store import ClickHouseRowStore
from infra.clickhouse.client import connect
from infra.clickhouse.http import Http
from infra.clickhouse.migrate import migrate
from infra.fold_store import RedisFoldStore
from infra.fold_store import connect as connect_redis
from infra.log_reader import LogReader
from infra.settings import Settings
from juliu.places import Servers
from streams.counting import Counters
from streams.dead import Budget, Dead
from streams.group import Moved, Work
from streams.log_writer import Letter, LogWriter
from streams.store import Store
from tests.ended import ends
from tests.stream import Stream, shuffled

RUN = 700
_numbers = itertools.count(1)


class Unfolding(Fold):
    """The fold of a worker version that cannot fold shares."""

    def effects(self, run: Any, max_commands: int = 1_000) -> Any:
        """Raises Unfoldable at the first share."""
        for record in run:
            if isinstance(record[1], events.Shared):
                from domain.fold import Unfoldable

                raise Unfoldable(record[0]) from TypeError("a share")
        return super().effects(run, max_commands)


class Elsewhere:
    """streams.dead.Letters into a topic of the test's own."""

    def __init__(self, kafka: str, topic: str) -> None:
        self._writer, self._topic = LogWriter(kafka, "test-dead"), topic

    async def write(self, letters: Sequence[Letter]) -> None:
        """See Letters."""
        await self._writer.write([Letter(self._topic, x.key, x.value, x.partition, x.headers) for x in letters])


class World:
    """Log, both folds and what they left; `log` and `dead` name the topics."""

    def __init__(self, settings: Settings, log: str, dead: str) -> None:
        self.settings, self.log, self.dead = settings, log, dead
        self._producer = Producer({"bootstrap.servers": settings.kafka, "acks": "all", "linger.ms": 5, "log_level": 0})
        self._reader = LogReader(settings, log)
        self.written: list[events.AnyEvent] = []

    # -- the log -----------------------------------------------------------------------------------------------------

    def put(self, event: events.AnyEvent, **fields: Any) -> int:
        """As the API writes it, received now; its partition."""
        now_ms = int(time.time() * 1000)
        stamped = msgspec.structs.replace(event, **{"received_at_ms": now_ms, "ts_ms": now_ms} | fields)
        self.written.append(stamped)
        return self.put_raw(self.partition(event.user_id), str(event.user_id).encode(), events.encode(stamped))

    def put_raw(self, p: int, key: bytes, value: bytes) -> int:
        """Any bytes."""
        self._producer.produce(self.log, value, key, p)
        self._producer.poll(0)
        return p

    def partition(self, user_id: int) -> int:
        """Where the viewer's events go."""
        return partition_of(user_id, self.settings.partitions)

    def pulse(self) -> None:
        """Close every open block."""
        self.flush()
        for p in range(self.settings.partitions):
            self.pulse_one(p)
        self.flush()

    def pulse_one(self, p: int) -> None:
        """A pulse into one partition."""
        self.put_raw(p, PULSE_KEY, b"")

    def flush(self) -> None:
        """All of it is in the log."""
        assert self._producer.flush(30) == 0

    def load(self, n: int, seed: int = 1) -> None:
        """Events of many viewers, some sent twice, some out of order, some late; pulses between."""
        for i, event in enumerate(shuffled(Stream(100, 30, seed), n, 0.05, 0.03)):
            late = int(event.event_id[:8], 16) % 29 == 0
            self.put(event, late=late)
            if i % (n // 3) == n // 6:
                self.pulse()

    # -- the workers -------------------------------------------------------------------------------------------------

    async def fold(self, *groups: str, make_fold: Callable[[int, int], Fold] = Fold, version: str = "v1") -> None:
        """Both workers (or these groups) do what there is, as after a start."""
        client = connect_redis(self.settings.redis_url)
        http = Http(self.settings)
        try:
            for group in groups or namespaces.GROUPS:
                await self._fold(self._work(group, client, http, make_fold, version))
        finally:
            await http.close()
            await client.aclose()

    def _work(self, group: str, client: aioredis.Redis, http: Http, make_fold: Any, version: str) -> Work:
        budget = Budget(client, group, version)
        dead = Dead(group, Elsewhere(self.settings.kafka, self.dead), budget, version, ends)
        store = RedisFoldStore(client, group)
        if group == "counters":
            return Counters(store, dead, self.settings.partitions, make_fold=make_fold)
        return Store(ClickHouseRowStore(http), store, dead, self.settings.partitions)

    async def _fold(self, work: Work) -> None:
        for p in range(self.settings.partitions):
            for _ in range(200):
                try:
                    await self._all(work, p)
                    break
                except Moved:
                    continue

    async def _all(self, work: Work, p: int) -> None:
        part = await work.open(p)
        run = list(self._reader.records(p, part.position, self._reader.bounds(p).end))
        for at in range(0, len(run), RUN):
            await part.take(run[at : at + RUN])

    async def settle(self, n: int = 1_500, seed: int = 1) -> None:
        """A load, all of it counted and stored."""
        self.load(n, seed)
        self.pulse()
        await self.fold()

    def close(self) -> None:
        """Let go of the log."""
        self._reader.close()

    # -- what they left ----------------------------------------------------------------------------------------------

    def servers(self) -> Servers:
        """What the tools are given."""
        return Servers.open(self.settings, self.log)

    def sql(self, statement: str) -> list[Any]:
        """Rows of a statement."""
        with connect(self.settings) as client:
            return list(client.query(statement).result_rows)

    def command(self, statement: str, **settings: Any) -> None:
        """A change."""
        with connect(self.settings) as client:
            client.command(statement, settings={"mutations_sync": 2, **settings})

    def redis(self) -> redis.Redis:
        """A client; bytes."""
        return redis.Redis.from_url(self.settings.redis_url)

    def numbers(self, p: int) -> dict[bytes, int]:
        """The counters of one partition."""
        with self.redis() as client:
            found: Any = client.hgetall(keys.counters_part(1, p))
            return {name: int(value) for name, value in found.items()}

    def total(self, counter: str) -> int:
        """One counter over all dramas and partitions."""
        names = f":{counter}".encode()
        parts = range(self.settings.partitions)
        return sum(n for p in parts for name, n in self.numbers(p).items() if name.endswith(names))


@pytest.fixture
def world(stack: Settings, kafka_admin: Any) -> Iterator[World]:
    """An empty world, migrated.  What it leaves goes with the session's home: dropping it costs more than the test."""
    number = next(_numbers)
    topics = [NewTopic(f"world.{number}", stack.partitions, 1), NewTopic(f"world.{number}.dead", 1, 1)]
    made = kafka_admin.create_topics(topics)
    redis_url = stack.redis_url.removesuffix("/0") + f"/{1 + number % 15}"
    settings = stack.model_copy(update={"redis_url": redis_url, "clickhouse_database": f"world_{number}"})
    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()
    migrate(settings)
    namespaces.create(settings)
    for future in made.values():
        future.result(30)
    world = World(settings, *(topic.topic for topic in topics))
    yield world
    world.close()


def a_block_missing(world: World, p: int) -> None:
    """The second block of the partition; its rows are there."""
    world.command(
        f"ALTER TABLE blocks DELETE WHERE partition = {p} AND first IN"
        f" (SELECT first FROM blocks WHERE partition = {p} ORDER BY first LIMIT 1 OFFSET 1)"
    )
