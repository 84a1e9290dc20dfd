"""`juliu rebuild redis` beside live workers and a load that goes on: nothing lost, nothing double, every key equal."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis

from domain import keys
from infra.clickhouse.client import connect
from infra.clickhouse.migrate import migrate
from infra.namespaces import GROUPS
from infra.settings import Settings
from juliu.rebuild import dump
from juliu.rebuild.compare import Comparison
from juliu.rebuild.forward import Forward
from tests.fold_worker import Log, Worker, equals_ledger, fences
from tests.redis_server import RedisServer, until
from tests.servers import clickhouse_client
from tests.stream import Stream, shuffled

pytestmark = [pytest.mark.servers, pytest.mark.timeout(240)]

REFERENCE = 2**61  # a namespace of the tests, folded from the log alone
RATE = 250
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

    def load(self, n: int) -> Any:
        """Events at a steady rate, some sent again, some out of order, in a thread."""
        return self.log.stream(shuffled(Stream(120, 30, seed=self.number), n, 0.05, 0.05), RATE)

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
        with self.server.client() as client:
            found = client.mget([keys.fence(group, ns, p) for p, ns in self.namespaces(client).items()])
            return sum(int(fence or 0) for fence in found)  # type: ignore[union-attr]

    def quiet(self) -> None:
        """Return when everything is counted, and stored up to the last pulse."""
        end = self.log.fences_at_end
        until(lambda: self._total("counters") == sum(end().values()), 90, "counted")
        with self.server.client() as client:
            last = {p: fences(client, self.log.partitions, "store", ns)[p] for p, ns in self.namespaces(client).items()}
        until(lambda: self._total("store") >= sum(last.values()), 90, "stored")

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
    load = world.load(7_000)
    world.moved(800)
    with world.server.client() as client:
        client.flushall()
    until(lambda: all(map(needs_a_rebuild, world.workers)), 30, "both workers wait, and say for what")
    report = world.rebuild("--to-namespace", "7")
    assert [one["before"] for one in report["partitions"]] == [None] * world.log.partitions
    assert report["events"] > 500
    assert load.is_alive(), "events kept coming"
    load.join()
    world.quiet()
    world.is_exact()
    assert not world.leftovers()
    with world.server.client() as client:
        assert int(client.get(keys.PARTITIONS) or 0) == world.log.partitions  # type: ignore[arg-type]
        assert client.exists(keys.CATALOGUE_VERSION)
    assert all(worker.process.poll() is None for worker in world.workers), "they waited in place"


def test_a_rebuild_beside_what_is_in_use_compares_and_switches_under_load(world: World) -> None:
    load = world.load(7_000)
    world.moved(800)
    report = world.rebuild("--to-namespace", "7")
    assert load.is_alive(), "events kept coming"
    assert report["differences"] == []
    assert report["compared_keys"] > 200
    assert {one["before"] for one in report["partitions"]} == {1}
    load.join()
    world.quiet()
    world.is_exact()
    assert not world.leftovers()


def test_what_differs_is_named_and_stays_in_use_unless_forced(world: World) -> None:
    world.load(1_500).join()
    world.quiet()
    p = 1
    with world.server.client() as client:
        field = next(iter(client.hgetall(keys.counters_part(1, p)))).decode()  # type: ignore[arg-type]
        client.hincrby(keys.counters_part(1, p), field, 3)
        client.hset(keys.user(1, p, 12345), "g5", "1,1,1,1,x")
        heat = next(key for key in dump.names(client, p, 1) if key.startswith("heat:hot"))
        drama = client.zrange(heat, 0, 0)[0].decode()  # type: ignore[index]
        client.zincrby(heat, 1e-6 * float(client.zscore(heat, drama) or 0), drama)  # type: ignore[arg-type]
    report = world.rebuild(code=1)
    told = "\n".join(report["differences"])
    assert len(report["differences"]) == 3
    assert all(
        name in told for name in (f"{keys.counters_part(1, p)} {field}", keys.user(1, p, 12345), f"{heat} {drama}")
    )
    with world.server.client() as client:
        assert world.namespaces(client) == dict.fromkeys(range(world.log.partitions), 1)
    assert world.rebuild("--force", "--to-namespace", str(2**60))["differences"]
    world.quiet()
    world.is_exact()
    assert not world.leftovers()


def test_a_rebuild_that_is_killed_before_the_switch_changes_nothing_and_the_next_one_tidies_up(world: World) -> None:
    load = world.load(2_000)
    world.moved(400)
    world.rebuild(code=-signal.SIGKILL, FAIL_AT="rebuild.before_pointer")
    assert world.leftovers()
    with world.server.client() as client:
        assert world.namespaces(client) == dict.fromkeys(range(world.log.partitions), 1)
        assert "another rebuild is at work" in world.rebuild(code=1)
        client.delete(keys.REBUILD_LOCK)  # as half a minute does
    load.join()
    assert world.rebuild("--to-namespace", str(2**60))["removed_keys"] > 100
    world.quiet()
    world.is_exact()
    assert not world.leftovers()


def test_after_clickhouse_went_back_the_windows_go_back_to_it_and_the_store_stores_the_rest_again(world: World) -> None:
    world.load(1_500).join()
    world.quiet()
    for worker in world.workers:
        assert worker.stop() == 0
    with connect(world.settings) as client:
        (before,) = client.query("SELECT count() FROM events").result_rows
        for p in world.log.begins:
            ((back,),) = client.query(f"SELECT quantileExact(0.5)(last) FROM blocks WHERE partition = {p}").result_rows
            client.command(f"DELETE FROM blocks WHERE partition = {p} AND last > {back}")
            client.command(f"DELETE FROM events WHERE partition = {p} AND offset > {back}")
    world.rebuild("--to-namespace", "7")
    for worker in world.workers:
        worker.again()
    world.quiet()
    world.is_exact()
    with connect(world.settings) as client:
        assert client.query("SELECT count() FROM events").result_rows == [before]
        assert client.query("SELECT count(), uniqExact(partition, offset) FROM events").result_rows == [
            (*before, *before)
        ]
