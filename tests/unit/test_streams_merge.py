"""Which dramas are hottest and rising, from heat summed over partitions and epochs."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from domain import hotness
from domain.hotness import HOT, SLOW
from streams.merge import Heats, epochs, lists

NOW_MS = 1_795_000_000_000
DAY_MS = 86_400_000


def heats(*plays: tuple[int, int]) -> Heats:
    """Heat of (drama, time of a play)."""
    found = Heats()
    for drama_id, ts_ms in plays:
        for decay in hotness.DECAYS:
            epoch, weight = hotness.weight(ts_ms, decay)
            of_epoch = found.scores.setdefault(decay.name, {}).setdefault(epoch, {})
            of_epoch[drama_id] = of_epoch.get(drama_id, 0.0) + weight
    return found


def pairs(flat: list[Any]) -> dict[int, float]:
    """A flat list as drama -> score."""
    return {int(d): float(score) for d, score in zip(flat[::2], flat[1::2], strict=True)}


def test_a_play_is_worth_one_now_and_half_a_half_life_ago() -> None:
    found = heats((1, NOW_MS), (2, NOW_MS - HOT.half_life_ms)).now(HOT, NOW_MS)
    assert abs(found[1] - 1.0) < 1e-9
    assert abs(found[2] - 0.5) < 1e-9


@given(st.lists(st.tuples(st.integers(1, 9), st.integers(-90, 0)), max_size=50), st.integers(0, 900))
def test_heat_is_the_decayed_number_of_plays_across_epochs(plays: list[tuple[int, int]], at_day: int) -> None:
    now_ms = NOW_MS + at_day * DAY_MS  # meets the beginnings of epochs
    at = [(drama_id, now_ms + days * DAY_MS) for drama_id, days in plays]
    for decay in (HOT, SLOW):
        want: dict[int, float] = {}
        for drama_id, ts_ms in at:
            want[drama_id] = want.get(drama_id, 0.0) + 2.0 ** ((ts_ms - now_ms) / decay.half_life_ms)
        found = heats(*at).now(decay, now_ms)
        assert found.keys() == want.keys()
        assert all(abs(found[d] / want[d] - 1) < 1e-9 for d in want)


def test_the_lists_keep_the_highest_in_order() -> None:
    plays = [(d, NOW_MS) for d in range(1, 8) for _ in range(d)]
    hot, trend = lists(heats(*plays), NOW_MS, kept=3)
    assert list(pairs(hot)) == [7, 6, 5]
    assert list(pairs(trend)) == [7, 6, 5]


def test_what_is_watched_more_than_usual_leads_the_trend() -> None:
    steady = [(1, NOW_MS - days * DAY_MS // 8) for days in range(8 * 30) for _ in range(20)]
    risen = [(2, NOW_MS) for _ in range(60)]
    hot, trend = lists(heats(*steady, *risen), NOW_MS)
    assert next(iter(pairs(hot))) == 1
    assert next(iter(pairs(trend))) == 2


def test_the_epochs_that_tell_are_the_last_this_and_the_next() -> None:
    assert list(epochs(HOT, HOT.epoch_ms * 50)) == [49, 50, 51]
    assert list(epochs(HOT, 0)) == [0, 1]


def test_nothing_is_no_list() -> None:
    assert lists(Heats(), NOW_MS) == ([], [])
