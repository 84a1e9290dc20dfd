"""How a new drama stands, what it needs, and the orders that come of it."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from domain.cold import MAX_LENGTH, MAX_ORDERS, NONE
from recommender.learning.weights import WEIGHTS
from recommender.refresh.cold_orders import plan
from recommender.refresh.newcomers import (
    CATCH_UP,
    HOUR_MS,
    Belief,
    Judged,
    Newcomers,
    Shown,
    Standing,
    judge,
    needs,
    pace,
    standing,
)
from tests.cold_world import START_MS, World

NOBODY = Shown(*(np.zeros(0, np.int64) for _ in range(4)))
PLENTY = 120_000  # items shown an hour


def newcomers(*entries: tuple[int, int, int, float]) -> Newcomers:
    """(viewers, asked, valid, hours since the first viewer) each, of one category; index 1, 2, ..."""
    viewers, asked, valid, hours = (np.array(column) for column in zip(*entries, strict=True))
    first_ms = np.where(viewers > 0, START_MS - hours * HOUR_MS, 0).astype(np.int64)
    index = np.arange(1, len(entries) + 1)
    return Newcomers(index, np.zeros(len(index), np.int64), asked, valid, first_ms, viewers)


def a_crowd(rate: float = 0.3, dramas: int = 20, asked: int = 100) -> Shown:
    """Dramas of one category around a rate."""
    valid = np.round(asked * (rate + np.linspace(-0.1, 0.1, dramas))).astype(np.int64)
    return Shown(np.arange(100, 100 + dramas), np.zeros(dramas, np.int64), np.full(dramas, asked), valid)


def test_the_same_seed_gives_the_same_orders_and_another_others():
    judged = World(50, PLENTY).judge()
    one, same, other = (plan(judged, PLENTY, WEIGHTS, now_ms=START_MS, seed=seed) for seed in (5, 5, 6))
    assert one == same
    assert one.orders != other.orders


# -- one by one --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ((0, 0, 0, 0.0), Standing.OWED),
        ((299, 299, 299, 30.0), Standing.OWED),  # however good or late: the guarantee comes first
        ((300, 300, 150, 10.0), Standing.GRADUATED),
        ((300, 300, 30, 10.0), Standing.RETIRED),
        ((300, 300, 90, 10.0), Standing.UNDECIDED),
        ((300, 0, 0, 10.0), Standing.UNDECIDED),  # all were shown it because they would like it: that proves nothing
        ((1_200, 1_200, 366, 50.0), Standing.GRADUATED),  # enough: the likelier of the two
        ((1_200, 1_200, 350, 50.0), Standing.RETIRED),
    ],
)
def test_how_a_drama_stands(entry: tuple[int, int, int, float], expected: Standing):
    assert judge(newcomers(entry), a_crowd(), WEIGHTS).standings.tolist() == [expected]


def test_a_drama_is_held_to_its_own_category():
    crowd = a_crowd(0.3)
    other = Shown(crowd.index + 100, crowd.category + 1, crowd.asked, crowd.valid + 40)
    both = Shown(*(np.concatenate([a, b]) for a, b in zip(vars(crowd).values(), vars(other).values(), strict=True)))
    same = newcomers((300, 300, 150, 10.0), (300, 300, 150, 10.0))
    two = Newcomers(**{**vars(same), "category": np.array([0, 1])})
    assert judge(two, both, WEIGHTS).standings.tolist() == [Standing.GRADUATED, Standing.RETIRED]


def test_of_a_category_with_few_dramas_the_median_of_all_holds():
    new = newcomers((300, 300, 150, 10.0))
    stranger = Newcomers(**{**vars(new), "category": np.array([7])})
    assert judge(stranger, a_crowd(0.3), WEIGHTS).standings.tolist() == [Standing.GRADUATED]
    assert judge(stranger, a_crowd(0.8), WEIGHTS).standings.tolist() == [Standing.RETIRED]


def test_without_a_crowd_nothing_is_decided_before_it_must_be():
    new = newcomers((300, 300, 290, 10.0), (300, 300, 3, 10.0), (1_200, 0, 0, 50.0))
    found = judge(new, NOBODY, WEIGHTS)
    assert np.isfinite(found.belief.above).all()
    assert found.belief.above[0] > 0.9 > 0.1 > found.belief.above[1], "even odds are what is believed of all"


def test_what_a_drama_needs_is_what_it_is_behind_its_pace_and_never_all_at_once():
    usual = pace(WEIGHTS)
    judged = judge(
        newcomers((0, 0, 0, 0), (10, 10, 3, 1.0), (150, 150, 50, 1.0), (50, 50, 9, 23.0)), a_crowd(), WEIGHTS
    )
    need = needs(judged, START_MS, WEIGHTS)
    assert need[0] == pytest.approx(usual)
    assert need[1] == pytest.approx(7 * usual - 10)
    assert need[2] == 0
    assert need[3] == pytest.approx(CATCH_UP * usual)
    almost = needs(judge(newcomers((299, 9, 3, 40.0)), a_crowd(), WEIGHTS), START_MS, WEIGHTS)
    assert almost[0] == pytest.approx(usual), "the last one is not waited for"


def test_those_that_are_owed_come_before_the_undecided():
    judged = judge(newcomers((0, 0, 0, 0), (300, 300, 90, 10.0), (300, 300, 95, 10.0)), a_crowd(), WEIGHTS)
    orders = plan(judged, 100, WEIGHTS, now_ms=START_MS, seed=1).orders
    assert len(orders) == MAX_ORDERS
    assert {order[0] for order in orders} == {1}, "there is hardly room for the one"
    assert all(sorted(order) == [1, 2, 3] for order in orders)
    roomy = plan(judged, PLENTY, WEIGHTS, now_ms=START_MS, seed=1).orders
    assert 3 <= sum(order[0] == 1 for order in roomy) <= 9, "else each gets its part"


def test_who_waits_ends_each_order_so_that_an_audience_that_has_seen_the_first_is_not_held_up():
    judged = judge(newcomers((50, 50, 9, 5.0), *[(0, 0, 0, 0)] * 40, (400, 400, 120, 9.0)), a_crowd(), WEIGHTS)
    found = plan(judged, 100, WEIGHTS, now_ms=START_MS, seed=1)
    assert {order[:2] for order in found.orders} == {(1, 42)}
    assert {order[2:] for order in found.orders} == {tuple(range(2, 42))}, "first come, first due"
    assert found.share == WEIGHTS.cold_share


def test_the_better_an_undecided_drama_the_more_often_it_is_in_front():
    belief = Belief(np.array([30.0, 40.0, 45.0]), np.array([70.0, 60.0, 55.0]), np.array([0.3, 0.5, 0.7]))
    new = newcomers(*[(400, 400, 100, 10.0)] * 3)
    judged = Judged(new, belief, standing(new, belief.above, WEIGHTS))
    tops = [o[0] for seed in range(50) for o in plan(judged, PLENTY, WEIGHTS, now_ms=START_MS, seed=seed).orders]
    counts = np.bincount(tops, minlength=4)[1:]
    assert counts[2] > counts[1] > counts[0] > 0


# -- bounds ------------------------------------------------------------------------------------------------------------


def test_without_new_dramas_nothing_is_published():
    none = Newcomers(*(np.zeros(0, np.int64) for _ in range(6)))
    assert plan(judge(none, a_crowd(), WEIGHTS), PLENTY, WEIGHTS, now_ms=START_MS, seed=1) == NONE
    assert plan(judge(none, NOBODY, WEIGHTS), 0, WEIGHTS, now_ms=START_MS, seed=1) == NONE


def test_a_share_of_nothing_explores_nothing():
    closed = msgspec.structs.replace(WEIGHTS, cold_share=0.0)
    assert plan(World(20, PLENTY).judge(), PLENTY, closed, now_ms=START_MS, seed=1) == NONE


def test_where_nobody_knows_how_much_is_shown_the_cap_holds():
    assert plan(World(20, PLENTY).judge(), 0, WEIGHTS, now_ms=START_MS, seed=1).share == WEIGHTS.cold_share


def test_thousands_of_new_dramas_are_orders_of_the_usual_length():
    found = plan(World(5_000, PLENTY).judge(), 0, WEIGHTS, now_ms=START_MS, seed=1)
    assert {len(order) for order in found.orders} == {MAX_LENGTH}
    assert len(set().union(*found.orders)) > 1_000


def test_a_clock_that_went_back_harms_nothing():
    judged = judge(newcomers((5, 5, 1, -3.0)), a_crowd(), WEIGHTS)
    assert np.isfinite(needs(judged, START_MS, WEIGHTS)).all()
    assert not plan(judged, PLENTY, WEIGHTS, now_ms=START_MS, seed=1).orders, "it is ahead of its pace"


def test_more_valid_plays_than_viewers_are_no_rate_above_1():
    assert np.isfinite(judge(newcomers((300, 10, 50, 10.0)), a_crowd(), WEIGHTS).belief.above).all()
