"""What may happen to a counters worker under load, and that Redis is exact afterwards, by the independent ledger."""

from __future__ import annotations

import itertools
import json
import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from domain import events
from infra import exits
from infra.local import state
from infra.local.home import Home
from infra.settings import Settings
from streams.watchdog import SESSION_S
from tests.fold_worker import Log, Worker, caught_up, equals_ledger, total
from tests.redis_server import RedisServer, until
from tests.stream import Stream, shuffled

pytestmark = [pytest.mark.servers, pytest.mark.timeout(280)]
RATE = 500.0  # events a second: below what this machine folds, with all its servers on it
KILLS = 5


class Rig:
    """A log under load, a Redis and a worker of a test's own."""

    def __init__(self, stack: Settings, server: RedisServer, out: Path) -> None:
        self.server, self.log, self._stack, self._out = server, Log(stack), stack, out
        server.migrate({p: begin - 1 for p, begin in self.log.begins.items()})
        self._enough = threading.Event()
        self._thread = self.log.stream(self._load(), RATE)
        self.workers: list[Worker] = []

    def start(self, **env: str) -> Worker:
        """A worker, once it folds."""
        worker = self.spawn(**env)
        self.moves(1)
        return worker

    def spawn(self, **env: str) -> Worker:
        """A worker that has yet to begin."""
        self.workers.append(Worker(self._stack, self.server.url, self._out / f"worker-{len(self.workers)}.log", **env))
        return self.workers[-1]

    def moves(self, records: int, seconds: float = 90.0) -> None:
        """Wait until so many more records are in the store."""
        begin = until(self._known, 60, "Redis answers")
        until(lambda: total(self.server, self.log.partitions) >= begin + records, seconds, f"{records} more records")

    def exact(self) -> None:
        """End the load; then everything that was written must have counted once."""
        self._enough.set()
        self._thread.join()
        caught_up(self.server, self.log)
        assert self.log.acked == len(self.log.written)
        equals_ledger(self.server, self.log)

    def close(self) -> None:
        """Whatever became of it."""
        self._enough.set()
        for worker in self.workers:
            worker.close()

    def _load(self) -> Iterator[events.AnyEvent]:
        load = shuffled(Stream(200, 40, seed=random.randrange(10**6)), 200_000, 0.05, 0.05)
        return itertools.takewhile(lambda _: not self._enough.is_set(), load)

    def _known(self) -> int | None:
        found = total(self.server, self.log.partitions)
        return found if found > -(10**8) else None


@pytest.fixture
def rig(stack: Settings, tmp_path: Path) -> Iterator[Rig]:
    """Everything a test here needs."""
    server = RedisServer()
    rig = Rig(stack, server, tmp_path)
    yield rig
    rig.close()
    server.close()


def waits(worker: Worker) -> dict[str, str]:
    """What the worker says that its partitions wait for."""
    text = worker.ask("/readyz")[1]
    return dict(json.loads(text)["waiting"]) if text else {}


def test_a_worker_killed_at_any_instant_counts_everything_once(rig: Rig) -> None:
    rnd = random.Random(7)
    worker = rig.start()
    for _ in range(KILLS):
        rig.moves(rnd.randrange(1, 500))
        worker.kill()
        worker.again()
    rig.moves(1)
    rig.exact()
    assert worker.stop() == 0


def test_redis_that_does_not_answer_is_waited_for(rig: Rig) -> None:
    worker = rig.start()
    rig.moves(300)
    rig.server.freeze()
    written = len(rig.log.written)
    until(lambda: len(waits(worker)) == rig.log.partitions, 60, "all partitions wait")
    assert set(waits(worker).values()) == {"redis"}
    assert worker.ask("/readyz")[0] == 503
    assert worker.ask("/livez")[0] == 200
    until(lambda: len(rig.log.written) > written + 6 * RATE, 60, "it lasts for some seconds")
    rig.server.thaw()
    rig.exact()
    assert waits(worker) == {}
    assert worker.process.poll() is None


IMPATIENT = """
import streams.runtime, streams.transport
from infra.settings import load
from streams import counters
make = streams.runtime.App
streams.runtime.App = lambda *args, **settings: make(*args, **settings, broker_request_timeout=11.0)
streams.transport.ASK_S = 4.0
counters.main(load())
"""  # the same worker, whose Faust gives up sooner


def test_a_rebalance_while_redis_is_away_for_longer_than_faust_waits(rig: Rig) -> None:
    first = rig.start(code=IMPATIENT, JULIU_WORKER_ID="1")
    rig.moves(300)
    second = rig.spawn(code=IMPATIENT, JULIU_WORKER_ID="2")
    until(lambda: any(line["event"] == "starts" for line in second.lines()), 60, "the second joins")
    rig.server.freeze()
    frozen = time.monotonic()
    until(lambda: time.monotonic() > frozen + 15, 60, "longer than Faust waits")
    rig.server.thaw()
    rig.moves(300)
    rig.exact()
    assert (first.process.poll(), second.process.poll()) == (None, None)


def test_redis_that_goes_back_is_folded_forward_again(rig: Rig) -> None:
    worker = rig.start()
    rig.moves(500)
    kept = rig.server.keep()
    rig.moves(1500)
    before = total(rig.server, rig.log.partitions)
    rig.server.go_back(kept)
    assert total(rig.server, rig.log.partitions) < before
    rig.exact()
    assert worker.process.poll() is None


def test_redis_that_goes_back_when_nothing_comes_any_more(rig: Rig) -> None:
    worker = rig.start()
    rig.moves(300)
    kept = rig.server.keep()
    rig.moves(600)
    rig.exact()
    rig.server.go_back(kept)
    rig.exact()
    assert worker.process.poll() is None


def test_a_zombie_ends_itself_and_changes_nothing(rig: Rig) -> None:
    zombie = rig.start()
    rig.moves(300)
    zombie.signal(signal.SIGSTOP)
    stopped = time.monotonic()
    rig.start()  # with the same static id, as a supervisor would
    rig.moves(300)
    until(lambda: time.monotonic() > stopped + SESSION_S + 1, 60, "its session is over")
    zombie.signal(signal.SIGCONT)
    assert zombie.ended(30) == exits.SLEPT
    rig.moves(300)
    rig.exact()


def test_kafka_that_does_not_answer_is_waited_for(rig: Rig) -> None:
    home = state.read(Home(Path(os.environ["JULIU_HOME"])))
    kafka: Any = home and home.programs["kafka"].process
    worker = rig.start()
    rig.moves(300)
    kafka.signal(signal.SIGSTOP)
    stopped = time.monotonic()
    until(lambda: time.monotonic() > stopped + SESSION_S + 2, 60, "longer than a session")
    kafka.signal(signal.SIGCONT)
    rig.moves(300)
    rig.exact()
    assert worker.process.poll() is None
