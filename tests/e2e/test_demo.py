"""The demo on a stack of its own: broken off, then whole, then once more, and equal every time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.local import state
from infra.local.home import Home
from tests.servers import own_home

SMALL = ("--days", "1", "--users", "300")
KEYS = {
    "events_sent", "events_accepted", "rows_stored", "rows_distinct", "redis_equal", "clickhouse_equal", "feeds",
    "feed_hit_rate", "hot_hit_rate", "also_watched_hit_at_10", "seconds",
    "feed_opens", "feed_repeats", "unlocks", "ledger_debits", "unlock_rows", "unlocks_redis", "unlocks_equal",
}  # fmt: skip
WITHIN_S = 300

pytestmark = [pytest.mark.servers, pytest.mark.timeout(2 * WITHIN_S)]


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    """A home for this file's stack."""
    with own_home("demo") as one:
        yield one


def command(*more: str) -> list[str]:
    return [sys.executable, "-m", "juliu", "demo", *SMALL, "--json", *more]


def run(home: Home, called: list[str], **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "JULIU_HOME": str(home.path), **variables}
    return subprocess.run(called, env=environment, capture_output=True, text=True, timeout=WITHIN_S, check=False)


def demo(home: Home, *more: str) -> dict[str, Any]:
    """The report of a whole demo.  It must end well, and hold nothing that it was given."""
    done = run(home, command(*more))
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    return json.loads(done.stdout)


def running(home: Home) -> set[str]:
    known = state.read(home)
    return {name for name, one in known.programs.items() if one.process and one.process.alive()} if known else set()


def broken_off(home: Home) -> None:
    """A demo that is killed as soon as the API runs."""
    environment, nowhere = {**os.environ, "JULIU_HOME": str(home.path)}, subprocess.DEVNULL
    started = subprocess.Popen(command(), env=environment, stdout=nowhere, stderr=nowhere)
    until = time.monotonic() + WITHIN_S
    while "api" not in running(home):
        assert started.poll() is None
        assert time.monotonic() < until
        time.sleep(0.1)
    started.send_signal(signal.SIGKILL)
    started.wait()


def assert_proved(report: dict[str, Any], home: Home) -> None:
    assert report.keys() >= KEYS
    assert report["events_sent"] > 3_000
    assert report["events_sent"] == report["events_accepted"] == report["rows_stored"] == report["rows_distinct"]
    assert report["redis_equal"] is True
    assert report["clickhouse_equal"] is True
    assert report["unlocks"] == report["ledger_debits"] == report["unlock_rows"] == report["unlocks_redis"] > 300
    assert report["unlocks_equal"] is True
    assert report["feed_opens"] == 20 * 50
    assert report["feed_repeats"] == 0
    assert report["feeds"] > 100
    assert all(0 <= report[rate] <= 1 for rate in ("feed_hit_rate", "hot_hit_rate", "also_watched_hit_at_10"))
    assert len(report["answers"]) == 3
    assert all(answer["rows"] for answer in report["answers"])
    assert json.loads((Path(home.path) / "demo-report.json").read_text()) == report


def test_a_demo_that_was_broken_off_can_be_started_again_and_a_second_is_like_the_first(home):
    broken_off(home)
    first = demo(home)
    assert_proved(first, home)
    assert {"kafka", "clickhouse", "redis", "mysql", "api", "relay", "stream-counters", "stream-store"} <= running(home)

    second = demo(home, "--no-keep")
    assert_proved(second, home)
    assert running(home) == set()
    for name in ("events_sent", "requests", "feeds", "also_watched_asked"):
        assert first[name] == second[name]


def test_the_demo_refuses_servers_that_are_not_its_own(home):
    done = run(home, command(), JULIU_KAFKA="127.0.0.1:1")
    assert done.returncode == 1
    assert "JULIU_KAFKA" in done.stderr
