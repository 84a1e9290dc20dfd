"""What the recommender reads from ClickHouse beside what test_train.py asks: skips, unlocks, ignored, days, viewers."""

from __future__ import annotations

import uuid
from typing import Any

import msgspec
import numpy as np
import pytest

from domain import playback
from recommender.learning import days, snapshot
from recommender.learning.weights import WEIGHTS, Weights
from tests.watch_rows import a_row, a_watch, insert

pytestmark = pytest.mark.servers

NOW_MS = 1_790_000_000_000
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
AT = NOW_MS - HOUR_MS
SHORT = WEIGHTS.skip_ms - 1


def entry(client: Any, user: int, drama: int, weights: Weights = WEIGHTS) -> dict[str, float]:
    """What the snapshot says of a viewer and drama."""
    watches = snapshot.read(client, NOW_MS, weights).watches
    [i] = np.flatnonzero((watches.user_id == user) & (watches.drama == drama))
    return {name: float(column[i]) for name, column in vars(watches).items()}


def of(part: Any) -> set[tuple[int, int]]:
    """Viewers and dramas."""
    return set(zip(part.user_id.tolist(), part.drama.tolist(), strict=True))


def test_a_quick_skip_is_a_playback_that_ended_at_once_of_an_episode_that_is_longer(client):
    open_end, tail = uuid.UUID(int=5), uuid.UUID(int=6)
    insert(client, [
        *a_watch(1, 1, AT, SHORT), *a_watch(1, 1, AT + 1, SHORT, episode_no=2),  # twice
        *a_watch(1, 2, AT, WEIGHTS.skip_ms),  # long enough
        *a_watch(1, 3, AT, SHORT, SHORT),  # all there is of it
        a_row("heartbeat", 1, 4, AT, play_id=open_end, to_ms=SHORT, duration_ms=60_000),  # not over yet
        a_row("heartbeat", 1, 5, AT, play_id=tail, from_ms=58_500, to_ms=60_000, duration_ms=60_000),
        a_row("play_ended", 1, 5, AT, play_id=tail, from_ms=60_000, to_ms=60_000, duration_ms=60_000),  # the end of it
        *a_watch(1, 6, AT, SHORT), *a_watch(1, 6, AT - DAY_MS, 9_000),  # not all that there was
        a_row("play_ended", 1, 7, AT, play_id=uuid.UUID(int=7), to_ms=0, duration_ms=60_000),  # never began
    ])  # fmt: skip
    read = snapshot.read(client, NOW_MS, WEIGHTS).watches
    assert dict(zip(read.drama.tolist(), read.skips.tolist(), strict=True)) == {1: 2, 2: 0, 3: 0, 4: 0, 5: 0, 6: 0}


def test_unlocks_count_by_episode_and_a_refunded_one_does_not(client):
    def row(kind: str, drama: int, episode: int, at_ms: int = AT) -> dict[str, Any]:
        return a_row(kind, 1, drama, at_ms, episode_no=episode, session_id="server")

    insert(client, [
        row("unlocked", 1, 3), row("unlocked", 1, 4),
        row("unlocked", 2, 0),
        row("unlocked", 3, 3), row("unlocked", 3, 4), row("refunded", 3, 3, AT + 1),
        row("unlocked", 4, 3), row("refunded", 4, 3, AT + 1),
        row("unlocked", 5, 3), row("refunded", 5, 3, AT + 1), row("unlocked", 5, 3, AT + 2),
        row("unlocked", 0, 3),  # the canary's
    ])  # fmt: skip
    read = snapshot.read(client, NOW_MS, WEIGHTS).watches
    found = dict(zip(read.drama.tolist(), read.unlocks.tolist(), strict=True))
    assert found == {1: 2, 2: WEIGHTS.unlock_whole, 3: 1, 5: 1}


def test_what_was_shown_of_late_and_led_to_nothing_is_ignored(client):
    def shown(user: int, drama: int, at_ms: int, answer: str = "a") -> dict[str, Any]:
        return a_row("impression", user, drama, at_ms, request_id=answer)

    long_ago = NOW_MS - WEIGHTS.ignored_days * DAY_MS
    insert(client, [
        shown(1, 1, AT), shown(1, 1, AT + 5), shown(1, 1, AT + 9, "b"),  # on two pages
        shown(1, 2, AT), *a_watch(1, 2, AT + 1),
        shown(1, 3, AT), a_row("clicked", 1, 3, AT + 1),
        shown(1, 4, AT), *a_watch(1, 4, AT - 1),  # watched before
        shown(1, 5, long_ago), shown(1, 6, long_ago - 1), shown(1, 7, NOW_MS), shown(1, 0, AT),
        shown(2, 2, AT),
    ])  # fmt: skip
    ignored = snapshot.read(client, NOW_MS, WEIGHTS).ignored
    entries = zip(ignored.user_id.tolist(), ignored.drama.tolist(), ignored.times.tolist(), strict=True)
    assert {(user, drama): times for user, drama, times in entries} == {(1, 1): 2, (1, 4): 1, (1, 5): 1, (2, 2): 1}
    one = msgspec.structs.replace(WEIGHTS, ignored_dramas=1)
    assert of(snapshot.read(client, NOW_MS, one).ignored) == {(1, 1), (2, 2)}  # the latest of each viewer


def test_a_drama_skipped_twice_and_not_watched_since_is_cooling(client):
    day, most = DAY_MS, WEIGHTS.cooling_days * DAY_MS

    def skipped(drama: int, *before_ms: int) -> list[Any]:
        return [row for ms in before_ms for row in a_watch(1, drama, NOW_MS - ms, SHORT)]

    insert(client, [
        *skipped(1, 2 * day, day),
        *skipped(2, day),  # once
        *skipped(3, 2 * day, day), *a_watch(1, 3, NOW_MS - HOUR_MS, 9_000),  # watched since
        *skipped(4, 3 * day, day), *a_watch(1, 4, NOW_MS - 2 * day, 9_000),  # watched between
        *skipped(5, 2 * day, day), *a_watch(1, 5, NOW_MS - 3 * day, 9_000),  # watched before
        *skipped(6, most + day, day),  # just as far apart as they may be
        *skipped(7, most + day + 1, day),
        *skipped(8, most + 1, most - 1),  # since when it is away
        *skipped(9, most + 1, most),
        *skipped(0, 2 * day, day),
    ])  # fmt: skip
    assert of(snapshot.cooling(client, NOW_MS, WEIGHTS, NOW_MS - 20 * DAY_MS)) == {(1, d) for d in (1, 5, 6, 8)}
    few = msgspec.structs.replace(WEIGHTS, cooling_dramas=3)
    found = snapshot.cooling(client, NOW_MS, few, NOW_MS - 20 * DAY_MS)
    assert found.drama.tolist() == [1, 5, 6]  # the latest
    assert of(snapshot.cooling(client, NOW_MS, WEIGHTS, NOW_MS - HOUR_MS + 1)) == set()  # nobody was there since


def test_of_viewers_who_were_there_of_late_the_same_is_read_as_of_all(client):
    old = NOW_MS - 20 * DAY_MS
    insert(client, [
        *a_watch(1, 1, old), *a_watch(2, 1, old), a_row("liked", 2, 3, old), *a_watch(3, 1, old),
        *a_watch(1, 2, AT), *a_watch(1, 3, AT), *a_watch(4, 0, AT),
        a_row("disliked", 2, 1, AT),
        a_row("impression", 3, 5, AT), a_row("impression", 1, 5, AT),
        *a_watch(5, 4, AT - 2 * DAY_MS, received_at=a_row("liked", 1, 1, AT)["ts"]),  # came in late
    ])  # fmt: skip
    whole = snapshot.read(client, NOW_MS, WEIGHTS)
    some = snapshot.read_viewers(client, NOW_MS, WEIGHTS, AT)
    assert of(some.watches) == {(1, 1), (1, 2), (1, 3), (2, 3), (5, 4)}
    for part in ("watches", "ignored"):
        kept = np.isin(getattr(whole, part).user_id, [1, 2, 5])
        for name, column in vars(getattr(some, part)).items():
            assert column.tolist() == getattr(getattr(whole, part), name)[kept].tolist(), name
    assert len(some.pairs.a) == 0 < len(whole.pairs.a)
    one = msgspec.structs.replace(WEIGHTS, active_viewers=1)
    assert len(np.unique(snapshot.read_viewers(client, NOW_MS, one, AT).watches.user_id)) == 1
    with pytest.raises(ValueError, match="everybody"):
        snapshot.read_viewers(client, NOW_MS, WEIGHTS, 0)


def test_pairs_alone_are_those_of_the_snapshot(client):
    insert(client, [*a_watch(1, 1, AT), *a_watch(1, 2, AT), *a_watch(2, 2, AT), *a_watch(2, 3, AT, 5_000)])
    alone, whole = snapshot.read_pairs(client, NOW_MS, WEIGHTS), snapshot.read(client, NOW_MS, WEIGHTS).pairs
    assert [vars(alone)[name].tolist() for name in vars(alone)] == [vars(whole)[name].tolist() for name in vars(whole)]
    assert len(alone.a) == 4


def test_a_day_tells_what_was_shown_watched_and_liked_and_whether_it_was_new(client):
    start = NOW_MS - DAY_MS
    at = start + HOUR_MS
    insert(client, [
        a_row("impression", 1, 1, at, session_id="early"), *a_watch(1, 1, at + 5, 2_000, session_id="early"),
        *a_watch(1, 1, at + 9, 30_000, session_id="later"),  # the first positive one
        a_row("impression", 1, 2, at),
        *a_watch(1, 3, at, 5_000), a_row("liked", 1, 3, at + 1),
        *a_watch(1, 4, at, 5_000), a_row("liked", 1, 4, at + 1), a_row("unliked", 1, 4, at + 2),
        *a_watch(1, 5, at), *a_watch(1, 5, start - 1, 1_000),
        *a_watch(1, 6, start - 1), *a_watch(1, 7, NOW_MS), *a_watch(1, 0, at),
        a_row("impression", 2, 1, at),  # watched nothing: not asked about
    ])  # fmt: skip
    day = days.read_day(client, start, NOW_MS, WEIGHTS)
    found = {
        drama: (watched, positive, new, at_ms - at)
        for drama, watched, positive, new, at_ms in zip(
            *(getattr(day, name).tolist() for name in ("drama", "watched", "positive", "new", "at_ms")), strict=True
        )
    }
    assert found == {
        1: (True, True, True, 9), 2: (False, False, True, 0), 3: (True, True, True, 0), 4: (True, False, True, 0),
        5: (True, True, False, 0),
    }  # fmt: skip
    session = dict(zip(day.drama.tolist(), day.session.tolist(), strict=True))
    assert session[2] == session[3] != session[1]


def test_a_day_is_of_so_many_viewers_and_of_so_many_dramas_of_each_the_watched_ones_first(client):
    at = NOW_MS - HOUR_MS
    insert(client, [
        row for user in range(1, 7)
        for row in (*a_watch(user, 9, at), a_row("impression", user, 1, at - 1), *a_watch(user, 8, at))
    ])  # fmt: skip
    few = msgspec.structs.replace(WEIGHTS, exam_viewers=4, exam_dramas=2)
    first, second = (days.read_day(client, NOW_MS - DAY_MS, NOW_MS, few) for _ in range(2))
    assert len(np.unique(first.user_id)) == 4
    assert set(first.drama.tolist()) == {8, 9}
    assert of(first) == of(second)


def test_the_volume_is_told_by_whole_days_of_shanghai(client):
    midnight = 20_717 * DAY_MS - 8 * HOUR_MS  # of Shanghai
    insert(client, [
        *a_watch(1, 1, midnight), *a_watch(1, 1, midnight - 1), *a_watch(1, 1, midnight - 2),
        *a_watch(1, 2, midnight - 3),
        *a_watch(2, 1, midnight - 3 * DAY_MS), *a_watch(2, 1, midnight - 3 * DAY_MS - 1), *a_watch(2, 0, midnight - 1),
    ])  # fmt: skip
    assert days.volume(client, midnight + HOUR_MS, 3) == [1, 0, 2]
    assert days.volume(client, midnight + DAY_MS, 1) == [1]
    with pytest.raises(ValueError, match="400 can be"):
        days.volume(client, NOW_MS, 0)


def test_thresholds_are_those_of_the_playback_rule(client):
    edges = [(playback.VALID_MS, "seen"), (playback.LONG_MS, "positive")]
    for drama, (edge_ms, _) in enumerate(edges, 1):
        insert(client, [*a_watch(1, drama, AT, edge_ms - 1), *a_watch(2, drama, AT, edge_ms)])
    complete_ms = 60_000 * playback.COMPLETE_PERMILLE // 1000
    insert(client, [*a_watch(1, 3, AT, complete_ms - 1), *a_watch(2, 3, AT, complete_ms)])
    for drama, name in enumerate(("seen", "positive", "completes"), 1):
        assert (entry(client, 1, drama)[name], entry(client, 2, drama)[name]) == (0, 1)


def test_a_snapshot_of_a_log_without_anything_is_empty(client):
    read = snapshot.read(client, NOW_MS, WEIGHTS)
    assert (len(read.watches), len(read.pairs.a), len(read.ignored.user_id)) == (0, 0, 0)
    assert len(days.read_day(client, NOW_MS - DAY_MS, NOW_MS, WEIGHTS)) == 0
    assert days.volume(client, NOW_MS, 2) == [0, 0]
