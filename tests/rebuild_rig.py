"""A small log folded by the product's own two groups into a real Redis and a real ClickHouse, in this process."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Iterable, Sequence

import msgspec
import redis

from domain import events, keys
from domain.topics import PULSE_KEY, partition_of
from infra import namespaces
from infra.clickhouse.clickhouse_row_store import ClickHouseRowStore
from infra.clickhouse.http import Http
from infra.clickhouse.migrate import migrate
from infra.fold_store import RedisFoldStore, connect
from infra.settings import Settings
from juliu.faults import expected
from streams.counting import Counters
from streams.store import Store
from tests.log_records import FakeRecord
from tests.store_rig import Dead
from tests.stream import NOW_MS, Stream, shuffled

PARTITIONS = 3
PULSE_EVERY = 97


def odd(load: Iterable[events.AnyEvent], seed: int) -> Iterable[events.AnyEvent]:
    """The same with what is rare: late events, lengths that change within a playback, playbacks of many pieces."""
    rnd = random.Random(seed)
    for event in map(stretched, load):
        x = rnd.random()
        if x < 0.01:
            yield msgspec.structs.replace(event, late=True)
        elif isinstance(event, events.Heartbeat) and x < 0.03:
            yield msgspec.structs.replace(event, duration_ms=event.duration_ms + rnd.choice((-900, 5_000)))
        elif isinstance(event, events.PlayEvent) and x < 0.035:
            yield msgspec.structs.replace(event, drama_id=event.drama_id % 7 + 1)
        elif isinstance(event, events.Heartbeat) and x < 0.1:
            at = rnd.randrange(0, 200) * 300
            yield msgspec.structs.replace(event, from_ms=at, to_ms=at + 150)
        else:
            yield event


def stretched(event: events.AnyEvent) -> events.AnyEvent:
    """Over two weeks and the turn of a month instead of some seconds."""
    ts_ms, received_at_ms = (NOW_MS + 200_000 * (at - NOW_MS) for at in (event.ts_ms, event.received_at_ms))
    return msgspec.structs.replace(event, ts_ms=ts_ms, received_at_ms=received_at_ms)


def in_pieces(seed: int) -> list[events.AnyEvent]:
    """A playback of more pieces than its union keeps apart, so that what it adds up to depends on their order."""
    about = {
        "user_id": 900 + seed, "session_id": f"00000000-0000-4000-8000-{seed:012}", "drama_id": 3, "drama_index": 9,
        "episode_no": 2, "duration_ms": 90_000, "play_id": f"00000000-0000-4000-9000-{seed:012}",
        "at_ms": NOW_MS, "ts_ms": NOW_MS, "received_at_ms": NOW_MS,
    }  # fmt: skip
    at = [n * 700 for n in range(100)]
    random.Random(seed).shuffle(at)
    ids = (f"00000000-0000-4000-a000-{n:012}" for n in range(101))
    start = events.PlayStarted(event_id=next(ids), seq=1, qualified=True, **about)
    beats = [
        events.Heartbeat(event_id=next(ids), seq=2 + n, from_ms=a, to_ms=a + 300, **about) for n, a in enumerate(at)
    ]
    return [start, *beats]


class Rig:
    """A log in memory; `fold` takes what is in it and was not taken yet."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings.model_copy(update={"partitions": PARTITIONS})
        migrate(self.settings)
        namespaces.create(self.settings)
        self.parts: list[list[FakeRecord]] = [[] for _ in range(PARTITIONS)]
        self.written: list[events.AnyEvent] = []

    def write(self, load: Iterable[events.AnyEvent]) -> None:
        """Into the log, as the API and the store's pulse clock do."""
        for event in load:
            self.written.append(event)
            self._append(partition_of(event.user_id, PARTITIONS), str(event.user_id).encode(), events.encode(event))
            if len(self.written) % PULSE_EVERY == 0:
                self.pulse(len(self.written) // PULSE_EVERY % PARTITIONS)

    def pulse(self, p: int, value: bytes = b"") -> None:
        """A control record."""
        self._append(p, PULSE_KEY, value)

    def fold(self, upto: Sequence[int] | None = None) -> None:
        """Both groups take the log (of each partition the first `upto` records)."""
        asyncio.run(self._fold(upto or [len(part) for part in self.parts]))

    def expected(self) -> expected.Expected:
        """The independent fold of what was written, in the order of the log."""
        return expected.fold(json.loads(events.encode(event)) for event in self.written)

    def client(self) -> redis.Redis:
        """Redis, bytes in and out."""
        return redis.Redis.from_url(self.settings.redis_url)

    def fences(self, group: str = "store") -> dict[int, int]:
        """Of the namespaces in use."""
        with self.client() as client:
            found = {p: int(client.get(keys.namespace(p)) or 0) for p in range(PARTITIONS)}  # type: ignore[arg-type]
            return {p: int(client.get(keys.fence(group, ns, p)) or 0) for p, ns in found.items()}  # type: ignore[arg-type]

    async def _fold(self, upto: Sequence[int]) -> None:
        client, http = connect(self.settings.redis_url), Http(self.settings)
        works = (
            Counters(RedisFoldStore(client, "counters"), Dead(), PARTITIONS),  # type: ignore[arg-type]
            Store(ClickHouseRowStore(http), RedisFoldStore(client, "store"), Dead(), PARTITIONS),  # type: ignore[arg-type]
        )
        for work in works:
            for p, part in enumerate(self.parts):
                opened = await work.open(p)
                if run := part[opened.position : upto[p]]:
                    await opened.take(run)
        await http.close()
        await client.aclose()

    def _append(self, p: int, key: bytes, value: bytes) -> None:
        self.parts[p].append(FakeRecord(len(self.parts[p]), key, value))


def a_log(rig: Rig, n: int = 6_000, seed: int = 1) -> None:
    """Some thousand events with everything that is rare, folded up to the last pulse of each partition."""
    rig.write(odd(shuffled(Stream(150, 40, seed), n, 0.03, 0.03), seed))
    rig.write(in_pieces(seed))
    for p in range(PARTITIONS):
        rig.pulse(p)
    rig.fold()
