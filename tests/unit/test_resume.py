"""Where a viewer goes on."""

from __future__ import annotations

import pytest

from domain.resume import resume

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
