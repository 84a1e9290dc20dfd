"""The closed-form models: what they solve, what they refuse, and what they promise beyond any model of the registry."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from recommender.models.ease import Ease
from recommender.models.linear import MOST_ITEMS, TooManyItems, gram, inverse, solved
from recommender.models.ordered import Ordered
from tests.interaction_logs import EDGES, a_log, known, two_tastes

MODELS = {
    "ease": lambda: Ease(regularization=2.0),
    "edlae": lambda: Ease(regularization=2.0, dropout=0.5),
    "relaxed": lambda: Ease(regularization=2.0, diagonal=0.3),
    "ordered": lambda: Ordered(regularization=2.0),
}


def fitted(model, log, **sizes):
    model.fit(known(log, **sizes))
    return model


@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize("name", MODELS)
def test_any_log_will_do(name, edge):
    some, model = EDGES[edge], MODELS[name]()
    model.fit(some)
    histories = csr_matrix(np.eye(3, some.items, dtype=np.float32))
    found = [model.scores(np.arange(some.users)), model.fold_in(histories), model.related(np.arange(some.items))]
    assert [scores.shape for scores in found] == [(rows, some.items) for rows in (some.users, 3, some.items)]
    assert all(scores.dtype == np.float32 and np.isfinite(scores).all() for scores in found)
    assert (found[2] >= 0).all()
    assert not np.diag(found[2]).any()


@pytest.mark.parametrize("name", MODELS)
def test_more_items_than_a_dense_matrix_should_have_are_refused_before_it_is_made(name):
    with pytest.raises(TooManyItems, match="20,001 items, at most 20,000"):
        fitted(MODELS[name](), a_log([(0, 0)]), items=MOST_ITEMS + 1)


@pytest.mark.parametrize("name", MODELS)
def test_viewers_get_what_viewers_of_their_taste_watch(name):
    model = fitted(MODELS[name](), a_log(two_tastes()))
    scores = model.scores(np.arange(60))
    assert scores[::2, ::2].mean() > 3 * abs(scores[::2, 1::2].mean())
    related = model.related(np.arange(40))
    assert related[::2, ::2].mean() > 3 * related[::2, 1::2].mean()


@pytest.mark.parametrize("name", MODELS)
def test_who_has_no_history_gets_what_everybody_gets(name):
    pairs = [(user, 0) for user in range(20)] + [(user, 1 + user % 5) for user in range(20)]
    model = fitted(MODELS[name](), a_log(pairs), users=22)
    absent = model.scores(np.array([20, 21]))
    assert np.allclose(absent, model.scores(np.arange(20)).mean(0), atol=1e-5)
    assert np.allclose(model.fold_in(csr_matrix((1, 6))), absent[0])
    assert absent.any()


def by_the_book(watched, penalty):
    """I - P / diag(P): Steck 2019, formula 8."""
    precision = np.linalg.inv(watched.T @ watched + np.diag(penalty))
    return np.eye(len(penalty)) - precision / np.diag(precision)


def test_ease_is_what_its_paper_says():
    log = a_log(two_tastes(items=20, each=6))
    watched = known(log).watched.toarray().astype(float)
    found = fitted(Ease(regularization=3.0), log).arrays()["weights"]
    assert np.allclose(found, by_the_book(watched, np.full(20, 3.0)), atol=1e-5)
    assert not np.diag(found).any()


def test_dropout_penalises_what_is_watched_much():
    log = a_log(two_tastes(items=20, each=6))
    watched = known(log).watched.toarray().astype(float)
    found = fitted(Ease(regularization=3.0, dropout=0.25), log).arrays()["weights"]
    assert np.allclose(found, by_the_book(watched, 3 + watched.sum(0) / 3), atol=1e-5)


def test_a_relaxed_diagonal_ends_at_its_bound():
    log = a_log(two_tastes(items=20, each=6))
    watched = known(log).watched.toarray().astype(float)
    bound = np.diag(fitted(Ease(regularization=3.0, diagonal=0.3), log).arrays()["weights"])
    assert np.allclose(bound, 0.3, atol=1e-5)
    free = fitted(Ease(regularization=3.0, diagonal=1.0), log).arrays()["weights"]
    square = watched.T @ watched
    assert np.allclose(free, np.linalg.inv(square + 3 * np.eye(20)) @ square, atol=1e-5)


def test_related_is_the_partial_correlation_up_to_the_seeds_own_scale():
    log = a_log(two_tastes(items=20, each=6))
    watched = known(log).watched.toarray().astype(float)
    precision = np.linalg.inv(watched.T @ watched + 3 * np.eye(20))
    partial = np.maximum(-precision / np.sqrt(np.outer(np.diag(precision), np.diag(precision))), 0)
    found = fitted(Ease(regularization=3.0), log).related(np.arange(20))
    for row in range(20):
        others = np.arange(20) != row
        assert np.allclose(
            found[row][others] / found[row].max(), partial[row][others] / partial[row][others].max(), atol=1e-4
        )


def test_a_watch_that_pleased_can_weigh_more_in_a_profile():
    log = a_log([(0, 0), (0, 1), (1, 0), (2, 1)], positive=[True, False, False, False])
    model = fitted(Ease(regularization=1.0, positive=3.0), log)
    assert model.scores(np.array([0]))[0, 1] == pytest.approx(3 * model.arrays()["weights"][0, 1], rel=1e-5)


@pytest.mark.parametrize("wrong", [{"regularization": 0}, {"dropout": 1}, {"diagonal": 1.1}])
def test_settings_without_a_solution_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Ease(**wrong)


def test_one_that_nobody_can_tell_apart_is_solved_for_all_that():
    log = a_log([(user, item) for user in range(300) for item in range(60)])
    for model in (Ease(regularization=1e-9), Ordered(regularization=1e-9)):
        assert np.isfinite(fitted(model, log).scores(np.arange(3))).all()


def test_what_comes_after_is_ranked_above_what_came_before():
    pairs = [(user, item) for user in range(30) for item in (0, 1, 2)]  # in this order
    model = fitted(Ordered(regularization=1.0), a_log(pairs), items=4)
    found = model.related(np.array([1]))[0]
    assert found[2] > 5 * abs(found[0])
    assert found[3] == 0


def test_what_comes_soon_after_is_ranked_above_what_comes_late():
    pairs = [(user, item) for user in range(30) for item in (0, 1, 2, 3, 4)]
    found = fitted(Ordered(regularization=20.0, decay=0.5), a_log(pairs)).related(np.array([0]))[0]
    assert found[1] > found[2] > found[4]


def test_the_latest_watch_weighs_most():
    pairs = [(user, item) for user in range(20) for item in ((0, 1) if user % 2 else (2, 3))]
    log = a_log([*pairs, (20, 0), (20, 2)])
    slow, fast = (fitted(Ordered(regularization=1.0, fading=fading), log) for fading in (1.0, 0.1))
    user = np.array([20])
    assert np.diff(fast.scores(user)[0, [1, 3]]) > np.diff(slow.scores(user)[0, [1, 3]])


def test_an_order_of_few_steps_sees_no_further():
    pairs = [(user, item) for user in range(30) for item in (0, 1, 2)]
    assert fitted(Ordered(steps=1, regularization=1.0), a_log(pairs)).related(np.array([0]))[0, 2] < 0.01


def test_moments_are_cut_in_blocks_without_a_difference(monkeypatch):
    log = a_log(two_tastes(viewers=20, items=12, each=4))
    whole = fitted(Ordered(), log).arrays()["weights"]
    monkeypatch.setattr("recommender.models.ordered.ROWS_AT_ONCE", 7)
    assert np.allclose(fitted(Ordered(), log).arrays()["weights"], whole, atol=1e-6)


def test_blocks_of_columns_make_the_same_matrix(monkeypatch):
    monkeypatch.setattr("recommender.models.linear.AT_ONCE", 3)
    some = np.random.default_rng(3).standard_normal((30, 11)).astype(np.float32)
    square = gram(csr_matrix(some), csr_matrix(some))
    assert np.allclose(square, some.T @ some, atol=1e-5)
    assert np.allclose(gram(csr_matrix(some), csr_matrix(some), square.copy(order="F")), 2 * square)
    assert np.allclose(inverse(square.copy(order="F")) @ square, np.eye(11), atol=1e-3)
    assert np.allclose(square @ solved(square.copy(order="F"), square.copy(order="F")), square, atol=1e-3)


def test_solving_takes_the_place_of_what_is_solved():
    square = np.asfortranarray(np.diag(np.arange(1, 6, dtype=np.float32)))
    assert np.shares_memory(inverse(square), square)


def test_a_matrix_that_has_no_inverse_is_an_error():
    with pytest.raises(ArithmeticError, match="positive definite"):
        inverse(np.zeros((2, 2), np.float32, order="F"))
