"""What an item will be liked is learnt from what became of all items, and leans any model."""

from __future__ import annotations

import numpy as np
import pytest

from recommender.models.forecast import MOST, Foreseen, Foresight, learn, signs
from recommender.models.popularity import Popularity
from tests.interaction_logs import DAY_MS, HOUR_MS, NOW_MS, a_log, known

ITEMS = 60
RISING = np.arange(ITEMS) % 3 == 0


def days_of_fashion(days: int, seed: int = 5):
    """A third of the items is shown four times as often in the last two days before each day, and liked then, too."""
    random = np.random.default_rng(seed)
    share = np.where(RISING, 4.0, 1.0) / np.where(RISING, 4.0, 1.0).sum()
    pairs, ts_ms = [], []
    for day in range(days, 0, -1):
        for item in random.choice(ITEMS, 200, p=share if day <= 3 else None):
            pairs.append((int(random.integers(50)), int(item)))
            ts_ms.append(NOW_MS - day * DAY_MS + int(random.integers(24)) * HOUR_MS)
    order = np.argsort(ts_ms, kind="stable")
    return a_log([pairs[i] for i in order], ts_ms=[ts_ms[i] for i in order])


def test_what_rises_is_foreseen_from_the_days_before():
    some = known(days_of_fashion(10), users=50, items=ITEMS)
    model = Foreseen(Popularity(), power=1.0)
    model.fit(some)
    factor = model.arrays()["factor"]
    assert factor[RISING].mean() > 1.5 * factor[~RISING].mean()


def test_what_was_learnt_elsewhere_is_taken_as_it_is():
    some = known(days_of_fashion(10), users=50, items=ITEMS)
    falls = Foresight(np.zeros(7), np.ones(7), np.array([-1.0, 0, 0, 0, 0, 0, 0]))
    model = Foreseen(Popularity(), power=1.0, learnt=falls)
    model.fit(some)
    factor = model.arrays()["factor"]
    assert factor[RISING].mean() < factor[~RISING].mean()


def test_what_is_known_of_items_besides_the_log_is_learnt_from_too():
    pairs = [(user, item) for user in range(30) for item in range(20)]
    before = known(a_log(pairs, ts_ms=[NOW_MS - DAY_MS] * 600), items=20)
    kind = (np.arange(20) < 10).astype(float)[:, None]
    later = a_log([(user, item) for user in range(30) for item in range(10)])
    lift = learn(before, later, kind).lift(before, kind)
    assert lift[:10].min() > lift[10:].max() + 0.5
    assert np.ptp(learn(before, later).lift(before)) < 0.1  # without it they are all alike


def test_only_what_viewers_were_glad_of_counts():
    before = known(a_log([(user, item) for user in range(30) for item in range(20)]), items=20)
    kind = (np.arange(20) < 10).astype(float)[:, None]
    pairs = [(user, item) for user in range(30) for item in range(20)]
    later = a_log(pairs, positive=[item >= 10 for _, item in pairs])
    lift = learn(before, later, kind).lift(before, kind)
    assert lift[10:].min() > lift[:10].max()


NOTHING = a_log([])
WATCHES = a_log([(user, item) for user in range(4) for item in range(3)])
UNLOVED = a_log([(0, 1)], positive=[False])


@pytest.mark.parametrize(("before", "later"), [(NOTHING, WATCHES), (WATCHES, NOTHING), (WATCHES, UNLOVED)])
def test_with_nothing_to_learn_from_everything_is_as_ever(before, later):
    some = known(before, users=4, items=3)
    assert learn(some, later).lift(some).tolist() == [0, 0, 0]


def test_one_item_that_has_it_all_lifts_within_bounds():
    some = known(a_log([(user, 0) for user in range(50)] + [(0, item) for item in range(9)]), items=9)
    later = a_log([(user, 8) for user in range(50)] * 200)
    lift = learn(some, later, np.eye(9)).lift(some, np.eye(9))
    assert np.isfinite(lift).all()
    assert np.abs(lift).max() <= MOST
    assert lift.argmax() == 8


def test_signs_are_finite_for_what_was_never_shown():
    assert np.isfinite(signs(known(NOTHING, users=1, items=4), None)).all()
    assert signs(known(WATCHES, items=9), np.zeros((9, 2))).shape == (9, 9)
