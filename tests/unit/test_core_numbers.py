"""Registers, hotness, counters and effects: the small parts of the core."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import counters, effects, hotness, registers
from domain.hotness import HOT, SLOW

stamps = st.tuples(st.integers(0, 9), st.sampled_from(["a", "b", "a,b"]), st.integers(1, 4))
NOW_MS = 1_795_000_000_000


@given(st.lists(stamps, min_size=1, unique=True), st.randoms())
def test_the_last_writer_wins_in_any_order(written, rnd):
    register = None
    for stamp in rnd.sample(written, len(written)):
        register = registers.write(register, stamp, (stamp[2], 7)) or register
    assert register == (max(written), (max(written)[2], 7))


@given(stamps, st.lists(st.integers(0, 9), min_size=1, max_size=3))
def test_a_register_as_text_and_back(stamp, value):
    register = (stamp, tuple(value))
    assert registers.decode(registers.encode(register), len(value)) == register


def test_what_wrote_a_register_cannot_write_it_again():
    register = registers.write(None, (5, "a", 1), (1,))
    assert registers.write(register, (5, "a", 1), (0,)) is None


@pytest.mark.parametrize("text", ["", "1,2", "1,2,3", "1,x,3,s"])
def test_what_is_not_a_register_is_refused(text):
    with pytest.raises(ValueError, match=r"not a register|invalid literal"):
        registers.decode(text, registers.REACTION_WIDTH)


@pytest.mark.parametrize("decay", hotness.DECAYS)
def test_a_weight_doubles_every_half_life_and_stays_far_from_the_end(decay):
    epoch, weight = hotness.weight(NOW_MS, decay)
    later = hotness.weight(NOW_MS + decay.half_life_ms, decay)
    assert later == (epoch, pytest.approx(2 * weight))
    assert hotness.weight((epoch + 1) * decay.epoch_ms - 1, decay)[1] < 2.0**400
    assert hotness.weight((epoch + 1) * decay.epoch_ms, decay) == (epoch + 1, 1.0)


@given(st.lists(st.integers(-900, 10), min_size=1, max_size=30), st.sampled_from(hotness.DECAYS), st.integers(0, 800))
def test_heat_is_the_sum_of_plays_halved_by_age_across_epochs(days_ago, decay, into):
    now_ms = 60 * decay.epoch_ms + into * decay.half_life_ms // 2
    plays = [now_ms + days * 86_400_000 for days in days_ago]
    scores: dict[int, float] = {}
    for ts_ms in plays:
        epoch, weight = hotness.weight(ts_ms, decay)
        scores[epoch] = scores.get(epoch, 0.0) + weight
    current = now_ms // decay.epoch_ms
    heat = hotness.now(hotness.merge(scores, current), current, now_ms, decay)
    assert heat == pytest.approx(sum(0.5 ** ((now_ms - ts_ms) / decay.half_life_ms) for ts_ms in plays), rel=1e-9)


def test_merged_scores_rank_as_they_stand():
    now_ms, epoch = NOW_MS, NOW_MS // HOT.epoch_ms
    hotter = hotness.merge(dict([hotness.weight(now_ms - 3_600_000, HOT)]), epoch)
    colder = hotness.merge(dict([hotness.weight(now_ms - 7_200_000, HOT)]), epoch)
    assert hotter > colder
    assert hotness.now(hotter, epoch, now_ms, HOT) > hotness.now(colder, epoch, now_ms, HOT)


def steady(per_day: float, decay: hotness.Decay) -> float:
    """Heat of a drama that has been watched steadily for ever."""
    return per_day * decay.half_life_ms / 86_400_000 / math.log(2)


def test_trend_is_for_what_is_watched_more_than_usual():
    usual = hotness.trend(steady(1_000, HOT), steady(1_000, SLOW))
    assert usual == pytest.approx(1 / 7, rel=0.01)
    assert hotness.trend(2 * steady(1_000, HOT), steady(1_000, SLOW) + steady(1_000, HOT)) > usual
    assert hotness.trend(2.0, 2.0) < usual, "two plays are no trend"


def test_counters_are_named_once_and_in_this_order():
    assert counters.COUNTERS[: counters.VALID_PLAYS + 1] == (
        "impressions", "clicks", "starts", "ends", "views", "valid_plays",
    )  # fmt: skip
    assert [counters.parse_field(counters.field(7, i)) for i in range(14)] == [(7, i) for i in range(14)]


def test_a_merged_row_by_name():
    row = counters.decode(counters.encode(range(1, 15)))
    assert row["impressions"] == 1
    assert row["unlocks"] == 14
    assert counters.decode(None) == dict.fromkeys(counters.COUNTERS, 0)


def test_a_merged_row_from_before_a_counter_was_added_reads_as_zero():
    assert counters.decode(b"3,4") == dict.fromkeys(counters.COUNTERS, 0) | {"impressions": 3, "clicks": 4}


def test_a_run_travels_as_text_that_lua_can_read():
    run = effects.Run(5, 9, [["HSET", "k", "f", "剧"], ["HINCRBY", "k", "f", -3]])
    expected, first, last, blob = run.arguments()
    assert (expected, first, last) == ("4", "5", "9")
    assert effects.decode_blob(blob) == run.commands
    assert not any(byte in range(0xC4, 0xC7) for byte in blob[:1])


def test_sums_of_weights_do_not_depend_on_the_order_but_in_the_last_bits():
    rnd = random.Random(1)
    weights = [hotness.weight(NOW_MS - rnd.randrange(10**9), HOT)[1] for _ in range(1_000)]
    assert sum(weights) == pytest.approx(sum(sorted(weights)), rel=1e-9)
