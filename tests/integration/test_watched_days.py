"""Days of the log, as ClickHouse tells them: what was shown and watched on one, and how much on the last ones."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest

from recommender.learning import days
from recommender.learning.weights import WEIGHTS
from tests.watch_rows import a_row, a_watch, insert

pytestmark = pytest.mark.servers

NOW_MS = 1_790_000_000_000
HOUR_MS, DAY_MS = 3_600_000, 86_400_000
AT = NOW_MS - HOUR_MS


def of(part: Any) -> set[tuple[int, int]]:
    """Viewers and dramas."""
    return set(zip(part.user_id.tolist(), part.drama.tolist(), strict=True))


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


def test_a_log_without_anything_has_days_without_anything(client):
    assert len(days.read_day(client, NOW_MS - DAY_MS, NOW_MS, WEIGHTS)) == 0
    assert days.volume(client, NOW_MS, 2) == [0, 0]
