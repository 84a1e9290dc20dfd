"""The demo's log: days, sessions, the catalogue made of it, and its totals."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from domain import catalogue_import
from juliu.demo import catalogue, log, sessions
from juliu.demo.events import Composer, count
from juliu.demo.ledger import Ledger

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOW_MS = int(datetime(2026, 3, 5, 0, 30, tzinfo=SHANGHAI).timestamp() * 1000)
MINUTE_MS = 60_000
LABEL = re.compile(rb'"event_id":"([^"]+)')


def in_shanghai(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, SHANGHAI)


@pytest.fixture(scope="module")
def whole() -> log.WatchLog:
    return log.read(log.FOLDER, now_ms=NOW_MS, days=15)


def test_thirty_minutes_of_silence_end_a_session():
    users = np.array([1, 2, 1, 1, 2])
    at_ms = np.array([0, 5, 30 * MINUTE_MS - 1, 60 * MINUTE_MS - 1, 30 * MINUTE_MS]) + 1
    assert sessions.cut(users, at_ms).tolist() == [0, 2, 0, 1, 2]


def test_a_session_is_cut_from_rows_in_any_order():
    assert sessions.cut(np.array([7, 7, 7]), np.array([90 * MINUTE_MS, 0, MINUTE_MS])).tolist() == [1, 0, 0]


def test_the_last_row_of_each_session_is_marked():
    assert sessions.last_of_each(np.array([3, 1, 3, 2, 1])).tolist() == [False, False, True, True, True]


def test_the_whole_log_has_its_known_totals(whole):
    assert len(whole) == 228_329
    assert len(np.unique(whole.session)) == 189_039
    assert len(np.unique(whole.user_id)) == 25_156
    assert len(np.unique(log.day_of(whole.at_ms))) == 15


def test_the_log_ends_yesterday_in_shanghai_and_keeps_its_time_of_day(whole):
    assert in_shanghai(int(whole.at_ms[-1])).strftime("%F %T") == "2026-03-04 23:52:10"
    assert in_shanghai(int(whole.at_ms[0])).strftime("%F %T") == "2026-02-18 23:05:41"


def test_fewer_days_are_the_last_calendar_days():
    week = log.read(log.FOLDER, now_ms=NOW_MS, days=7)
    assert in_shanghai(int(week.at_ms[0])).date().isoformat() == "2026-02-26"
    assert len(week) == 112_554


def test_a_cap_takes_viewers_who_are_there_on_the_last_day():
    few = log.read(log.FOLDER, now_ms=NOW_MS, days=2, users=50)
    last = few.where(log.day_of(few.at_ms) == log.day_of(few.at_ms).max())
    assert len(np.unique(few.user_id)) == len(np.unique(last.user_id)) == 50


def test_the_last_part_is_the_last_day(whole):
    assert in_shanghai(log.last_part_from_ms(whole)).strftime("%F %T") == "2026-03-04 00:00:00"


def test_a_single_day_is_halved():
    day = log.read(log.FOLDER, now_ms=NOW_MS, days=1)
    held_back = int((day.at_ms >= log.last_part_from_ms(day)).sum())
    assert abs(held_back - len(day) / 2) <= 1


def test_exposures_come_in_order_of_time_and_end_each_session_once(whole):
    day = whole.where(log.day_of(whole.at_ms) == log.day_of(whole.at_ms).max())
    exposures = list(day.exposures())
    assert [e.at_ms for e in exposures] == sorted(e.at_ms for e in exposures)
    assert sum(e.ends_session for e in exposures) == len({e.session for e in exposures})


def test_a_video_without_a_duration_gets_its_longest_play_of_at_least_a_second():
    durations = catalogue.durations_ms(log.FOLDER)
    assert len(durations) == 7_583
    assert durations[1] == 87_433  # video 0 has a duration of its own
    assert min(durations.values()) == 1_000


def test_no_first_pass_is_longer_than_its_video(whole):
    durations = catalogue.durations_ms(log.FOLDER)
    unknown = {int(row["video_id"]) + 1 for _, row in catalogue._videos(log.FOLDER) if not row["video_duration"]}
    assert len(unknown) == 239
    assert all(e.play_ms <= durations[e.drama_id] for e in whole.exposures() if e.drama_id in unknown)


def test_a_video_is_a_drama_of_one_episode(tmp_path: Path):
    assert catalogue.write(log.FOLDER, tmp_path / "made" / "catalogue.jsonl") == 7_584
    lines = (tmp_path / "made" / "catalogue.jsonl").read_text(encoding="utf-8").splitlines()
    first = json.loads(lines[0])
    assert first["drama_id"] == 1
    assert first["tags"] == ["标签39"]
    assert first["category"] == "类别39"
    assert first["cast"] == ["作者7349781"]
    assert first["episodes"] == [{"episode_no": 1, "duration_ms": 87_433, "media_path": "kuairand/1/1.mp4"}]
    assert len({json.loads(line)["title"] for line in lines}) == 7_584


def test_the_import_takes_every_drama(tmp_path: Path):
    catalogue.write(log.FOLDER, tmp_path / "catalogue.jsonl")
    lines = (tmp_path / "catalogue.jsonl").read_bytes().splitlines()
    assert {catalogue_import.read(line).drama_id for line in lines} == {*range(1, 7_584), catalogue.SERIAL_ID}


def test_the_whole_log_is_one_and_a_half_million_events(whole):
    assert count(whole, catalogue.durations_ms(log.FOLDER)) == 1_567_934


def test_the_last_day_of_the_log_has_its_known_totals():
    day = log.read(log.FOLDER, now_ms=NOW_MS, days=1)
    ledger, durations = Ledger(), catalogue.durations_ms(log.FOLDER)
    composer, split_ms = Composer(durations, ledger), log.last_part_from_ms(day)
    parts = (day.where(day.at_ms < split_ms), day.where(day.at_ms >= split_ms))
    requests = [request for part in parts for request in composer.requests(part.exposures())]
    assert len(requests) == 19_392
    assert len({label for request in requests for label in LABEL.findall(request.body)}) == 109_352
    assert ledger.sent == sum(request.events for request in requests) == 109_352
    assert ledger.events == Counter(
        heartbeat=65_219, impression=15_581, play_started=14_121, play_ended=14_121, liked=284, followed=26
    )
    assert count(day, durations) == 109_352
    assert ledger.total()["content_ms"] == 331_711_145
