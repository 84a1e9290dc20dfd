"""`juliu rebuild redis` beside live workers and a load that goes on: nothing lost, nothing double, every key equal."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from domain import keys
from infra.clickhouse.client import connect
from infra.clickhouse.migrate import migrate
from infra.namespaces import GROUPS
from infra.settings import Settings
from juliu.load.positions import LogEnd, reached
from juliu.rebuild import dump
from juliu.rebuild.compare import Comparison
from juliu.rebuild.forward import Forward
from tests.fold_worker import Log, Worker, equals_ledger
from tests.redis_server import RedisServer, until
from tests.servers import clickhouse_client
from tests.stream import Stream, shuffled

pytestmark = [pytest.mark.servers, pytest.mark.timeout(240)]

REFERENCE = 2**61  # a namespace of the tests, folded from the log alone
RATE, MOST = 250, 100_000  # events a second, and in all
_numbers = itertools.count(1)


class World:
    """Both workers on the shared log, a Redis and a database of their own."""

    def __init__(self, stack: Settings, redis_server: RedisServer, folder: Path) -> None:
        self.number = next(_numbers)
        self.server, self._folder = redis_server, folder
        self.settings = stack.model_copy(
            update={"redis_url": redis_server.url, "clickhouse_database": f"rebuild_{self.number}"}
        )
        self.log = Log(stack)
        with redis_server.client() as client:
            client.flushall()
        redis_server.migrate({p: begin - 1 for p, begin in self.log.begins.items()})
        migrate(self.settings)
        with connect(self.settings) as client:
            for p, begin in self.log.begins.items():
                if begin:
                    client.command(
                        f"INSERT INTO blocks (partition, first, last, records) VALUES ({p}, 0, {begin - 1}, {begin})"
                    )
        self.workers = [self._worker(group) for group in GROUPS]

    def _worker(self, group: str) -> Worker:
        code = f"import sys; sys.argv = ['juliu', 'stream', {group!r}]; from juliu.cli import main; main()"
        env = {
            "JULIU_CLICKHOUSE_URL": self.settings.clickhouse_url, "JULIU_PULSE_MS": "200",
            "JULIU_CLICKHOUSE_DATABASE": self.settings.clickhouse_database, "JULIU_WORKER_ID": f"rebuild-{self.number}",
        }  # fmt: skip
        return Worker(self.settings, self.server.url, self._folder / f"{group}-{self.number}.log", code, **env)

    def load(self) -> Callable[[], None]:
        """Events at a steady rate, some sent again, some out of order, until what it answers is called."""
        enough = threading.Event()
        events = shuffled(Stream(120, 30, seed=next(_numbers)), MOST, 0.05, 0.05)
        thread = self.log.stream(itertools.takewhile(lambda _: not enough.is_set(), events), RATE)

        def stop() -> None:
            assert thread.is_alive(), "it came to its end by itself"
            enough.set()
            thread.join()

        return stop

    def some(self, n: int) -> None:
        """So many events, counted and stored."""
        stop = self.load()
        self.moved(n)
        stop()
        self.quiet()

    def rebuild(self, *arguments: str, code: int = 0, **env: str) -> Any:
        """`juliu rebuild redis`, as everybody types it; its report."""
        about = {
            "JULIU_KAFKA": self.settings.kafka, "JULIU_REDIS_URL": self.server.url,
            "JULIU_CLICKHOUSE_URL": self.settings.clickhouse_url,
            "JULIU_CLICKHOUSE_DATABASE": self.settings.clickhouse_database,
        }  # fmt: skip
        command = [sys.executable, "-m", "juliu", "rebuild", "redis", "--json", *arguments]
        done = subprocess.run(command, env=os.environ | about | env, capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        return json.loads(done.stdout) if done.stdout else done.stderr

    def namespaces(self, client: redis.Redis) -> dict[int, int]:
        """In use."""
        return {p: int(client.get(keys.namespace(p)) or 0) for p in range(self.log.partitions)}  # type: ignore[arg-type]

    def moved(self, by: int) -> None:
        """Return when both groups have so many records more."""
        begin = {group: self._total(group) for group in GROUPS}
        until(lambda: all(self._total(group) >= begin[group] + by for group in GROUPS), 60, "both groups move")

    def _total(self, group: str) -> int:
        return sum(self._fences(group))

    def _fences(self, group: str) -> list[int]:
        with self.server.client() as client:
            found = client.mget([keys.fence(group, ns, p) for p, ns in self.namespaces(client).items()])
            return [int(fence or 0) for fence in found]  # type: ignore[union-attr]

    def quiet(self) -> None:
        """Return when every event is counted and stored."""
        end = LogEnd(self.settings)
        last = end.last_events()
        end.close()
        for group in GROUPS:
            until(lambda: reached(self._fences(group), last), 90, f"{group} has all of it")  # noqa: B023

    def is_exact(self) -> None:
        """Every key in use is what the product's folds make of the log alone, and what an independent fold says."""
        with self.server.client() as client, Forward(self.settings) as forward:
            for p, namespace in self.namespaces(client).items():
                client.set(keys.rebuilding(p), REFERENCE)
                for group in GROUPS:
                    client.set(keys.fence(group, REFERENCE, p), self.log.begins[p] - 1)
                comparison = Comparison(client, forward, p, namespace, REFERENCE, lambda: None)
                assert comparison.run() == []
                assert comparison.compared > 10
                client.delete(keys.rebuilding(p), *dump.names(client, p, REFERENCE))
            (used,) = set(self.namespaces(client).values())
        equals_ledger(self.server, self.log, used)

    def leftovers(self) -> list[str]:
        """Keys of namespaces that are not in use, and of a rebuild."""
        with self.server.client(decode_responses=True) as client:
            used = self.namespaces(client)
            found: list[str] = []
            for key in client.scan_iter(count=1_000):
                of = keys.namespace_of(key)
                found += [key] if key.startswith("rebuild:") or (of and used[of[0]] != of[1]) else []
            return found

    def close(self) -> None:
        """The workers end."""
        for worker in self.workers:
            worker.close()


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    """One Redis for these tests; each begins with an empty one."""
    server = RedisServer()
    yield server
    server.close()


@pytest.fixture
def world(stack: Settings, server: RedisServer, tmp_path: Path) -> Iterator[World]:
    """Running."""
    world = World(stack, server, tmp_path)
    yield world
    world.close()
    with clickhouse_client(stack) as client:
        client.command(f"DROP DATABASE {world.settings.clickhouse_database} SYNC")


def needs_a_rebuild(worker: Worker) -> bool:
    """It waits, and says for what."""
    status, text = worker.ask("/readyz")
    return status == 503 and json.loads(text).get("needs") == ["juliu rebuild redis"]


def test_redis_that_lost_everything_under_load_is_made_anew_and_the_workers_go_on_by_themselves(world: World) -> None:
    stop = world.load()
    world.moved(500)
    with world.server.client() as client:
        client.flushall()
    until(lambda: all(map(needs_a_rebuild, world.workers)), 60, "both workers wait, and say for what")
    report = world.rebuild("--to-namespace", "7")
    assert [one["before"] for one in report["partitions"]] == [None] * world.log.partitions
    assert report["events"] > 300
    world.moved(300)
    stop()
    world.quiet()
    world.is_exact()
    assert not world.leftovers()
    with world.server.client() as client:
        assert int(client.get(keys.PARTITIONS) or 0) == world.log.partitions  # type: ignore[arg-type]
        assert client.exists(keys.CATALOGUE_VERSION)
    assert all(worker.process.poll() is None for worker in world.workers), "they waited in place"


def test_a_rebuild_under_load_may_be_killed_and_the_next_one_compares_and_switches(world: World) -> None:
    stop = world.load()
    world.moved(500)
    world.rebuild(code=-signal.SIGKILL, FAIL_AT="rebuild.before_pointer")
    assert world.leftovers()
    with world.server.client() as client:
        assert world.namespaces(client) == dict.fromkeys(range(world.log.partitions), 1)
        assert "another rebuild is at work" in world.rebuild(code=1)
        client.delete(keys.REBUILD_LOCK)  # as half a minute does
    report = world.rebuild("--to-namespace", str(2**60))
    assert report["removed_keys"] > 100
    assert report["differences"] == []
    assert report["compared_keys"] > 200
    assert {one["before"] for one in report["partitions"]} == {1}
    world.moved(300)
    stop()
    world.quiet()
    world.is_exact()
    assert not world.leftovers()


def test_what_differs_is_named_and_stays_in_use_unless_forced(world: World) -> None:
    world.some(600)
    p = 1
    with world.server.client() as client:
        field = next(iter(client.hgetall(keys.counters_part(1, p)))).decode()  # type: ignore[arg-type]
        client.hincrby(keys.counters_part(1, p), field, 3)
        client.hset(keys.user(1, p, 12345), "g5", "1,1,1,1,x")
        heat = next(key for key in dump.names(client, p, 1) if key.startswith("heat:hot"))
        drama = client.zrange(heat, 0, 0)[0].decode()  # type: ignore[index]
        client.zincrby(heat, 1e-6 * float(client.zscore(heat, drama) or 0), drama)  # type: ignore[arg-type]
    report = world.rebuild(code=1)
    wrong = {f"{keys.counters_part(1, p)} {field}", f"{keys.user(1, p, 12345)} ", f"{heat} {drama}"}
    assert len(report["differences"]) == len(wrong)
    assert all(any(told.startswith(name) for told in report["differences"]) for name in wrong)
    with world.server.client() as client:
        assert world.namespaces(client) == dict.fromkeys(range(world.log.partitions), 1)
    assert world.rebuild("--force", "--to-namespace", str(2**60))["differences"]
    world.is_exact()
    assert not world.leftovers()
