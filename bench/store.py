"""The store worker: rows per CPU-second catching up a filled topic, and from event to queryable at a steady rate.

    python -m bench.store [--events 200000] [--rate 1000] [--seconds 30]

On a stack that is up, migrated and without a store worker (JULIU_HOME names it); it writes to that stack's log, so
use one of your own.  CPU of ClickHouse and Redis is that of their processes meanwhile.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import redis
from confluent_kafka import Producer

from domain import events, keys
from domain.topics import EVENTS, partition_of
from infra.clickhouse.client import connect
from infra.settings import Settings, load
from tests.stream import Stream

DEADLINE_S = 180


def main() -> None:
    """Both parts, in order."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--events", type=int, default=200_000)
    arguments.add_argument("--rate", type=int, default=1_000)
    arguments.add_argument("--seconds", type=int, default=30)
    asked = arguments.parse_args()
    settings = load()
    source = Source(settings)
    if asked.events:
        source.fill(asked.events)
        with worker() as process:
            catch_up(settings, source, process)
    if asked.seconds:
        with worker() as process:
            steady(settings, source, process, asked.rate, asked.seconds)


class Source:
    """Writes a stream of events into the log; `last` is each partition's last offset."""

    def __init__(self, settings: Settings) -> None:
        self._producer = Producer({"bootstrap.servers": settings.kafka, "linger.ms": 5, "acks": "all"})
        self._partitions = settings.partitions
        self._stream = Stream(seed=time.time_ns() % 2**32)
        self._seqs = time.time_ns() // 1000
        self.last: dict[int, int] = {}
        self.sent = 0

    def fill(self, count: int) -> None:
        """As fast as possible."""
        for _ in range(count):
            self.one()
            if self.sent % 10_000 == 0:
                self._producer.flush()
        self._producer.flush()

    def pace(self, rate: int, seconds: int) -> None:
        """`rate` a second, each stamped with the time at which it is written."""
        begin = time.monotonic()
        for i in range(rate * seconds):
            if (ahead := i / rate - (time.monotonic() - begin)) > 0:
                time.sleep(ahead)
            self.one()
            self._producer.poll(0)
        self._producer.flush()

    def one(self) -> None:
        """One event, received now."""
        event = self._stream.next()
        now_ms = int(time.time() * 1000)
        value = events.encode(events.msgspec.structs.replace(event, ts_ms=now_ms, received_at_ms=now_ms))
        p = partition_of(event.user_id, self._partitions)
        self._producer.produce(EVENTS.name, value, str(event.user_id), p, on_delivery=self._delivered)
        self.sent += 1

    def _delivered(self, error: object, message: object) -> None:
        if error is not None:
            raise SystemExit(f"Kafka: {error}")
        self.last[message.partition()] = message.offset()  # type: ignore[attr-defined]


@contextmanager
def worker() -> Iterator[psutil.Process]:
    """`juliu stream store`, until the end of the block."""
    command = [sys.executable, "-m", "juliu", "stream", "store"]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        yield psutil.Process(process.pid)
        process.terminate()


def catch_up(settings: Settings, source: Source, process: psutil.Process) -> None:
    """CPU from the first fence that moves to the last event stored."""
    client = redis.Redis.from_url(settings.redis_url)
    with connect(settings) as rows:
        stored_before = int(rows.command("SELECT count() FROM events"))
        begun = fences(client, settings)
        wait(lambda: sum(fences(client, settings)) > sum(begun))
        first, cpu = sum(fences(client, settings)), cpus(settings, process)
        started = time.monotonic()
        wait(lambda: all(fences(client, settings)[p] >= at - 25_000 for p, at in source.last.items()))
        wait(lambda: all(fences(client, settings)[p] >= at for p, at in source.last.items()))
        seconds, count = time.monotonic() - started, sum(fences(client, settings)) - first
        used = [after - before for before, after in zip(cpu, cpus(settings, process), strict=True)]
        stored = int(rows.command("SELECT count() FROM events")) - stored_before
        print(f"caught up {count:,} records of {stored:,} rows in {seconds:.1f} s: {count / seconds:,.0f} a second")
        for name, cost in zip(("worker", "ClickHouse", "Redis"), used, strict=True):
            print(f"  {name}: {cost / count * 1e6:.2f} us of CPU a record, {count / cost:,.0f} a CPU-second")
        blocks = rows.query("SELECT count(), round(avg(records)), max(records), sum(rows) FROM blocks").result_rows[0]
        print("  blocks, records on average, most, rows:", *blocks, " load:", os.getloadavg()[0])


def steady(settings: Settings, source: Source, process: psutil.Process, rate: int, seconds: int) -> None:
    """Every event's time from received_at to the end of the insert that made it queryable, as `blocks.at` tells."""
    client = redis.Redis.from_url(settings.redis_url)
    source.fill(settings.partitions * 50)
    wait(lambda: all(fences(client, settings)[p] >= at for p, at in source.last.items()))
    cpu, since_ms = cpus(settings, process), int(time.time() * 1000)
    writer = threading.Thread(target=source.pace, args=(rate, seconds))
    writer.start()
    writer.join()
    wait(lambda: all(fences(client, settings)[p] >= at for p, at in source.last.items()))
    used = [after - before for before, after in zip(cpu, cpus(settings, process), strict=True)]
    with connect(settings) as rows:
        ages = rows.query(
            "SELECT count(), quantilesExact(0.5, 0.95, 0.99, 1)(toUnixTimestamp64Milli(at) -"
            " toUnixTimestamp64Milli(received_at)) FROM events ASOF JOIN blocks ON events.partition = blocks.partition"
            " AND events.offset >= blocks.first WHERE received_at >= fromUnixTimestamp64Milli({since:Int64})",
            {"since": since_ms},
        ).result_rows[0]
    print(f"{rate} a second, {seconds} s: {ages[0]:,} events, to queryable p50 {ages[1][0]} p95 {ages[1][1]}", end="")
    print(f" p99 {ages[1][2]} max {ages[1][3]} ms; cores:", end="")
    print("".join(f" {n} {c / seconds:.2f}" for n, c in zip(("worker", "ClickHouse", "Redis"), used, strict=True)))


def fences(client: redis.Redis, settings: Settings) -> list[int]:
    """The store group's fences in Redis."""
    names = [keys.fence("store", int(client.get(keys.namespace(p)) or 0), p) for p in range(settings.partitions)]  # type: ignore[arg-type]
    return [int(value or -1) for value in client.mget(names)]  # type: ignore[union-attr]


def cpus(settings: Settings, process: psutil.Process) -> tuple[float, float, float]:
    """CPU seconds so far of the worker, ClickHouse and Redis."""
    info = redis.Redis.from_url(settings.redis_url).info("cpu")
    with connect(settings) as rows:
        used = rows.command(
            "SELECT sum(value) / 1e6 FROM system.events WHERE event IN ('OSCPUVirtualTimeMicroseconds')"
        )
    mine = process.cpu_times()
    return mine.user + mine.system, float(str(used)), info["used_cpu_user"] + info["used_cpu_sys"]  # type: ignore[index]


def wait(done: object) -> None:
    """Until it is so; DEADLINE_S at most."""
    until = time.monotonic() + DEADLINE_S
    while not done():  # type: ignore[operator]
        if time.monotonic() > until:
            raise SystemExit("it did not happen in time")
        time.sleep(0.02)


if __name__ == "__main__":
    main()
