"""The counters worker on a real Kafka and a Redis of its own: exact, orderly, and loud where it must stop."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from domain import counters, events, keys
from domain.topics import partition_of
from infra import exits
from infra.settings import Settings
from streams import dead
from tests.fold_worker import Log, Worker, caught_up, dead_letters, equals_ledger, fences, total
from tests.redis_server import RedisServer, until
from tests.stream import Stream, shuffled

pytestmark = pytest.mark.servers
_seeds = itertools.count(1)


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    """One Redis for these tests; each begins with an empty one."""
    server = RedisServer()
    yield server
    server.close()


@pytest.fixture
def log(stack: Settings, server: RedisServer) -> Log:
    """The log from here on, and a Redis whose fences are here."""
    log = Log(stack)
    with server.client() as client:
        client.flushall()
    server.migrate({p: begin - 1 for p, begin in log.begins.items()})
    return log


@pytest.fixture
def start(stack: Settings, server: RedisServer, tmp_path: Path) -> Iterator[Callable[..., Worker]]:
    """Starts workers that end with the test."""
    workers: list[Worker] = []

    def start(**env: str) -> Worker:
        workers.append(Worker(stack, server.url, tmp_path / f"worker-{len(workers)}.log", **env))
        return workers[-1]

    yield start
    for worker in workers:
        worker.close()


def a_load(n: int) -> Iterator[events.AnyEvent]:
    """Events of viewers that no other test has, some sent again, some out of order."""
    return shuffled(Stream(300, 40, seed=next(_seeds)), n, 0.05, 0.05)


def test_every_event_counts_once_and_readers_see_it(
    log: Log, server: RedisServer, start: Callable[..., Worker]
) -> None:
    for event in a_load(4_000):
        log.put(event)
    log.flush()
    worker = start()
    caught_up(server, log)
    equals_ledger(server, log)
    until(lambda: worker.ask("/readyz")[0] == 200, 20, "ready")
    assert json.loads(worker.ask("/readyz")[1])["partitions"] == list(range(log.partitions))
    assert worker.ask("/livez")[0] == 200
    assert worker.ask("/nothing")[0] == 404
    assert 'juliu_stream_records_total{group="counters"}' in worker.ask("/metrics")[1]
    with server.client(decode_responses=True) as client:
        until(lambda: merged(client) == by_drama(log), 20, "the merge has everything")
        hot: Any = client.zrevrange(keys.HOT, 0, 0)
        assert hot[0] == str(hottest(log))
        assert client.zcard(keys.TREND) == client.zcard(keys.HOT)
    assert worker.stop() == 0


def test_the_committed_offset_decides_nothing(log: Log, server: RedisServer, start: Callable[..., Worker]) -> None:
    for event in a_load(1_500):
        log.put(event)
    log.flush()
    worker = start()
    caught_up(server, log)
    until(lambda: worker.ask("/readyz")[0] == 200, 20, "ready")
    assert worker.stop() == 0  # commits
    with server.client() as client:
        client.flushall()
    server.migrate({p: begin - 1 for p, begin in log.begins.items()})
    worker.again()
    caught_up(server, log)
    equals_ledger(server, log)


def test_poison_goes_to_the_dead_letters_and_the_stream_goes_on(
    stack: Settings, log: Log, server: RedisServer, start: Callable[..., Worker]
) -> None:
    load = list(a_load(600))
    worker = start()
    bad: dict[tuple[int, bytes], str] = {}
    for i, event in enumerate(load):
        log.put(event)
        if i % 60 == 0:
            value = b'{"type":"heartbeat","user_id":"%d' % i
            bad[i % log.partitions, value] = "undecodable"
            log.put_raw(i % log.partitions, b"1", value)
    stranger = load[0]
    elsewhere = (partition_of(stranger.user_id, log.partitions) + 1) % log.partitions
    log.put_raw(elsewhere, b"1", events.encode(stranger))
    bad[elsewhere, events.encode(stranger)] = "wrong partition"
    log.flush()
    caught_up(server, log)
    equals_ledger(server, log)

    def ours(letters: list[Any]) -> dict[tuple[int, bytes], dict[str, str]]:
        found = {}
        for letter in letters:
            says = {name: value.decode() for name, value in letter.headers() or ()}
            found[int(says["partition"]), letter.value() or b""] = says
        return {at: says for at, says in found.items() if at in bad}

    letters = ours(dead_letters(stack, lambda found: len(ours(found)) == len(bad)))
    assert {at: says["reason"].split(":")[0] for at, says in letters.items()} == bad
    for says in letters.values():
        assert says["topic"] == "juliu.events"
        assert says["group"] == "counters"
        assert says["version"] == dead.code_version()
        assert log.begins[int(says["partition"])] <= int(says["offset"])
    assert worker.process.poll() is None


def test_what_other_producers_compress_is_read_too(
    stack: Settings, log: Log, server: RedisServer, start: Callable[..., Worker]
) -> None:
    load = list(a_load(400))
    for i, compression in enumerate(("gzip", "snappy", "lz4", "zstd")):
        log.reconnect(stack, compression)
        for event in load[i * 100 : i * 100 + 100]:
            log.put(event)
        log.flush()
    start()
    caught_up(server, log)
    equals_ledger(server, log)


def missing(server: RedisServer, log: Log) -> None:
    """As if it had never been made."""
    with server.client() as client:
        client.delete(keys.fence("counters", 1, 1))


def broken(server: RedisServer, log: Log) -> None:
    """A script died half-way."""
    with server.client() as client:
        client.set(keys.fence("counters", 1, 1), "broken 5")


def ahead(server: RedisServer, log: Log) -> None:
    """The log was made anew, or went back."""
    with server.client() as client:
        client.set(keys.fence("counters", 1, 1), log.begins[1] + 1_000_000)


def other_count(server: RedisServer, log: Log) -> None:
    """The installation has another number of partitions."""
    with server.client() as client:
        client.set(keys.PARTITIONS, 64)


def never_made(server: RedisServer, log: Log) -> None:
    """Nobody typed `juliu migrate`."""
    with server.client() as client:
        client.flushall()


def poisoned(server: RedisServer, log: Log) -> None:
    """This code has met as much poison as it may; here is more."""
    with server.client(decode_responses=True) as client:
        minute = int(client.time()[0]) // 60
        client.hset(keys.poison_budget("counters", dead.code_version(), minute), "poison", dead.AT_LEAST)
    log.put_raw(0, b"1", b"more")
    log.flush()


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (ahead, exits.LOG_GONE), (other_count, exits.MISCONFIGURED), (poisoned, exits.POISONED),
    ],
)  # fmt: skip
def test_a_worker_that_must_not_go_on_ends_loudly(
    log: Log, server: RedisServer, start: Callable[..., Worker], wrong: Callable[[RedisServer, Log], None], code: int
) -> None:
    wrong(server, log)
    worker = start()
    assert worker.ended() == code
    (last,) = [line for line in worker.lines() if "exit_code" in line]
    assert last["exit_code"] == code
    assert last["level"] == "critical"


def needs(worker: Worker) -> Any:
    """What /readyz says has to be done."""
    status, text = worker.ask("/readyz")
    return json.loads(text).get("needs") if status == 503 else None


@pytest.mark.parametrize("wrong", [missing, broken, never_made])
def test_what_redis_lost_or_broke_is_waited_for_loudly_and_nothing_counts_until_it_is_made_anew(
    log: Log, server: RedisServer, start: Callable[..., Worker], wrong: Callable[[RedisServer, Log], None]
) -> None:
    for event in a_load(200):
        log.put(event)
    log.flush()
    worker = start()
    caught_up(server, log)
    wrong(server, log)
    until(lambda: needs(worker) == ["juliu rebuild redis"], 20, "an idle partition notices too")
    for event in a_load(200):
        log.put(event)
    log.flush()
    with server.client() as client:
        client.flushall()
    server.migrate({p: begin - 1 for p, begin in log.begins.items()})
    caught_up(server, log)
    equals_ledger(server, log)
    until(lambda: worker.ask("/readyz")[0] == 200, 20, "ready")
    assert worker.process.poll() is None, "it waited in place"


def test_a_worker_that_finds_an_empty_redis_waits_to_start(
    log: Log, server: RedisServer, start: Callable[..., Worker]
) -> None:
    never_made(server, log)
    worker = start()
    until(lambda: any("juliu rebuild redis" in str(line) for line in worker.lines()), 30, "it says so")
    server.migrate({p: begin - 1 for p, begin in log.begins.items()})
    until(lambda: worker.ask("/readyz")[0] == 200, 30, "ready")


def test_two_workers_share_the_partitions_and_one_takes_over_when_the_other_stops(
    log: Log, server: RedisServer, start: Callable[..., Worker]
) -> None:
    first, second = start(JULIU_WORKER_ID="1"), start(JULIU_WORKER_ID="2")

    def held(worker: Worker) -> list[int]:
        status, text = worker.ask("/readyz")
        return list(json.loads(text)["partitions"]) if status == 200 else []

    until(lambda: len(held(first)) == len(held(second)) == log.partitions // 2, 60, "they share")
    thread = log.stream(a_load(3_000), rate=1_500)
    until(lambda: total(server, log.partitions) > sum(log.begins.values()), 30, "it moves")
    assert second.stop() == 0
    thread.join()
    caught_up(server, log)
    equals_ledger(server, log)
    with server.client() as client:
        assert fences(client, log.partitions) == log.fences_at_end()
    assert held(first) == list(range(log.partitions))


def merged(client: Any) -> dict[int, list[int]]:
    """keys.COUNTERS as numbers, without dramas that have none."""
    rows = {int(drama_id): [int(x) for x in row.split(",")] for drama_id, row in client.hgetall(keys.COUNTERS).items()}
    return {drama_id: row for drama_id, row in rows.items() if any(row)}


def by_drama(log: Log) -> dict[int, list[int]]:
    """What the merge must show."""
    numbers = log.ledger().numbers()
    dramas = {drama_id for drama_id, _ in numbers}
    return {drama_id: [numbers.get((drama_id, name), 0) for name in counters.COUNTERS] for drama_id in dramas}


def hottest(log: Log) -> int:
    """The drama with the most heat."""
    heat = {drama_id: score for (decay, _, drama_id), score in log.ledger().heat.items() if decay == "hot"}
    return max(heat, key=lambda drama_id: heat[drama_id])
