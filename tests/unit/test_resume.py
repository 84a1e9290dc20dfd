"""Where a viewer goes on."""

from __future__ import annotations

import pytest

from domain.resume import half_watched, resume

EPISODES = (60_000, 90_000, 30_000)


@pytest.mark.parametrize(
    ("episode_no", "position_ms", "expected"),
    [
        (2, 10_000, (2, 10_000, 90_000)),
        (2, 85_499, (2, 85_499, 90_000)),
        (2, 85_500, (3, 0, 30_000)),  # 95 % is complete
        (3, 30_000, (1, 0, 60_000)),  # the last one was complete: from the beginning
        (9, 1_000, (1, 0, 60_000)),  # an episode that is no more
        (0, 1_000, (1, 0, 60_000)),
    ],
)
def test_goes_on_where_it_was_left(episode_no, position_ms, expected):
    assert resume(((1, "s", 1), (episode_no, position_ms)), EPISODES) == expected


def test_what_was_never_watched_begins_at_the_beginning():
    assert resume(None, EPISODES) == (1, 0, 60_000)


def test_a_drama_without_episodes_has_nothing_to_play():
    assert resume(None, ()) == (1, 0, 0)
    assert resume(((1, "s", 1), (2, 5)), ()) == (1, 0, 0)


@pytest.mark.parametrize(
    ("episode_no", "position_ms", "expected"),
    [
        (1, 6_999, False),  # left at once
        (1, 7_000, True),
        (1, 60_000, True),
        (2, 0, True),
        (3, 28_499, True),
        (3, 28_500, False),  # the end of it all
        (4, 1_000, False),  # an episode that is no more
        (0, 9_000, False),
    ],
)
def test_half_watched_is_what_was_begun_and_not_finished(episode_no, position_ms, expected):
    assert half_watched(((1, "s", 1), (episode_no, position_ms)), EPISODES) is expected


def test_of_a_single_short_episode_the_end_is_not_half_watched():
    assert not half_watched(((1, "s", 1), (1, 5_000)), (5_000,))
    assert not half_watched(((1, "s", 1), (1, 4_000)), (5_000,))  # no valid play yet: it is shorter than seven seconds
    assert not half_watched(((1, "s", 1), (1, 1)), ())
