"""Relays are killed, Kafka and MySQL go away: each row is counted once, in Redis and in ClickHouse, in order."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from infra.local import state
from infra.local.home import Home
from infra.place import home
from infra.settings import Settings
from tests import outbox
from tests.fold_worker import State, Worker
from tests.redis_server import until
from tests.relay_rig import Rig, shards
from tests.store_arena import Arena

pytestmark = [pytest.mark.servers, pytest.mark.timeout(280)]
KILLS = int(os.environ.get("RELAY_KILLS", "10"))
USERS = range(1, 61)
FROZEN_S = 14.0  # past the relay's longest wait for a delivery report
STORED_S = 90.0


@pytest.fixture
def rig(stack: Settings, tmp_path: Path) -> Iterator[Rig]:
    one = Rig(stack, tmp_path)
    yield one
    one.close()


class Buying(threading.Thread):
    """Viewers unlock, in small transactions, until it is told to stop."""

    def __init__(self, rig: Rig, seed: int) -> None:
        super().__init__(daemon=True)
        self._rig, self._random, self._enough = rig, random.Random(seed), threading.Event()
        self.error: Exception | None = None
        self.start()

    def run(self) -> None:
        try:
            while not self._enough.wait(0.01):
                self._rig.unlock(self._random.sample(USERS, 4))
        except Exception as error:
            self.error = error

    def finish(self) -> None:
        self._enough.set()
        self.join()
        assert self.error is None, self.error


def counted(arena: Arena) -> dict[int, int]:
    """Unlocks by drama, in Redis."""
    with arena.redis.client() as client:
        numbers = State(client, arena.settings.partitions).numbers
    return {drama_id: n for (drama_id, name), n in numbers.items() if name == "unlocks"}


def stored(arena: Arena) -> tuple[dict[int, int], int]:
    """Rows by drama in ClickHouse, by plain count; and how many are copies."""
    rows: list[Any] = arena.ask("SELECT drama_id, count() FROM events WHERE event_type = 'unlocked' GROUP BY drama_id")
    copies = arena.ask("SELECT count() - uniqExact(user_id, session_id, seq) FROM events")
    return {int(drama_id): int(n) for drama_id, n in rows}, int(copies[0][0])


def test_relays_killed_at_any_instant_lose_nothing_and_count_nothing_twice(stack: Settings, tmp_path: Path) -> None:
    arena = Arena(stack)
    arena.begin()
    rig = Rig(arena.settings, tmp_path)
    counters = Worker(stack, arena.redis.url, tmp_path / "counters.log")
    arena.worker()
    try:
        buying, rnd = Buying(rig, seed=1), random.Random(2)
        relays = [rig.relay("1"), rig.relay("2")]
        for _ in range(KILLS):
            victim = rnd.randrange(2)
            until(lambda victim=victim: shards(relays[victim]) > 0, 60, "it sends")
            time.sleep(rnd.random() / 2)  # an instant like any other
            relays[victim].kill()
            relays[victim] = rig.relay(str(victim + 1))
        buying.finish()
        rig.sent()
        assert rig.first_copies() == rig.in_order()
        bought = dict(Counter(one.drama_id for one in rig.unlocks))
        until(lambda: counted(arena) == bought, STORED_S, f"Redis has {bought}")
        until(lambda: stored(arena) == (bought, 0), STORED_S, f"ClickHouse has {bought}")
    finally:
        counters.close()
        rig.close()
        arena.close()


@pytest.mark.parametrize(
    ("fail_at", "twice"),
    [
        ("relay.after_take", 0),
        ("relay.before_send:2", 0),
        ("relay.after_send", 40),
        ("relay.after_send:2", 40),
        ("relay.after_mark:2", 0),
    ],
)
def test_what_a_relay_that_died_left_undone_the_next_one_does(rig: Rig, fail_at: str, twice: int) -> None:
    rig.unlock(USERS, times=2)
    assert rig.relay("1", fail_at, JULIU_RELAY_BATCH="40").ended() == -signal.SIGKILL
    rig.relay("2", JULIU_RELAY_BATCH="40")
    rig.sent()
    assert rig.first_copies() == rig.in_order()
    assert len(rig.told()) == len(rig.unlocks) + twice


def test_while_kafka_is_away_rows_wait_and_then_go_in_order(rig: Rig) -> None:
    relay = rig.relay("1")
    rig.unlock(USERS)
    rig.sent()
    with frozen("kafka"):
        began = time.monotonic()
        rig.unlock(USERS)
        until(lambda: relay.ask("/readyz")[0] == 503, 60, "it says that it waits")
        rig.unlock(USERS)
        until(lambda: time.monotonic() - began > FROZEN_S, 60, "what was handed over is given up")
        assert relay.ask("/livez")[0] == 200
        assert outbox.unpublished(rig.engine) == 2 * len(USERS)
    rig.sent()
    assert rig.first_copies() == rig.in_order()
    until(lambda: relay.ask("/readyz")[0] == 200, 30, "ready again")


def test_mysql_killed_while_it_sends_is_waited_for(rig: Rig) -> None:
    relay = rig.relay("1")
    for _ in range(3):
        rig.unlock(USERS, times=5)
        os.kill(pid_of("mysql"), signal.SIGKILL)
        rig.engine.dispose()
        until(lambda: _answers(rig), 60, "MySQL is back")
    rig.unlock(USERS)
    rig.sent()
    assert relay.process.poll() is None
    assert rig.first_copies() == rig.in_order()


def _answers(rig: Rig) -> bool:
    try:
        outbox.unpublished(rig.engine)
    except Exception:  # of SQLAlchemy or pymysql: it is not back yet
        return False
    return True


def pid_of(server: str) -> int:
    """The process of one of the stack's servers."""
    known = state.read(Home(home()))
    assert known is not None
    process = known.programs[server].process
    assert process is not None
    return process.pid


@contextmanager
def frozen(server: str) -> Iterator[None]:
    """A server holds its connections and answers nothing, within the block."""
    pid = pid_of(server)
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
