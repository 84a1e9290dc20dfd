"""A log is cut so that nothing of the test is known, and no part is empty."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.evaluation.split import Way, split
from recommender.evaluation.unfit import Unfit
from tests.interaction_logs import a_log


def parts(log, way, test_share=0.2, valid_share=0.0, seed=7):
    found = split(log, way, test_share, valid_share, seed)
    return found.train, found.valid, found.test


def test_the_last_fifth_is_the_test_and_the_block_before_it_validates():
    log = a_log([(n, n) for n in range(10)])
    train, valid, test = parts(log, Way.TIME, 0.2, 0.1)
    assert [part.user.tolist() for part in (train, valid, test)] == [list(range(7)), [7], [8, 9]]


def test_without_a_share_there_is_no_validation():
    train, valid, test = parts(a_log([(n, n) for n in range(10)]), Way.TIME)
    assert valid is None
    assert (len(train), len(test)) == (8, 2)


def test_one_moment_is_never_torn():
    log = a_log([(n, n) for n in range(10)], ts_ms=[1, 2, 3, 4, 5, 6, 6, 6, 6, 6])
    train, _, test = parts(log, Way.TIME)
    assert train.ts_ms.max() < test.ts_ms.min()
    assert len(test) == 5


def test_a_first_moment_with_most_of_the_log_is_learnt_from():
    train, _, test = parts(a_log([(n, n) for n in range(10)], ts_ms=[1] * 9 + [2]), Way.TIME)
    assert (len(train), len(test)) == (9, 1)


@pytest.mark.parametrize("way", Way)
def test_a_single_row_cannot_be_split(way):
    with pytest.raises(Unfit, match="none is left"):
        parts(a_log([(0, 0)]), way, seed=1)


def test_one_moment_only_cannot_be_split_by_time():
    with pytest.raises(Unfit, match="to test on"):
        parts(a_log([(0, 0), (1, 1)], ts_ms=[5, 5]), Way.TIME)


@pytest.mark.parametrize(
    ("test_share", "valid_share"), [(0, 0), (1, 0), (0.5, 0.5), (-0.1, 0), (0.2, -0.1), (float("nan"), 0)]
)
def test_shares_that_leave_nothing_are_refused(test_share, valid_share):
    with pytest.raises(Unfit, match="leave nothing"):
        parts(a_log([(n, n) for n in range(10)]), Way.TIME, test_share, valid_share)


def test_each_viewers_last_is_asked_and_who_has_one_row_is_learnt_from():
    log = a_log([(0, 1), (1, 5), (0, 2), (2, 9), (0, 3), (1, 6)])
    train, _, test = parts(log, Way.USER_LAST)
    assert list(zip(test.user.tolist(), test.item.tolist(), strict=True)) == [(0, 3), (1, 6)]
    assert len(train) == 4


def test_with_validation_the_last_but_one_validates():
    log = a_log([(0, n) for n in range(5)] + [(1, n) for n in range(2)])
    _, valid, test = parts(log, Way.USER_LAST, 0.2, 0.2)
    assert valid.item.tolist() == [3]
    assert test.item.tolist() == [4, 1]


def test_by_chance_a_pair_is_never_torn_and_a_seed_says_where():
    log = a_log([(n % 40, n % 30) for n in range(1200)])
    train, valid, test = parts(log, Way.RANDOM, 0.2, 0.2)
    pairs = [set(zip(part.user.tolist(), part.item.tolist(), strict=True)) for part in (train, valid, test)]
    assert not pairs[0] & pairs[1]
    assert not pairs[0] & pairs[2]
    assert not pairs[1] & pairs[2]
    assert 0.1 < len(pairs[2]) / 120 < 0.3
    assert parts(log, Way.RANDOM, 0.2, 0.2)[2].item.tolist() == test.item.tolist()
    assert parts(log, Way.RANDOM, 0.2, 0.2, seed=8)[2].item.tolist() != test.item.tolist()


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 6), st.integers(0, 9)), min_size=1, max_size=40),
    st.sampled_from(Way),
    st.sampled_from([0.1, 0.2, 0.5]),
    st.sampled_from([0.0, 0.1, 0.3]),
)
def test_every_row_is_in_one_part_and_in_its_order(views, way, test_share, valid_share):
    views.sort(key=lambda view: view[2])
    log = a_log([(user, n) for n, (user, _, _) in enumerate(views)], ts_ms=[at for *_, at in views])
    try:
        found = [part for part in parts(log, way, test_share, valid_share) if part is not None]
    except Unfit:
        return
    assert sorted(np.concatenate([part.item for part in found]).tolist()) == list(range(len(views)))
    assert all(len(part) and (np.diff(part.item) > 0).all() for part in found)
    if way is Way.TIME:
        assert all(a.ts_ms[-1] < b.ts_ms[0] for a, b in pairwise(found))
