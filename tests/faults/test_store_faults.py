"""The store worker and its servers are killed, frozen, cut off and put back under load: every event stays one row."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import pytest

from domain.blocks import LIMIT
from infra import exits
from infra.settings import Settings
from juliu.rebuild.redis import Options, Rebuild, connected
from streams.watchdog import SESSION_S
from tests.clickhouse_proxy import ClickHouseProxy
from tests.store_arena import Arena, copy_of, until

pytestmark = [pytest.mark.servers, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def shared(stack: Settings) -> Iterator[Arena]:
    arena = Arena(stack)
    yield arena
    arena.close()


@pytest.fixture
def arena(shared: Arena) -> Iterator[Arena]:
    shared.begin()
    yield shared
    shared.end()


def test_kills_at_random_instants_under_load(arena):
    arena.load()
    for _ in range(5):
        worker = arena.worker()
        arena.moved()
        time.sleep(arena.rnd.uniform(0, 0.8))  # the instant is the point
        worker.kill()
        worker.wait()
    arena.worker()
    arena.is_exact()


def test_a_token_that_is_forgotten_while_its_block_is_in_doubt(arena):
    arena.load()
    assert arena.worker("store.after_insert:3").wait(60) == -signal.SIGKILL
    in_doubt = arena.ask("SELECT count() FROM events")[0][0] - arena.ask("SELECT sum(blocks.rows) FROM blocks")[0][0]
    assert in_doubt > 0
    for window in (0, 100_000):
        arena.ask(f"ALTER TABLE events MODIFY SETTING non_replicated_deduplication_window = {window}")
    arena.worker()
    arena.is_exact()


def test_answers_that_are_lost_after_the_insert_landed(arena):
    with ClickHouseProxy(arena.clickhouse.port) as proxy:
        arena.load()
        arena.worker(clickhouse_url=proxy.url)
        for what in (b"INTO+events", b"INTO+blocks", b"INTO+late_events", b"INTO+events"):
            proxy.lose_answer_of(what)
            until(lambda: proxy.lost_all, f"an answer to {what!r} is lost")
        arena.is_exact()
        assert proxy.lost >= 4


def test_clickhouse_is_killed_and_frozen_under_load(arena):
    load = arena.load()
    worker = arena.worker()
    arena.moved()
    for _ in range(3):
        time.sleep(arena.rnd.uniform(0, 0.8))
        arena.clickhouse.kill()
        arena.clickhouse.start()
        arena.moved()
    arena.clickhouse.freeze()
    written = sum(load.last.values())
    until(lambda: sum(load.last.values()) > written + 1_000, "the load goes on")
    arena.clickhouse.thaw()
    arena.is_exact()
    assert worker.poll() is None, "the worker waited in place"


def test_clickhouse_that_went_back_stops_the_worker_until_the_windows_have_gone_back_too(arena):
    arena.load()
    worker = arena.worker()
    arena.moved(200)
    worker.kill()
    worker.wait()
    kept = copy_of(arena)
    worker = arena.worker()
    arena.drained()
    arena.clickhouse.go_back(kept)
    arena.load()
    assert worker.wait(60) == exits.STORE_BROKEN
    with connected(arena.settings) as client:
        assert Rebuild(arena.settings, Options(), client).run().differences == []
    arena.worker()
    arena.is_exact()


def test_a_second_worker_joins_and_the_first_becomes_a_zombie(arena):
    arena.load()
    zombie = arena.worker()
    arena.moved()
    os.kill(zombie.pid, signal.SIGSTOP)
    asleep = time.monotonic()
    arena.worker(member="2")
    arena.moved(500)
    until(lambda: time.monotonic() - asleep > SESSION_S + 1, "it slept for longer than its session")
    os.kill(zombie.pid, signal.SIGCONT)
    assert zombie.wait(60) == exits.SLEPT
    arena.is_exact()


def test_a_block_limit_changes_at_a_blocks_end_also_across_a_kill(arena):
    arena.load()
    worker = arena.worker()
    arena.moved()
    arena.pulse(b"1,40")
    latest = "SELECT max(records) FROM (SELECT records FROM blocks ORDER BY at DESC LIMIT 8)"
    until(lambda: arena.ask(latest)[0][0] == 40, "blocks of the new size")
    worker.kill()
    worker.wait()
    arena.worker()
    assert arena.ask("SELECT next_limit FROM blocks ORDER BY at DESC LIMIT 1") == [(40,)]
    arena.pulse(b"1,%d" % LIMIT)  # the log is shared: whoever reads on must not find it cut into crumbs
    arena.is_exact()
