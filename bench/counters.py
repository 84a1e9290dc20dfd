"""The counters worker: events per CPU-second catching up a filled topic, and from event to Redis at a steady rate.

    python -m bench.counters [--events 200000] [--rate 1000] [--seconds 30]

On a stack that is up and migrated, without other counters workers (JULIU_HOME names it); it writes to that stack's log,
so use one of your own.  Redis is one of the bench's own.  Both are checked against the independent ledger.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from domain import events
from infra.settings import Settings, load
from tests.fold_worker import Log, Worker, caught_up, equals_ledger, fences, total
from tests.redis_server import RedisServer, until
from tests.stream import Stream, shuffled

POLL_S = 0.002  # between looks at the fences: what latencies are exact to


def main() -> None:
    """Both parts, in order."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--events", type=int, default=200_000)
    arguments.add_argument("--rate", type=int, default=1_000)
    arguments.add_argument("--seconds", type=int, default=30)
    asked = arguments.parse_args()
    settings = load()
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    print(f"load {os.getloadavg()[0]:.1f} on {psutil.cpu_count()} CPUs")
    if asked.events:
        with bench(settings, shuffled(Stream(), asked.events)) as (server, log, worker):
            catch_up(server, log, worker)
    if asked.seconds:
        with bench(settings, shuffled(Stream(seed=2), 100)) as (server, log, worker):
            steady(server, log, worker, asked.rate, asked.seconds)


@contextmanager
def bench(settings: Settings, filled: Iterator[events.AnyEvent]) -> Iterator[tuple[RedisServer, Log, Worker]]:
    """A Redis and a worker behind a log that was filled first; exact at the end."""
    server, log = RedisServer(), Log(settings)
    try:
        server.migrate({p: begin - 1 for p, begin in log.begins.items()})
        for event in filled:
            log.put(event)
        log.flush()
        with tempfile.TemporaryDirectory() as folder:
            worker = Worker(settings, server.url, Path(folder) / "worker.log", JULIU_WORKER_ID="bench")
            yield server, log, worker
            caught_up(server, log)
            worker.signal(signal.SIGTERM)
            worker.ended(60)
        equals_ledger(server, log)
        print("  exact, by the ledger")
    finally:
        server.close()


def catch_up(server: RedisServer, log: Log, worker: Worker) -> None:
    """From the first record that is in Redis to the last."""
    process = psutil.Process(worker.process.pid)
    begin = sum(log.begins.values()) - log.partitions
    until(lambda: total(server, log.partitions) > begin, 60, "it moves")
    records, cpu, redis_cpu, began = total(server, log.partitions), cpu_s(process), redis_s(server), time.monotonic()
    caught_up(server, log, 300)
    records, seconds = total(server, log.partitions) - records, time.monotonic() - began
    cpu, redis_cpu = cpu_s(process) - cpu, redis_s(server) - redis_cpu
    each, redis_each = cpu / records * 1e6, redis_cpu / records * 1e6
    print(
        f"catch-up: {records:,} events, {records / cpu:,.0f} per CPU-second of the worker ({each:.1f} us an event),"
        f" {records / seconds:,.0f}/s; Redis {redis_each:.1f} us; {process.memory_info().rss / 2**20:.0f} MiB"
    )


def steady(server: RedisServer, log: Log, worker: Worker, rate: int, seconds: int) -> None:
    """From the hand-over to the producer to the fence that passes it."""
    process = psutil.Process(worker.process.pid)
    caught_up(server, log)
    first = {p: fence + 1 for p, fence in log.fences_at_end().items()}
    load, cpu = shuffled(Stream(seed=3), rate * seconds), cpu_s(process)
    thread = log.stream(load, rate)
    written = len(log.written)
    passed: dict[int, list[tuple[int, float]]] = {p: [] for p in range(log.partitions)}
    with server.client() as client:
        while thread.is_alive():
            now, found = time.time(), fences(client, log.partitions)
            for p, fence in found.items():
                if not passed[p] or passed[p][-1][0] < fence:
                    passed[p].append((fence, now))
            time.sleep(POLL_S)
    cpu = (cpu_s(process) - cpu) / seconds
    waited = sorted(_waits(log, written, first, passed))
    at = {share: waited[int(len(waited) * share)] * 1000 for share in (0.5, 0.95, 0.99)}
    print(
        f"at {rate}/s: event to Redis p50 {at[0.5]:.0f}, p95 {at[0.95]:.0f}, p99 {at[0.99]:.0f},"
        f" max {waited[-1] * 1000:.0f} ms; worker {cpu:.2f} CPUs"
    )


def _waits(
    log: Log, written: int, first: dict[int, int], passed: dict[int, list[tuple[int, float]]]
) -> Iterator[float]:
    """Seconds of each event, as far as its fence was seen."""
    at, seen = dict(first), Counter[int]()
    for event, put_s in zip(log.written[written:], log.put_at[written:], strict=True):
        p = log.partition(event)
        while seen[p] < len(passed[p]) and passed[p][seen[p]][0] < at[p]:
            seen[p] += 1
        if seen[p] < len(passed[p]):
            yield passed[p][seen[p]][1] - put_s
        at[p] += 1


def cpu_s(process: psutil.Process) -> float:
    """CPU seconds, user and system."""
    spent = process.cpu_times()
    return float(spent.user + spent.system)


def redis_s(server: RedisServer) -> float:
    """CPU seconds of Redis's main thread and children."""
    with server.client() as client:
        spent: Any = client.info("cpu")
    return float(spent["used_cpu_user"] + spent["used_cpu_sys"])


if __name__ == "__main__":
    main()
