"""The store worker as a process between real servers: load, workers that die, and the exact account at the end.

Kafka is the test stack's; Redis and ClickHouse are the arena's own, so that they may be killed, frozen and put back.
The table `events` is a plain MergeTree here: no merge may tidy a double away before it is counted.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
from confluent_kafka import Consumer, Producer, TopicPartition

from domain import events, keys
from domain.topics import EVENTS, PULSE_KEY, partition_of
from infra.clickhouse.client import connect
from infra.clickhouse.migrate import migrate
from infra.settings import Settings
from tests.clickhouse_server import ClickHouseServer
from tests.redis_server import RedisServer
from tests.stream import Stream, shuffled

DEADLINE_S = 90.0
LATE_EVERY = 97
MOST = 100_000  # events of one load


def until(done: Callable[[], Any], why: str, seconds: float = DEADLINE_S) -> Any:
    """The first true answer; fails after `seconds`."""
    end = time.monotonic() + seconds
    while not (answer := done()):
        assert time.monotonic() < end, f"not within {seconds} s: {why}"
        time.sleep(0.02)
    return answer


class Load(threading.Thread):
    """Writes events into the log, some twice and some late; `wanted` and `late` are what must come of them."""

    def __init__(self, settings: Settings, rate: int, seed: int) -> None:
        super().__init__(daemon=True)
        self._settings, self._rate, self._seed = settings, rate, seed
        self._enough = threading.Event()
        self._producer = Producer({"bootstrap.servers": settings.kafka, "acks": "all", "linger.ms": 2})
        self.wanted: set[str] = set()
        self.late: Counter[str] = Counter()
        self.last: dict[int, int] = {}

    def run(self) -> None:
        """At the rate, until it is enough."""
        begin = time.monotonic()
        for n, event in enumerate(shuffled(Stream(800, 100, self._seed), MOST, 0.03, 0.02)):
            if self._enough.wait(max(0.0, n / self._rate - (time.monotonic() - begin))):
                break
            self._write(event)
            self._producer.poll(0)

    def finish(self) -> None:
        """Stop, and return when everything is acknowledged."""
        self._enough.set()
        self.join()
        assert self._producer.flush(30) == 0

    def _write(self, event: events.AnyEvent) -> None:
        late = int(event.event_id[:8], 16) % LATE_EVERY == 0
        now_ms = int(time.time() * 1000)
        seq = event.seq + (self._seed * MOST if event.session_id == events.SERVER_SESSION else 0)  # of this load alone
        stamped = msgspec.structs.replace(event, received_at_ms=now_ms, ts_ms=now_ms, late=late, seq=seq)
        self.late.update([event.event_id] if late else [])
        self.wanted.update([] if late else [event.event_id])
        p = partition_of(event.user_id, self._settings.partitions)
        key = str(event.user_id)
        self._producer.produce(EVENTS.name, events.encode(stamped), key, p, on_delivery=self._delivered)

    def _delivered(self, error: object, message: Any) -> None:
        assert error is None
        self.last[message.partition()] = message.offset()


class Arena:
    """begin() before each test; end() after it."""

    def __init__(self, stack: Settings) -> None:
        self.redis, self.clickhouse = RedisServer(), ClickHouseServer()
        self._stack = stack
        self._number = 0
        self._workers: list[subprocess.Popen[bytes]] = []
        self.loads: list[Load] = []

    def begin(self) -> None:
        """Empty stores whose fences are at the ends of the log."""
        self._number += 1
        self.loads = []
        self.rnd = random.Random(self._number)
        self.settings = self._stack.model_copy(
            update={
                "redis_url": self.redis.url,
                "clickhouse_url": self.clickhouse.url,
                "clickhouse_database": f"arena_{self._number}",
            }
        )
        fences = {p: self._end(p) - 1 for p in range(self.settings.partitions)}
        with self.redis.client() as client:
            client.flushall()
        self.redis.migrate(fences)
        migrate(self.settings)
        self._prepare(fences)

    def _prepare(self, fences: dict[int, int]) -> None:
        """`events` without the net, and blocks up to the fences."""
        self.ask("RENAME TABLE events TO replacing")
        created = str(self.ask("SELECT create_table_query FROM system.tables WHERE database = currentDatabase()"
                               " AND name = 'replacing'")[0][0])  # fmt: skip
        self.ask(created.replace(".replacing ", ".events ", 1).replace("ReplacingMergeTree", "MergeTree"))
        for p, fence in fences.items():
            if fence >= 0:
                self.ask(f"INSERT INTO blocks (partition, first, last, records) VALUES ({p}, 0, {fence}, {fence + 1})")

    def _end(self, p: int) -> int:
        consumer = Consumer({"bootstrap.servers": self._stack.kafka, "group.id": "arena"})
        end = int(consumer.get_watermark_offsets(TopicPartition(EVENTS.name, p), 10.0, False)[1])
        consumer.close()
        return end

    # -- what happens ------------------------------------------------------------------------------------------------

    def load(self, rate: int = 300) -> Load:
        """Begin to write into the log, until everything has to be drained."""
        self.loads.append(Load(self.settings, rate, seed=self._number * 100 + len(self.loads)))
        self.loads[-1].start()
        return self.loads[-1]

    def pulse(self, value: bytes = b"") -> None:
        """Into every partition, as a worker does."""
        producer = Producer({"bootstrap.servers": self.settings.kafka})
        for p in range(self.settings.partitions):
            producer.produce(EVENTS.name, value, PULSE_KEY, p)
        assert producer.flush(10) == 0

    def worker(self, fail_at: str = "", member: str = "1", clickhouse_url: str = "") -> subprocess.Popen[bytes]:
        """`juliu stream store`; `fail_at` is where it dies (infra.failpoints)."""
        environment = os.environ | {
            "JULIU_KAFKA": self.settings.kafka, "JULIU_REDIS_URL": self.redis.url, "JULIU_WORKER_ID": f"arena-{member}",
            "JULIU_CLICKHOUSE_URL": clickhouse_url or self.clickhouse.url, "JULIU_PULSE_MS": "200",
            "JULIU_CLICKHOUSE_DATABASE": self.settings.clickhouse_database, "FAIL_AT": fail_at,
        }  # fmt: skip
        with (self.clickhouse.folder / "worker.log").open("ab") as log:
            process = subprocess.Popen([sys.executable, "-m", "juliu", "stream", "store"], stderr=log, env=environment)
        self._workers.append(process)
        return process

    def log(self) -> str:
        """What the workers said."""
        return (self.clickhouse.folder / "worker.log").read_text()

    def moved(self, by: int = 1) -> None:
        """Return when the Redis fences have moved by so many records more."""
        from_ = sum(self.fences())
        until(lambda: sum(self.fences()) >= from_ + by, f"the fences move\n{self.log()[-2000:]}")

    # -- what came of it ---------------------------------------------------------------------------------------------

    def fences(self) -> list[int]:
        """Of the store group, in Redis."""
        with self.redis.client() as client:
            partitions = range(self.settings.partitions)
            spaces = [int(client.get(keys.namespace(p)) or 0) for p in partitions]
            names = [keys.fence("store", spaces[p], p) for p in partitions]
            return [int(value) for value in client.mget(names)]

    def ask(self, sql: str) -> list[Any]:
        """Rows of a statement."""
        with connect(self.settings) as client:
            return list(client.query(sql).result_rows)

    def drained(self) -> None:
        """End the loads; return when everything that they wrote is stored."""
        for load in self.loads:
            load.finish()
        last = {p: max(load.last.get(p, -1) for load in self.loads) for p in range(self.settings.partitions)}
        until(lambda: all(self.fences()[p] >= at for p, at in last.items()), f"stored\n{self.log()[-2000:]}")

    def is_exact(self) -> None:
        """Each event is one row, plain count; late ones are apart; the blocks tell the same."""
        self.drained()
        rows = [str(each) for (each,) in self.ask("SELECT event_id FROM events")]
        late = Counter(str(each) for (each,) in self.ask("SELECT event_id FROM late_events"))
        assert len(rows) == len(set(rows)), f"{len(rows) - len(set(rows))} rows are double"
        assert set(rows) == set().union(*(load.wanted for load in self.loads))
        assert late == sum((load.late for load in self.loads), Counter[str]())
        chain = self.ask(
            "SELECT max(last), sum(last - first + 1) = max(last) - min(first) + 1, sum(blocks.rows), sum(blocks.late)"
            " FROM blocks GROUP BY partition ORDER BY partition"
        )
        assert [last for last, *_ in chain] == self.fences()
        assert all(whole for _, whole, *_ in chain)
        assert [sum(each[i] for each in chain) for i in (2, 3)] == [len(rows), late.total()]

    def end(self) -> None:
        """End loads, and by kill -9 the workers that still run."""
        for load in self.loads:
            load.finish()
        for process in self._workers:
            process.kill()
            process.wait()
        self._workers = []

    def close(self) -> None:
        """End everything, whatever does not end well."""
        with ExitStack() as last:
            last.callback(self.redis.close)
            last.callback(self.clickhouse.close)
            last.callback(self.end)


def copy_of(arena: Arena) -> Path:
    """A copy of the arena's ClickHouse, which is stopped for it."""
    arena.clickhouse.stop()
    kept = arena.clickhouse.keep()
    arena.clickhouse.start()
    return kept
