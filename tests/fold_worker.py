"""A worker as a process, the load it gets, and what must be in Redis afterwards: for tests on real servers."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from confluent_kafka import Consumer, Producer, TopicPartition

from domain import counters, events, hotness, keys, registers
from domain.topics import DEAD, EVENTS, partition_of
from infra.local import ports
from infra.settings import Settings
from juliu.faults import expected
from tests.redis_server import RedisServer, until

MOVES_S = 60.0  # a busy machine may take this long to start Python


class Worker:
    """`juliu stream counters` on these settings, or the code that is given; its lines go to `out`."""

    def __init__(self, settings: Settings, redis_url: str, out: Path, code: str = "", **env: str) -> None:
        self.out, self.port = out, free_port()
        self._command = [sys.executable, *(("-c", code) if code else ("-m", "juliu", "stream", "counters"))]
        self._env = os.environ | {
            "JULIU_KAFKA": settings.kafka, "JULIU_REDIS_URL": redis_url, "JULIU_PARTITIONS": str(settings.partitions),
            "JULIU_METRICS_PORT": str(self.port), "PYTHONUNBUFFERED": "1", **env,
        }  # fmt: skip
        self.process = self._spawn()

    def again(self) -> None:
        """Start it once more, as a supervisor does."""
        self.process = self._spawn()

    def kill(self) -> None:
        """kill -9."""
        self.process.kill()
        self.process.wait()

    def signal(self, number: int) -> None:
        """SIGSTOP, SIGCONT, SIGTERM ..."""
        self.process.send_signal(number)

    def ended(self, seconds: float = MOVES_S) -> int:
        """Its exit code, once it has ended."""
        return self.process.wait(seconds)

    def stop(self) -> int:
        """An orderly stop; its exit code."""
        self.signal(signal.SIGTERM)
        return self.ended(30)

    def close(self) -> None:
        """Whatever became of it."""
        if self.process.poll() is None:
            self.signal(signal.SIGCONT)
            self.kill()

    def ask(self, path: str) -> tuple[int, str]:
        """Status and body of its HTTP server; (0, "") where nobody listens."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def lines(self) -> list[dict[str, Any]]:
        """What it logged."""
        return [json.loads(line) for line in self.out.read_text().splitlines() if line.startswith("{")]

    def _spawn(self) -> subprocess.Popen[bytes]:
        with self.out.open("ab") as out:
            return subprocess.Popen(self._command, env=self._env, stdout=out, stderr=out, start_new_session=True)


class Log:
    """juliu.events from where it ends now, and everything that this test wrote into it."""

    def __init__(self, settings: Settings) -> None:
        self.partitions = settings.partitions
        self.begins = ends(settings)
        self.written: list[events.AnyEvent] = []
        self.put_at: list[float] = []  # seconds since 1970
        self.acked = 0
        self._settings = settings
        self.reconnect(settings)

    def reconnect(self, settings: Settings, compression: str = "none") -> None:
        """Write with another producer from here on."""
        self._producer = Producer(
            {"bootstrap.servers": settings.kafka, "acks": "all", "enable.idempotence": True, "linger.ms": 5,
             "compression.type": compression}
        )  # fmt: skip

    def put(self, event: events.AnyEvent) -> None:
        """As the API writes it."""
        self.written.append(event)
        self.put_at.append(time.time())
        self.put_raw(self.partition(event), str(event.user_id).encode(), events.encode(event))

    def partition(self, event: events.AnyEvent) -> int:
        """Where it goes."""
        return partition_of(event.user_id, self.partitions)

    def put_raw(self, p: int, key: bytes, value: bytes) -> None:
        """Any bytes."""
        while True:
            try:
                self._producer.produce(EVENTS.name, value, key, p, on_delivery=self._report)
                break
            except BufferError:  # the queue is full
                self._producer.poll(0.1)
        self._producer.poll(0)

    def flush(self) -> None:
        """All of it is in the log."""
        assert self._producer.flush(60) == 0

    def stream(self, load: Iterable[events.AnyEvent], rate: float) -> threading.Thread:
        """Write at a steady rate in a thread; received_at is the moment of writing."""

        def run() -> None:
            began = time.monotonic()
            for i, event in enumerate(load):
                while (ahead := began + i / rate - time.monotonic()) > 0:
                    time.sleep(min(ahead, 0.05))
                self.put(event)
            self.flush()

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        return thread

    def ledger(self) -> expected.Expected:
        """The independent fold of what was written."""
        return expected.fold(json.loads(events.encode(event)) for event in self.written)

    def fences_at_end(self) -> dict[int, int]:
        """The fences of a store that has everything."""
        return {p: end - 1 for p, end in ends(self._settings).items()}

    def _report(self, error: Any, _message: Any) -> None:
        assert error is None, error
        self.acked += 1


def ends(settings: Settings) -> dict[int, int]:
    """The offset that the next record of each partition will get."""
    consumer = Consumer({"bootstrap.servers": settings.kafka, "group.id": "test-ends"})
    try:
        return {
            p: consumer.get_watermark_offsets(TopicPartition(EVENTS.name, p), 30)[1] for p in range(settings.partitions)
        }
    finally:
        consumer.close()


def dead_letters(settings: Settings, enough: Callable[[list[Any]], bool]) -> list[Any]:
    """All messages of juliu.dead, once there are enough."""
    consumer = Consumer({"bootstrap.servers": settings.kafka, "group.id": "test-dead", "auto.offset.reset": "earliest"})
    consumer.assign([TopicPartition(DEAD.name, 0, 0)])
    found: list[Any] = []

    def more() -> bool:
        found.extend(message for message in consumer.consume(500, 0.2) if not message.error())
        return enough(found)

    try:
        until(more, 30, "dead letters")
    finally:
        consumer.close()
    return found


def fences(client: redis.Redis, partitions: int, group: str = "counters", namespace: int = 1) -> dict[int, int]:
    """Of all partitions, in one namespace."""
    values: Any = client.mget([keys.fence(group, namespace, p) for p in range(partitions)])
    return {p: int(value) for p, value in enumerate(values)}


def total(server: RedisServer, partitions: int) -> int:
    """Records that are in the store, whatever Redis goes through meanwhile; -1 when nobody knows."""
    try:
        with server.client() as client:
            return sum(fences(client, partitions).values())
    except redis.RedisError:
        return -(10**9)


def caught_up(server: RedisServer, log: Log, seconds: float = 90) -> None:
    """Wait until the fences are at the log's end."""
    want = sum(log.fences_at_end().values())
    until(lambda: total(server, log.partitions) == want, seconds, f"fences at {log.fences_at_end()}")


def equals_ledger(server: RedisServer, log: Log, namespace: int = 1) -> None:
    """Everything in Redis is what the independent fold says."""
    want = log.ledger()
    with server.client() as client:
        state = State(client, log.partitions, namespace)
    assert state.numbers == want.numbers()
    assert state.progress == want.progress
    assert state.seen == {user: bits for user, bits in want.seen.items() if bits}
    assert state.heat.keys() == want.heat.keys()
    assert state.heat == pytest.approx(dict(want.heat), rel=1e-9)
    newest = {
        user: dict(sorted(dramas.items(), key=lambda x: (x[1], str(x[0])))[-keys.RECENT_KEPT :])
        for user, dramas in want.recent.items()
    }
    assert state.recent == newest


class State:
    """What the fold wrote, of all partitions in one namespace."""

    def __init__(self, client: redis.Redis, partitions: int, namespace: int = 1) -> None:
        self.namespace = namespace
        self.numbers: Counter[tuple[int, str]] = Counter()
        self.progress: dict[tuple[int, int], Any] = {}
        self.heat: dict[tuple[str, int, int], float] = defaultdict(float)
        self.seen: dict[int, set[int]] = {}
        self.recent: dict[int, dict[int, int]] = {}
        for p in range(partitions):
            self._numbers(client, p)
            self._heat(client, p)
            self._viewers(client, p)
        self.numbers = Counter({at: n for at, n in self.numbers.items() if n})

    def _numbers(self, client: redis.Redis, p: int) -> None:
        found: Any = client.hgetall(keys.counters_part(self.namespace, p))
        for name, number in found.items():
            drama_id, counter = counters.parse_field(name.decode())
            self.numbers[drama_id, counters.COUNTERS[counter]] += int(number)

    def _heat(self, client: redis.Redis, p: int) -> None:
        for decay in hotness.DECAYS:
            for epoch in range(80):
                found: Any = client.zrange(keys.heat_part(decay.name, self.namespace, p, epoch), 0, -1, withscores=True)
                for drama_id, score in found:
                    self.heat[decay.name, epoch, int(drama_id)] += score

    def _viewers(self, client: redis.Redis, p: int) -> None:
        for user, cells in _users(client, keys.user(self.namespace, p, 0), "hgetall"):
            for name, cell in cells.items():
                if name.startswith(b"g"):
                    self.progress[user, int(name[1:])] = registers.decode(cell.decode(), registers.PROGRESS_WIDTH)
        for user, bitmap in _users(client, keys.seen(self.namespace, p, 0), "get"):
            self.seen[user] = {
                8 * i + bit for i, byte in enumerate(bitmap) for bit in range(8) if byte >> (7 - bit) & 1
            }
        for user, members in _users(client, keys.recent(self.namespace, p, 0), "zrange", 0, -1, False, True):
            self.recent[user] = {int(drama_id): int(ts_ms) for drama_id, ts_ms in members}


def _users(client: redis.Redis, zero: str, verb: str, *rest: Any) -> Iterator[tuple[int, Any]]:
    """(user, value) of a key family, given the key of user 0."""
    names = list(client.scan_iter(zero.removesuffix("0") + "*", count=1000))
    for at in range(0, len(names), 1000):
        page, pipe = names[at : at + 1000], client.pipeline(transaction=False)
        for name in page:
            getattr(pipe, verb)(name, *rest)
        yield from zip((int(name.rsplit(b":", 1)[1]) for name in page), pipe.execute(), strict=True)


def free_port() -> int:
    """A port that nobody listens on now.

    Below those that the kernel gives to outgoing connections, so that it is still free when a process takes it, and
    below those of the stacks (infra.local.ports).
    """
    chance = random.SystemRandom()
    return next(port for port in iter(lambda: chance.randrange(10_000, ports.FIRST), None) if ports.is_free(port))
