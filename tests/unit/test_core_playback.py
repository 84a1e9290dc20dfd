"""Content watched and the playback rule, against brute force and the golden set."""

from __future__ import annotations

from itertools import islice, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain import content, playback
from juliu.faults.expected import union_ms
from tests.golden.playbacks import Golden, playbacks

spans = st.lists(st.tuples(st.integers(0, 200), st.integers(-5, 60)).map(lambda x: (x[0], x[0] + x[1])), max_size=40)


def united(ranges):
    """(sum of what was new, union)."""
    new, union = 0, ()
    for a, b in ranges:
        fresh, union = content.add(union, a, b)
        new += fresh
    return new, union


@given(spans, st.randoms())
def test_the_union_is_that_of_sets_whatever_the_order(ranges, rnd):
    new, union = united(ranges)
    assert (new, union) == united(rnd.sample(ranges, len(ranges)))
    assert new == content.total(union) == len({ms for a, b in ranges for ms in range(a, b)})


@given(spans)
def test_ranges_ascend_and_do_not_touch(ranges):
    _, union = united(ranges)
    assert all(a < b for a, b in pairwise(union))


@given(st.lists(st.integers(0, 400), min_size=100, max_size=300))
@settings(max_examples=10)
def test_past_its_bound_a_union_stays_small_and_counts_each_hole_once(starts):
    ranges = [(3 * a, 3 * a + 1) for a in starts]
    new, union = united(ranges)
    assert len(union) <= 2 * content.MAX_RANGES
    assert union_ms(ranges) <= content.total(union)
    assert all(content.add(union, a, b)[0] == 0 for a, b in ranges)
    assert new <= 1_201


def test_the_bound_holds_for_who_only_skips_ahead():
    ranges = [(10 * i, 10 * i + 1 + i % 3) for i in range(100)]
    assert len(united(ranges)[1]) == 2 * content.MAX_RANGES


def test_watching_on_is_one_range():
    assert united([(5_000 * i, 5_000 * i + 5_000) for i in range(10)]) == (50_000, (0, 50_000))


def played(golden: Golden):
    """(content_ms, bits) of a golden playback by our rule, through the text form each time."""
    total, text = 0, None
    for a, b in golden.intervals:
        fresh, _, play = playback.watch(playback.decode(text), a, b, golden.duration_ms)
        total, text = total + fresh, playback.encode(play)
    return total, playback.decode(text)[0]


def test_the_rule_gives_what_the_golden_set_says():
    golden = list(islice(playbacks(), 1_000))  # all of them, and in SQL: tests/integration/test_clickhouse_views.py
    assert {g.bits for g in golden} >= {0, 1, 3, 7, 15}, "the set has all stages"
    assert [played(g) for g in golden] == [(g.content_ms, g.bits) for g in golden]


@given(st.lists(st.tuples(st.integers(0, 25_000), st.integers(0, 8_000)), max_size=30), st.integers(1, 24_000))
def test_each_threshold_fires_once(intervals, duration_ms):
    play, fired = playback.NEW, 0
    for a, length in intervals:
        _, now, play = playback.watch(play, a, a + length, duration_ms)
        assert not now & fired
        fired |= now
    assert fired == play[0]


@pytest.mark.parametrize(
    ("content_ms", "duration_ms", "bits"),
    [
        (2_999, 60_000, 0),
        (3_000, 60_000, playback.VIEW),
        (6_999, 60_000, playback.VIEW),
        (7_000, 60_000, playback.VIEW | playback.VALID),
        (18_000, 60_000, playback.VIEW | playback.VALID | playback.LONG),
        (56_999, 60_000, playback.VIEW | playback.VALID | playback.LONG),
        (57_000, 60_000, playback.THRESHOLDS),
        (2_000, 2_000, playback.THRESHOLDS),
        (1_900, 2_000, playback.COMPLETE),
        (1_899, 2_000, 0),
    ],
)
def test_the_rule_to_the_millisecond(content_ms, duration_ms, bits):
    assert playback.passed(content_ms, duration_ms) == bits


def test_qualified_is_kept_beside_the_thresholds():
    play = playback.watch(playback.qualify(playback.NEW), 0, 7_000, 60_000)[2]
    assert play[0] == playback.QUALIFIED | playback.VIEW | playback.VALID
    assert playback.qualify(playback.watch(playback.NEW, 0, 7_000, 60_000)[2]) == play


def test_a_qualified_playback_that_watched_everything_still_grows():
    play = playback.watch(playback.qualify(playback.NEW), 0, 96_000, 100_000)[2]
    assert playback.watch(play, 96_000, 99_000, 100_000)[:2] == (3_000, 0)


def test_without_a_duration_nothing_is_watched():
    assert playback.watch(playback.NEW, 0, 5_000, 0) == (0, 0, playback.NEW)


@given(spans, st.integers(0, 31))
def test_text_and_back(ranges, bits):
    play = (bits, *united(ranges)[1])
    assert playback.decode(playback.encode(play)) == play


def test_what_is_not_a_playback_is_refused():
    with pytest.raises(ValueError, match="not a playback"):
        playback.decode("1,2")
