"""Frequency-scaled ALS runs on a private solver of implicit's: here it is held against the public class."""

from __future__ import annotations

import numpy as np
import pytest
from implicit.cpu.als import AlternatingLeastSquares
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

from recommender.models.fsals import FrequencyScaledALS, by_degree
from tests.interaction_logs import a_log, known


def a_skewed_log():
    random = np.random.default_rng(3)
    pairs = {(int(u), int(i)) for u, i in zip(random.zipf(1.3, 1_500) % 80, random.zipf(1.2, 1_500) % 50, strict=True)}
    return known(a_log(sorted(pairs)), users=80, items=50)


def public_class(some, *, factors, unseen, regularization, iterations, seed):
    """implicit's own, from the same start."""
    with threadpool_limits(1, "blas"):  # it warns otherwise
        theirs = AlternatingLeastSquares(
            factors=factors, alpha=1 + 1 / unseen, regularization=regularization, iterations=iterations, num_threads=1
        )
    random = np.random.default_rng(seed)
    start = np.float32(0.1 / factors**0.5)
    theirs.user_factors = random.standard_normal((some.users, factors), np.float32) * start
    theirs.item_factors = random.standard_normal((some.items, factors), np.float32) * start
    theirs.fit(some.watched, show_progress=False)
    return theirs.user_factors @ theirs.item_factors.T


@pytest.mark.parametrize("buckets", [1, 6])
def test_regularised_all_alike_it_is_implicits_public_class(buckets):
    some = a_skewed_log()
    ours = FrequencyScaledALS(
        factors=8, unseen=0.1, regularization=0.3, power=0, iterations=5, buckets=buckets, seed=4, threads=1
    )
    ours.fit(some)
    theirs = public_class(some, factors=8, unseen=0.1, regularization=0.3 / 0.1, iterations=5, seed=4)
    active = np.diff(some.watched.indptr) > 0
    assert np.allclose(ours.scores(np.arange(some.users))[active], theirs[active], atol=2e-3)


def test_a_row_of_many_is_regularised_more_than_a_row_of_few():
    flat, scaled = (FrequencyScaledALS(factors=8, regularization=0.3, power=power, threads=1) for power in (0, 1))
    some = a_skewed_log()
    for model in (flat, scaled):
        model.fit(some)
    degree = np.diff(some.watched.indptr)
    busy = degree == degree.max()
    shrunk = np.linalg.norm(scaled.arrays()["users"], axis=1) / np.linalg.norm(flat.arrays()["users"], axis=1)
    assert shrunk[busy].mean() < shrunk[(degree > 0) & (degree < 6)].mean()


def test_buckets_hold_every_row_once_in_order_of_degree():
    degree = np.array([0, 9, 1, 0, 300, 2, 2, 40, 1])
    order, spans = by_degree(degree, 4)
    assert sorted(order) == list(range(9))
    assert (np.diff(degree[order]) >= 0).all()
    assert [start for start, _ in spans] == [0] + [stop for _, stop in spans[:-1]]
    assert spans[-1][1] == 9
    assert 1 < len(spans) <= 4
    assert all(start < stop for start, stop in spans)


@pytest.mark.parametrize(("degree", "spans"), [([], []), ([0, 0], [(0, 2)]), ([5, 5, 5], [(0, 3)])])
def test_rows_all_alike_are_one_bucket(degree, spans):
    assert by_degree(np.array(degree, int), 12)[1] == spans


def test_new_viewers_in_one_call_are_each_as_if_alone():
    model = FrequencyScaledALS(factors=8, buckets=1_000, threads=1)
    some = a_skewed_log()
    model.fit(some)
    rows = some.watched[:20]
    together = model.fold_in(rows)
    apart = np.vstack([model.fold_in(csr_matrix(rows[i])) for i in range(20)])
    assert np.allclose(together, apart, atol=0.02)
