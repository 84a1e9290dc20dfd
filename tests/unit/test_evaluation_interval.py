"""Intervals: wide where viewers are few, the same again with the same seed, right about as often as they say."""

from __future__ import annotations

import numpy as np
import pytest

from recommender.evaluation import interval


def column(values):
    return np.array(values, float)[:, None]


def test_a_seed_gives_the_same_draws_whatever_the_blocks(monkeypatch):
    values = column(np.arange(50))
    once = interval.drawn(values, values * 0 + 1, 5, draws=40)
    assert (once == interval.drawn(values, values * 0 + 1, 5, draws=40)).all()
    assert not (once == interval.drawn(values, values * 0 + 1, 6, draws=40)).all()
    monkeypatch.setattr(interval, "AT_ONCE", 120)
    assert (once == interval.drawn(values, values * 0 + 1, 5, draws=40)).all()


def test_two_columns_are_drawn_together():
    values = column(np.arange(20))
    both = interval.drawn(np.hstack([values, values + 1]), np.ones((20, 2)), 1)
    assert both[:, 1] - both[:, 0] == pytest.approx(1)


def test_it_is_as_wide_as_the_textbook_says():
    values = np.random.default_rng(0).normal(3, 2, 400)
    ((low, high),) = interval.interval(interval.drawn(column(values), column(np.ones(400)), 1))
    error = values.std() / 20
    assert low == pytest.approx(values.mean() - 1.96 * error, abs=0.2 * error)
    assert high == pytest.approx(values.mean() + 1.96 * error, abs=0.2 * error)


def test_a_ratio_is_of_sums_not_a_mean_of_ratios():
    ((low, high),) = interval.interval(interval.drawn(column([9, 1] * 200), column([10, 90] * 200), 1))
    assert low < 0.1 < high < 0.15


def test_one_viewer_has_an_interval_of_one_number():
    assert interval.interval(interval.drawn(column([0.25]), column([1]), 1)) == [(0.25, 0.25)]


def test_where_nothing_is_counted_there_is_none():
    assert interval.interval(interval.drawn(column([0, 0]), column([0, 0]), 1)) == [None]
