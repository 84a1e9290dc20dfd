"""`experiment_daily` and `juliu experiment`: arms compared by what became of their viewers."""

from __future__ import annotations

import datetime
import json
import subprocess
import uuid
from typing import Any

import pytest

from domain.experiments import bucket, parse
from infra.settings import Settings
from juliu.experiments.results import QUESTION, parameters
from tests.typed import typed
from tests.watch_rows import a_row, a_watch, insert

pytestmark = pytest.mark.servers

NOON_MS = 1_790_049_600_000  # 2026-09-22, 12:00 in Shanghai
DAY_MS = 86_400_000
DAY = "2026-09-22"
ARMS = {"salt": "s", "arms": {"base": {"share": 5_000}, "fresh": {"share": 5_000}}}
OF = {
    name: [user for user in range(1, 3_000) if parse(json.dumps(ARMS)).arm_of(user) == name] for name in ARMS["arms"]
}  # viewers by the arm that is theirs


def shown(user: int, arm: str, at: int = NOON_MS) -> list[Any]:
    return [
        a_row("impression", user, 7, at, source="hot", arm=arm),
        a_row("impression", user, 8, at + 1, source="hot", arm=arm),
        a_row("clicked", user, 7, at + 2, source="hot", arm=arm),
    ]


def asked(settings: Settings, *words: str, arms: object = ARMS, until: str = DAY) -> subprocess.CompletedProcess[str]:
    return typed(settings, "experiment", "--since", DAY, "--until", until, *words, JULIU_EXPERIMENT=json.dumps(arms))


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


def told(settings: Settings, *words: str, **more: Any) -> dict[str, Any]:
    found = asked(settings, "--json", *words, **more)
    assert found.returncode == 0, found.stderr
    return dict(json.loads(found.stdout))


def test_clickhouse_and_the_feed_deal_the_same_arms(client):
    sql = "SELECT reinterpretAsUInt64(substring(SHA256(concat('2026-11', ':', toString(number))), 1, 8)) % 10000"
    rows = client.query(f"{sql} FROM numbers(1000)").result_rows
    assert [row[0] for row in rows] == [bucket("2026-11", user) for user in range(1_000)]


def test_the_command_tells_means_and_intervals(settings, client):
    rows: list[Any] = []
    for arm, content in (("base", 10_000), ("fresh", 20_000)):
        for number, user in enumerate(OF[arm][:1_000]):
            rows += shown(user, arm) + a_watch(user, 7, NOON_MS + 5, content + number % 2, 60_000)
    insert(client, rows)
    base, fresh = told(settings)["arms"]
    assert (base["arm"], base["viewers"], fresh["arm"], fresh["viewers"]) == ("base", 1_000, "fresh", 1_000)
    assert (base["means"]["content_ms"], fresh["means"]["content_ms"]) == (10_000.5, 20_000.5)
    value, low, high, p = fresh["differences"]["content_ms"]
    assert (value, p < 1e-9) == (10_000, True)
    assert low == pytest.approx(20_000 - high)
    assert 9_999.9 < low < 10_000
    assert base["differences"] == {}
    assert "+1e+04 [+1e+04, +1e+04]" in asked(settings).stdout


def test_few_viewers_have_means_and_no_intervals_and_one_who_did_very_much_does_not_count_in_full(settings, client):
    rows = [row for arm in OF for user in OF[arm][:300] for row in shown(user, arm)]
    rows += [row for user in OF["base"][:299] for row in a_watch(user, 7, NOON_MS + 5, 10_000, 60_000)]
    rows += a_watch(OF["base"][299], 7, NOON_MS + 5, 30_000_000, 60_000_000)
    insert(client, rows)
    base, fresh = told(settings)["arms"]
    assert base["means"]["content_ms"] == 10_000
    assert fresh["differences"]["content_ms"] == [-10_000, None, None, None]
    assert "-1e+04 (too few)" in asked(settings).stdout


def test_an_arm_that_a_client_made_up_counts_nobody_and_drops_nobody(settings, client):
    rows = [row for arm in OF for user in OF[arm][:20] for row in shown(user, arm)]
    liars = [*shown(OF["base"][0], "fresh"), *shown(OF["base"][1], "[/x]"), *shown(OF["fresh"][25], "base")]
    insert(client, rows + liars)
    found = told(settings)
    assert [(arm["arm"], arm["viewers"]) for arm in found["arms"]] == [("base", 20), ("fresh", 20)]
    assert (found["strange"], found["ratio_p"]) == (3, 1)
    people = asked(settings)
    assert people.returncode == 0, people.stderr
    assert "3 with an impression of an arm that is not theirs" in " ".join(people.stdout.split())


def test_what_viewers_do_on_days_without_the_feed_counts_from_their_first_day_in_it(settings, client):
    viewer, late = OF["base"][:2]
    insert(client, [
        *shown(viewer, "base"), *a_watch(viewer, 7, NOON_MS + DAY_MS, 50_000), *shown(OF["fresh"][0], "fresh"),
        *a_watch(late, 7, NOON_MS, 20_000), *shown(late, "base", NOON_MS + DAY_MS),  # before it was in the experiment
        *a_watch(viewer, 8, NOON_MS - DAY_MS, 30_000), *a_watch(viewer, 8, NOON_MS + 2 * DAY_MS, 30_000),
    ])  # fmt: skip
    assert told(settings, until="2026-09-23")["arms"][0]["means"]["content_ms"] == 25_000
    assert told(settings)["arms"][0]["means"]["content_ms"] == 0  # of the first day alone


def test_a_playback_over_midnight_belongs_wholly_to_the_day_on_which_it_began(settings, client):
    midnight = NOON_MS + DAY_MS // 2
    rows = [*shown(OF["base"][0], "base"), *shown(OF["fresh"][0], "fresh")]
    for over in (midnight - DAY_MS, midnight):  # into the day, and out of it
        of = {"play_id": uuid.UUID(int=over), "duration_ms": 60_000}
        rows.append(a_row("heartbeat", OF["base"][0], 7, over - 1, to_ms=5_000, **of))
        rows.append(a_row("heartbeat", OF["base"][0], 7, over + 9_000, from_ms=5_000, to_ms=14_000, **of))
    insert(client, rows)
    means = told(settings)["arms"][0]["means"]
    assert (means["valid_plays"], means["content_ms"]) == (1, 14_000)


def test_the_question_reads_what_is_near_the_period_and_not_every_playback(client):
    client.command(
        "INSERT INTO events (event_type, ts, received_at, drama_id, user_id, session_id, seq, partition, offset, arm)"
        " SELECT ['impression', 'heartbeat'][1 + number % 2], toDateTime64('2026-09-22 12:00:00', 3, 'Asia/Shanghai')"
        " - intDiv(number, 2) % 100 * 86400, now64(3), number % 50, number % 1000, 's', number, 0, number, 'base'"
        " FROM numbers(400000)"
    )
    client.command("OPTIMIZE TABLE events FINAL")
    day = datetime.date(2026, 9, 1)
    asks = parameters(parse(json.dumps(ARMS)), day, day)
    lines = [str(line).strip(" │├└─") for (line,) in client.query("EXPLAIN indexes = 1 " + QUESTION, asks).result_rows]
    reads = "\n".join(lines).split("ReadFromMergeTree")[1:]
    granules = [read.split("Granules: ")[-1].split("\n")[0].split("/") for read in reads]
    assert len(granules) == 3, lines  # the arms, what viewers did with the feed, playbacks
    assert all(int(read) <= 6 < 40 < int(of) for read, of in granules), lines


def test_shares_that_were_not_meant_end_the_command_with_1(settings, client):
    insert(
        client,
        [row for arm, many in (("base", 80), ("fresh", 20)) for user in OF[arm][:many] for row in shown(user, arm)],
    )
    found = asked(settings)
    assert found.returncode == 1
    assert "find out why before believing" in found.stderr
    assert asked(settings, "--base", "holdout").returncode == 1
    assert asked(settings, arms={"salt": "s"}).returncode != 0
