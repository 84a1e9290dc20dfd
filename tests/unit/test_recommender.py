"""What the job learns from small snapshots, and what its gate lets through."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from recommender.learning import als, also_watched, signals
from recommender.learning.model import Recommendations, train
from recommender.learning.snapshot import Pairs, Snapshot
from recommender.learning.weights import WEIGHTS
from recommender.training.gate import check
from tests.snapshots import HOUR_MS, NOW_MS, pairs, two_tastes, watches
from tests.training_twin import QUICK

NO_PAIRS = Pairs(np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0, np.float32))


@pytest.fixture(scope="module")
def made() -> Recommendations:
    return train(two_tastes(), QUICK)


def lists_of(made: Recommendations) -> dict[int, list[int]]:
    return {user: row[row > 0].tolist() for user, row in zip(made.viewers.tolist(), made.personal, strict=True)}


def test_viewers_get_what_viewers_of_their_taste_watch_first(made):
    for user, indexes in lists_of(made).items():
        first = indexes[:5]
        assert sum(index % 2 == user % 2 for index in first) >= 4, (user, first)


def test_a_list_holds_nothing_twice_nothing_seen_and_nothing_unknown(made):
    snapshot = two_tastes()
    seen = set(zip(snapshot.watches.user_id.tolist(), snapshot.watches.drama.tolist(), strict=True))
    for user, indexes in lists_of(made).items():
        assert len(indexes) == len(set(indexes))
        assert all(1 <= index <= 40 and (user, index) not in seen for index in indexes)


def test_people_also_watched_what_goes_with_it(made):
    assert len(made.also_watched) == 40
    for index, others in made.also_watched.items():
        assert index not in others
        assert sum(other % 2 == index % 2 for other in others[:5].tolist()) >= 4


def test_the_same_snapshot_gives_the_same_lists(made):
    again = train(two_tastes(), QUICK)
    assert np.array_equal(made.personal, again.personal)
    assert {k: v.tolist() for k, v in made.also_watched.items()} == {
        k: v.tolist() for k, v in again.also_watched.items()
    }


@pytest.mark.parametrize("entries", [[(7, 3)], [(7, 1), (7, 2)], [(1, 5), (2, 5)], [(u, 9) for u in range(1, 30)]])
def test_hardly_anything_to_learn_from_is_no_error(entries):
    made = train(Snapshot(NOW_MS, watches(*entries), NO_PAIRS), QUICK)
    assert made.whole
    assert made.viewers.tolist() == sorted({user for user, _ in entries})
    check(made)


def test_what_is_watched_of_late_goes_before_what_was_watched_as_often_long_ago():
    users = range(1, 41)
    entries = [(u, 1 + u % 2) for u in users] + [(u, 3 + u % 4) for u in users]
    at_ms = np.array([NOW_MS - (HOUR_MS if drama % 2 else 20 * 24 * HOUR_MS) for _, drama in entries])
    made = train(Snapshot(NOW_MS, watches(*entries, at_ms=at_ms, seen=np.ones(len(entries), bool)), NO_PAIRS), QUICK)
    for indexes in lists_of(made).values():
        assert [i % 2 for i in indexes] == sorted((i % 2 for i in indexes), reverse=True)


def test_confidence_grows_with_what_the_viewer_did_and_stops_at_the_most():
    some = watches(
        *((u, 1) for u in range(1, 6)),
        share=np.array([0.1, 1.0, 1.0, 1.0, 80.0]),
        completes=np.array([0, 0, 1, 1, 80.0]),
        liked=np.array([0, 0, 0, 1, 1], bool),
        followed=np.array([0, 0, 0, 0, 1], bool),
    )
    worth = signals.confidences(some, WEIGHTS)
    assert (np.diff(worth) > 0).all()
    assert worth[0] > WEIGHTS.watched
    assert worth[-1] == WEIGHTS.most


def test_freshness_asks_for_more_than_a_few_watchers():
    one, many = watches((1, 1)), watches(*((u, 1) for u in range(1, 101)))
    assert signals.freshness(one, WEIGHTS, 2)[1] < 0.2
    assert signals.freshness(many, WEIGHTS, 2)[1] > 0.9
    assert signals.freshness(many, WEIGHTS, 3)[2] == 0


@given(st.integers(1, 8), st.integers(1, 8), st.integers(0, 2**32 - 1))
def test_the_largest_singular_value_is_that_of_linear_algebra(rows, columns, seed):
    matrix = np.random.default_rng(seed).random((rows, columns)).astype(np.float32)
    expected = np.linalg.svd(matrix, compute_uv=False)[0]
    assert als.largest_singular_value(csr_matrix(matrix)) == pytest.approx(expected, rel=1e-2)


def test_an_empty_matrix_has_no_singular_value():
    assert als.largest_singular_value(csr_matrix((3, 4), dtype=np.float32)) == 0


def test_a_few_watches_together_prove_less_than_many():
    watchers = np.array([0, 100, 100, 2, 2], np.float32)
    scores = also_watched.cowatch(pairs({(1, 2): 50, (3, 4): 2}), watchers, 20).toarray()
    assert scores[1, 2] == pytest.approx(50 / 120)
    assert scores[3, 4] == pytest.approx(2 / 22)
    assert np.array_equal(scores, scores.T)


def test_a_pair_of_a_drama_that_nobody_counts_as_a_watcher_is_left_out():
    scores = also_watched.cowatch(pairs({(1, 9): 5, (1, 2): 5}), np.array([0, 5, 0], np.float32), 20)
    assert scores.nnz == 0
