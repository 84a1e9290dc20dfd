"""MySQL is killed again and again under viewers who buy: every coin is accounted for, and what was answered holds."""

from __future__ import annotations

import os
import random
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy.engine import Engine

from infra.local import state
from infra.local.home import Home
from infra.local.identity import Identity
from infra.mysql.engine import engine_of
from infra.mysql.migrate import migrate
from infra.settings import Settings
from tests.money_rig import Viewers, assert_all_adds_up, stock
from tests.redis_server import until

pytestmark = [pytest.mark.servers, pytest.mark.timeout(280)]
KILLS, THREADS = 10, 8
PAUSE = 200  # operations between two kills, at least
MOST = 100_000
BACK_S = 60.0


@pytest.fixture
def engine(fresh: Settings, tmp_path: Path) -> Iterator[Engine]:
    """A shop of its own, reached as the API reaches it."""
    migrate(fresh)
    made = engine_of(fresh, pool=THREADS, answer_s=5)
    stock(made, tmp_path)
    yield made
    made.dispose()


def mysql() -> Identity:
    """The server, once it runs; its supervisor starts it again."""

    def running() -> Identity | None:
        known = state.read(Home(Path(os.environ["JULIU_HOME"])))
        process = known.programs["mysql"].process if known else None
        return process if process and process.alive() else None

    found: Identity = until(running, BACK_S, "MySQL runs")
    return found


def test_mysql_killed_ten_times_under_load_has_every_coin(engine: Engine):
    its, viewers, enough = random.Random(20_261_124), Viewers(engine, seed=3), threading.Event()
    with ThreadPoolExecutor(1) as pool:
        load = pool.submit(viewers.go, MOST, THREADS, enough)
        try:
            for _ in range(KILLS):
                goal = viewers.done + PAUSE + its.randrange(PAUSE)
                until(lambda goal=goal: viewers.done >= goal or load.done(), BACK_S, "viewers go on")
                mysql().signal(signal.SIGKILL)
        finally:
            enough.set()
        load.result(BACK_S)
    assert_all_adds_up(engine, viewers)
    assert {"credited", "bought", "NotEnough"} <= set(viewers.outcomes)
    assert viewers.away >= KILLS
