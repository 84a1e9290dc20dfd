"""`experiment_daily` and `juliu experiment`: arms compared by what became of their viewers."""

from __future__ import annotations

import datetime
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from infra.clickhouse.client import connect
from infra.clickhouse.migrate import migrate
from infra.settings import Settings
from tests.watch_rows import a_row, a_watch, insert

pytestmark = pytest.mark.servers

NOON_MS = 1_790_049_600_000  # 2026-09-22, 12:00 in Shanghai
DAY_MS = 86_400_000
DAY = "2026-09-22"
ARMS = {"salt": "s", "arms": {"base": {"share": 5_000}, "fresh": {"share": 5_000}}}


@pytest.fixture
def settings(fresh: Settings) -> Settings:
    migrate(fresh)
    return fresh


@pytest.fixture
def client(settings: Settings) -> Iterator[Any]:
    with connect(settings) as connected:
        yield connected


def shown(user: int, arm: str, at: int = NOON_MS) -> list[Any]:
    return [
        a_row("impression", user, 7, at, source="hot", arm=arm),
        a_row("impression", user, 8, at + 1, source="hot", arm=arm),
        a_row("clicked", user, 7, at + 2, source="hot", arm=arm),
    ]


def asked(settings: Settings, *words: str, arms: object = ARMS) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ, "JULIU_CLICKHOUSE_DATABASE": settings.clickhouse_database, "JULIU_EXPERIMENT": json.dumps(arms),
    }  # fmt: skip
    return subprocess.run(
        [sys.executable, "-m", "juliu", "experiment", "--since", DAY, "--until", DAY, *words],
        env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_a_viewer_of_a_day_is_a_row_with_all_that_they_did(client):
    insert(client, [
        *shown(1, "base"), *a_watch(1, 7, NOON_MS + 5, 20_000, 60_000), *a_watch(1, 9, NOON_MS + 6, 9_000, 60_000),
        *shown(2, "fresh"), *shown(2, "fresh", NOON_MS + DAY_MS),
        *a_watch(3, 7, NOON_MS),  # never shown anything
        a_row("impression", 4, 7, NOON_MS, source="hot"),  # of no arm: a client of before
    ])  # fmt: skip
    columns = "day, arm, user_id, impressions, clicks, valid_plays, content_ms, unlocks"
    day, next_day = datetime.date(2026, 9, 22), datetime.date(2026, 9, 23)
    assert client.query(f"SELECT {columns} FROM experiment_daily ORDER BY day, user_id").result_rows == [
        (day, "base", 1, 2, 1, 2, 29_000, 0),
        (day, "fresh", 2, 2, 1, 0, 0, 0),
        (next_day, "fresh", 2, 2, 1, 0, 0, 0),
    ]


def test_the_command_tells_means_intervals_and_who_was_in_two_arms(settings, client):
    rows: list[Any] = []
    for user in range(1, 21):
        rows += shown(user, "base") + a_watch(user, 7, NOON_MS + 5, 10_000 + user % 2, 60_000)
    for user in range(21, 41):
        rows += shown(user, "fresh") + a_watch(user, 7, NOON_MS + 5, 20_000 + user % 2, 60_000)
    rows += shown(41, "base") + shown(41, "fresh", NOON_MS + 10)
    insert(client, rows)
    found = asked(settings, "--json")
    assert found.returncode == 0, found.stderr
    told = json.loads(found.stdout)
    base, fresh = told["arms"]
    assert (base["arm"], base["viewers"], fresh["arm"], fresh["viewers"], told["crossed"]) == (
        "base",
        20,
        "fresh",
        20,
        1,
    )
    assert (base["means"]["content_ms"], fresh["means"]["content_ms"]) == (10_000.5, 20_000.5)
    value, low, high, p = fresh["differences"]["content_ms"]
    assert (value, p < 1e-9) == (10_000, True)
    assert low == pytest.approx(20_000 - high)
    assert 9_999 < low < 10_000
    assert base["differences"] == {}
    shown_to_people = asked(settings).stdout
    assert "+1e+04" in shown_to_people
    assert "1 in two arms left out" in shown_to_people


def test_shares_that_were_not_meant_end_the_command_with_1(settings, client):
    insert(client, [row for user in range(1, 101) for row in shown(user, "base" if user <= 80 else "fresh")])
    found = asked(settings)
    assert found.returncode == 1
    assert "find out why before believing" in found.stderr
    assert asked(settings, "--base", "holdout").returncode == 1
    assert asked(settings, arms={"salt": "s"}).returncode != 0
