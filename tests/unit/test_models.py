"""What holds for every model of the registry, and what the crowd's and the factor models promise besides."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from recommender.models.als import ImplicitALS
from recommender.models.fsals import FrequencyScaledALS
from recommender.models.popularity import Popularity
from recommender.models.registry import MODELS
from recommender.models.trend import Fresh, factor
from tests.interaction_logs import DAY_MS, EDGES, NOW_MS, a_log, known, two_tastes

FACTORS = {"als": lambda: ImplicitALS(factors=3), "fsals": lambda: FrequencyScaledALS(factors=3)}


@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize("name", MODELS)
def test_any_log_will_do(name, edge):
    some = EDGES[edge]
    model = MODELS[name]()
    model.fit(some)
    histories = csr_matrix(np.eye(3, some.items, dtype=np.float32))  # a row of it is empty where there are few items
    found = [model.scores(np.arange(some.users)), model.fold_in(histories), model.related(np.arange(some.items))]
    assert [scores.shape for scores in found] == [(rows, some.items) for rows in (some.users, 3, some.items)]
    assert all(scores.dtype == np.float32 and np.isfinite(scores).all() for scores in found)
    assert (found[2] >= 0).all()
    assert not np.diag(found[2]).any()
    assert all(np.isfinite(array).all() for array in model.arrays().values())


@pytest.mark.parametrize("name", MODELS)
def test_the_same_log_gives_the_same_scores(name):
    some = known(a_log(two_tastes(viewers=20, items=12, each=4)))
    one, again = (MODELS[name]() for _ in range(2))
    one.fit(some)
    again.fit(some)
    users = np.array([3, 0, 7])
    assert np.array_equal(one.scores(users), again.scores(users))
    assert np.allclose(one.scores(users)[1:2], one.scores(users[1:2]), atol=1e-6)


@pytest.mark.parametrize("name", FACTORS)
def test_viewers_get_what_viewers_of_their_taste_watch(name):
    model = FACTORS[name]()
    model.fit(known(a_log(two_tastes()), users=62))
    for found in (model.scores(np.arange(60)), model.fold_in(csr_matrix(np.eye(40, dtype=np.float32)))):
        own, other = found[::2, ::2].mean(), found[::2, 1::2].mean()
        assert own > 3 * abs(other)


@pytest.mark.parametrize("name", FACTORS)
def test_who_has_no_history_gets_what_everybody_gets(name):
    pairs = [(user, 0) for user in range(20)] + [(user, 1 + user % 5) for user in range(20)]
    model = FACTORS[name]()
    model.fit(known(a_log(pairs), users=22))
    new, absent = model.fold_in(csr_matrix((1, 6), dtype=np.float32)), model.scores(np.array([20, 21]))
    assert np.allclose(new, absent)
    assert np.allclose(absent[0], model.scores(np.arange(20)).mean(0), atol=1e-5)
    assert absent[0].argmax() == 0


@pytest.mark.parametrize("name", FACTORS)
def test_what_is_related_is_what_a_viewer_of_the_seed_alone_gets(name):
    model = FACTORS[name]()
    model.fit(known(a_log(two_tastes())))
    found = model.related(np.array([4, 7]))
    alone = model.fold_in(csr_matrix(np.eye(40, dtype=np.float32)[[4, 7]]))
    others = np.arange(40) != 4
    assert np.allclose(found[0, others], np.maximum(alone[0, others], 0))
    assert found[1, 1::2].mean() > 3 * found[1, ::2].mean()


@pytest.mark.parametrize("name", FACTORS)
def test_folding_in_a_history_of_the_log_finds_about_the_same(name):
    some = known(a_log(two_tastes()))
    model = FACTORS[name]()
    model.fit(some)
    assert np.allclose(model.fold_in(some.watched), model.scores(np.arange(60)), atol=0.05)


def test_what_viewers_were_glad_of_can_weigh_more():
    pairs = [(user, item) for user in range(30) for item in (0, 1 + user % 2)]
    glad = [item == 1 for _, item in pairs]
    plain, heavy = FrequencyScaledALS(factors=4), FrequencyScaledALS(factors=4, positive=5.0)
    for model in (plain, heavy):
        model.fit(known(a_log(pairs, positive=glad)))
    users = np.array([0])  # watched 0, and 1 gladly
    assert heavy.scores(users)[0, 1] > plain.scores(users)[0, 1]


def test_popularity_counts_watches_or_what_was_liked():
    log = a_log([(0, 0), (1, 0), (2, 1), (3, 2)], positive=[False, False, True, True], weight=[1, 1, 1, 0])
    watched, liked = Popularity(), Popularity(positive=True)
    for model in (watched, liked):
        model.fit(known(log))
    assert watched.scores(np.array([3]))[0].tolist() == [2, 1, 0]
    assert liked.fold_in(csr_matrix((1, 3)))[0].tolist() == [0, 1, 1]


def test_a_watch_one_half_life_ago_counts_half():
    log = a_log([(0, 0), (0, 1)], ts_ms=[NOW_MS - 2 * DAY_MS, NOW_MS])
    model = Popularity(half_life_days=2)
    model.fit(known(log))
    assert model.scores(np.array([0]))[0].tolist() == pytest.approx([0.5, 1])


def test_a_half_life_of_nothing_is_refused():
    with pytest.raises(ValueError, match="half_life_days 0"):
        Popularity(half_life_days=0).fit(known(a_log([(0, 0)])))


def test_what_is_shown_more_of_late_than_usual_has_a_factor_above_one():
    ago = [20, 19, 18, 17, 16, 0, 20, 0]
    log = a_log([(0, int(item)) for item in "00000011"], ts_ms=[NOW_MS - day * DAY_MS for day in ago])
    found = factor(known(log, items=3), half_life_days=1.5, prior=0.001)
    assert found[1] > 1.9
    assert found[0] < 1
    assert found[2] == 1  # never shown: nobody knows
    assert (np.abs(factor(known(log, items=3), 1.5, prior=1_000) - 1) < 0.01).all()  # a few prove little


def test_a_log_too_old_for_any_trend_leaves_all_as_it_is():
    log = a_log([(0, 0), (0, 1)], ts_ms=[NOW_MS - 9_000 * DAY_MS] * 2)
    assert factor(known(log), half_life_days=1, prior=5).tolist() == [1, 1]


def test_freshness_lifts_and_never_turns_round_what_is_below_nothing():
    log = a_log([(0, 0), (0, 1), (0, 1)], ts_ms=[NOW_MS - 10 * DAY_MS, NOW_MS - 10 * DAY_MS, NOW_MS])
    fresh = Fresh(Constant([[1, 1], [-1, -1]]), half_life_days=1, power=0.5)
    fresh.fit(known(log))
    up, down = fresh.scores(np.array([0, 1]))
    assert up[1] > 1 > up[0] > 0
    assert 0 > down[1] > -1 > down[0]
    unleaning = Fresh(Constant([[1, 1]]), half_life_days=1, power=0)
    unleaning.fit(known(log))
    assert unleaning.scores(np.array([0])).tolist() == [[1, 1]]


class Constant(Popularity):
    """Scores as they were given."""

    def __init__(self, rows):
        super().__init__()
        self._rows = np.array(rows, np.float32)

    def scores(self, users):
        return self._rows[users]


def test_chance_prefers_nothing_and_knows_no_batches():
    model = MODELS["random"]()
    model.fit(known(a_log([(0, 0)]), users=200, items=500))
    found = model.scores(np.arange(200))
    assert found.min() > 0
    assert found.max() <= 1
    assert np.abs(found.mean(0) - 0.5).max() < 0.12
    assert np.abs(np.corrcoef(found[:20])[np.triu_indices(20, 1)]).max() < 0.25
    assert np.array_equal(found[[7, 150]], model.scores(np.array([7, 150])))
