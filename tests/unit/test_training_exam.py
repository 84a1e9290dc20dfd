"""What is measured of a training: on a day it knows nothing of, and of the lists that are about to be published."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import numpy as np
import pytest

from recommender.learning.model import Recommendations, train
from recommender.learning.personal import Vectors
from recommender.training import crowd
from recommender.training.day import Span, last_full_day
from recommender.training.exam import examine
from recommender.training.measured import Measured
from recommender.training.reach import reach, volume
from tests.snapshots import watches
from tests.training_twin import DAY_MS, MIDNIGHT_MS, QUICK, SMALL, Doings, two_tastes_daily

YESTERDAY = Span(MIDNIGHT_MS - DAY_MS, MIDNIGHT_MS)
DOINGS = two_tastes_daily()


@pytest.fixture(scope="module")
def made() -> Recommendations:
    return train(DOINGS.snapshot(YESTERDAY.from_ms, QUICK), QUICK)


def examined(made: Recommendations, doings: Doings = DOINGS, **limits: object) -> Measured:
    before, shown = doings.snapshot(YESTERDAY.from_ms, QUICK), doings.day(YESTERDAY, QUICK)
    return examine(made, before, shown, QUICK, msgspec.structs.replace(SMALL, **limits))


@pytest.mark.parametrize("later_ms", [0, 1, DAY_MS - 1])
def test_the_last_full_day_is_over(later_ms):
    assert last_full_day(MIDNIGHT_MS + later_ms) == YESTERDAY
    assert str(YESTERDAY) == "2026-09-21"


def test_what_viewers_watched_next_is_found_and_how_surely(made):
    found = examined(made)
    assert found.missing == {}
    assert found.values["asked"] == 80
    assert found.values["strangers"] == 0
    assert found.values["uauc"] == 1  # each watches one taste and is shown the other
    for name in ("recall@50", "ndcg@20", "hit@10"):
        low, high = found.intervals[name]
        assert low <= found.values[name] <= high
        assert found.values[name] >= found.values[f"trend.{name}"]
        difference = found.values[name] - found.values[f"trend.{name}"]
        assert found.values[f"over_trend.{name}"] == pytest.approx(difference)
    assert found.intervals["over_trend.ndcg@20"][0] > 0
    assert 0.2 < found.values["item-hit@10"] < 1


def test_numbers_are_those_of_a_hand_made_list():
    """Three are glad of 1, one of 2 too; everybody's list is 1 and, at place 12, 2."""
    lists = np.zeros((3, 60), np.uint16)
    lists[:, 0], lists[:, 11] = 1, 2
    lists[:, [*range(1, 11), *range(12, 50)]] = np.arange(3, 51)
    made = Recommendations(0, np.array([5, 6, 7]), lists, {}, 50, True, Vectors(np.ones((3, 1)), np.ones((51, 1))))
    rows = [(5, 1), (6, 1), (7, 1), (7, 2)]
    user, drama = (np.array(column) for column in zip(*rows, strict=True))
    today = Doings(user, drama, np.full(4, YESTERDAY.from_ms), np.ones(4, bool))
    known = two_tastes_daily(viewers=2).snapshot(YESTERDAY.from_ms, QUICK)
    limits = msgspec.structs.replace(SMALL, viewers=3, seeds=1)
    found = examine(made, known, today.day(YESTERDAY, QUICK), QUICK, limits)
    assert found.values["recall@50"] == 1
    assert found.values["hit@10"] == 1
    gain = (1 + 1 / np.log2(13)) / (1 + 1 / np.log2(3))
    assert found.values["ndcg@20"] == pytest.approx((2 + gain) / 3)
    assert found.values["item-hit@10"] == 0
    assert "uauc" in found.missing  # nobody was shown anything besides


def test_sessions_are_told_apart_whatever_their_hashes_and_the_ids_of_viewers(made):
    day = DOINGS.day(YESTERDAY, QUICK)
    huge = replace(day, user_id=day.user_id + 2**52, session=np.full(len(day), 2**62 - 1))
    before = DOINGS.snapshot(YESTERDAY.from_ms, QUICK)
    found = examine(made, before, huge, QUICK, SMALL)
    assert found.values["item-hit@10"] == examined(made).values["item-hit@10"]


def test_viewers_without_a_list_are_told_and_not_asked(made):
    half = np.arange(0, 80, 2)
    few = replace(
        made, viewers=made.viewers[half], personal=made.personal[half],
        vectors=Vectors(made.vectors.viewers[half], made.vectors.dramas),
    )  # fmt: skip
    found = examined(few)
    assert (found.values["asked"], found.values["strangers"]) == (40, 0.5)
    assert found.values["uauc"] == 1


def test_of_many_viewers_some_are_drawn_the_same_each_time(made):
    found = examined(made, asked_most=30)
    assert found.values["asked"] == 30
    assert examined(made, asked_most=30) == found


def test_lists_that_know_nothing_find_less_surely(made):
    shuffled = np.random.default_rng(1).permuted(np.tile(np.arange(1, 61, dtype=np.uint16), (80, 1)), axis=1)
    found = examined(replace(made, personal=shuffled))
    assert found.intervals["ndcg@20"][1] < examined(made).intervals["ndcg@20"][0]


def test_too_few_to_measure_is_told(made):
    found = examined(made, viewers=81, seeds=1_000)
    assert found.values == {}
    assert found.missing["lists"] == "80 viewers with a list were glad of something new; 81 are needed"
    assert found.missing["item-hit@10"].endswith("1,000 are needed")


def test_everybodys_list_leaves_out_what_each_has_seen():
    known = watches((1, 2), (1, 3), (2, 1), (2, 4), seen=np.array([True, False, True, True]))
    scores = np.array([0, 4, 3, 2, 1, 0], np.float32)
    lists = crowd.unseen(scores, known, np.array([1, 2, 3]), 3)
    assert lists.tolist() == [[1, 3, 4], [2, 3, 0], [1, 2, 3]]


def a_reach(lists: list[list[int]], dramas: int, **more: object) -> Measured:
    count = len(lists)
    known = watches(*((user, 1) for user in range(1, count + 1)), **more)
    made = Recommendations(0, np.arange(1, count + 1), np.array(lists, np.uint16), {}, dramas, True)
    return reach(made, known, MIDNIGHT_MS, SMALL)


def test_coverage_and_the_commonest_drama_are_of_all_lists():
    now = np.full(20, MIDNIGHT_MS - 1)
    found = a_reach([[1, number + 2] for number in range(20)], 40, at_ms=now)
    assert found.values == {"listed": 1.0, "coverage@20": 21 / 40, "top-item@10": 1.0}
    found = a_reach([[number + 1, 0] for number in range(20)], 40, at_ms=now)
    assert found.values["top-item@10"] == 1 / 20


def test_who_is_active_and_has_something_left_to_see_needs_a_list():
    at_ms = np.full(40, MIDNIGHT_MS - 1)
    lists = [[1 + number % 2] for number in range(40)]
    lists[:10] = [[0]] * 10
    assert a_reach(lists, 40, at_ms=at_ms).values["listed"] == 0.75
    at_ms[:10] -= 8 * DAY_MS
    assert a_reach(lists, 40, at_ms=at_ms).values["listed"] == 1
    assert a_reach(lists, 1, at_ms=at_ms, seen=np.arange(40) < 25).missing["listed"].startswith("15 active")


def test_few_lists_or_few_dramas_are_told():
    assert set(a_reach([[1]] * 19, 40, at_ms=np.full(19, MIDNIGHT_MS)).missing) == {
        "coverage@20",
        "top-item@10",
        "listed",
    }
    assert set(a_reach([[1]] * 20, 9, at_ms=np.full(20, MIDNIGHT_MS)).missing) == {"coverage@20", "top-item@10"}


def test_a_day_is_measured_by_the_median_of_those_before_from_the_first_on():
    assert volume([0, 0, 30, 50, 40, 90], SMALL) == Measured({"volume": 90, "volume.usual": 40})
    assert volume([0, 30, 0, 50, 0], SMALL).values == {"volume": 0, "volume.usual": 30}
    assert "2 days" in volume([0, 0, 30, 50, 40], SMALL).missing["volume"]
    assert "0 days" in volume([0] * 8, SMALL).missing["volume"]
    assert "5 watches" in volume([5, 5, 5, 5], SMALL).missing["volume"]
