"""Several fits as one: each has its say, whoever comes later is weighed alike, lists hold what they may."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix, random

from domain.recommendations import PER_VIEWER
from recommender.learning import als, personal
from recommender.learning.model import Recommendations, train
from recommender.learning.personal import Vectors
from recommender.learning.snapshot import Snapshot
from recommender.learning.weights import WEIGHTS
from tests.snapshots import HOUR_MS, NOW_MS, ignored, pairs, two_tastes, watches

NO_PAIRS = pairs({(1, 2): 0.0})
SMALL = msgspec.structs.replace(WEIGHTS, factors=8, iterations=4)


def confidences(viewers: int = 80, dramas: int = 60, seed: int = 1) -> csr_matrix:
    return csr_matrix(random(viewers, dramas, 0.15, "csr", np.float32, random_state=seed) + 0) * 3


def lists_of(made: Recommendations) -> dict[int, list[int]]:
    return {user: row[row > 0].tolist() for user, row in zip(made.viewers.tolist(), made.personal, strict=True)}


def test_there_is_one_part_a_regularization_and_one_by_frequency():
    found = als.fit(confidences(), SMALL)
    assert [part.flat for part in found.parts] == [False] * len(WEIGHTS.regularizations) + [True]
    assert found.viewers.shape == (80, SMALL.factors * len(found.parts))
    assert found.dramas.shape == (60, SMALL.factors * len(found.parts))
    one = als.fit(confidences(), msgspec.structs.replace(SMALL, regularizations=(0.1,), frequency_regularization=0.0))
    assert len(one.parts) == 1


def test_parts_have_an_even_say_in_a_viewers_scores():
    found = als.fit(confidences(), SMALL)
    d = SMALL.factors
    scores = [found.viewers[:, n * d :][:, :d] @ found.dramas[:, n * d :][:, :d].T for n in range(len(found.parts))]
    spread = np.stack([part.std(axis=1) for part in scores])
    np.testing.assert_allclose(spread, np.broadcast_to(spread[0], spread.shape), rtol=1e-2)


def test_whoever_is_weighed_later_with_the_same_watches_is_put_where_the_fit_put_them():
    matrix = confidences()
    long = msgspec.structs.replace(SMALL, iterations=15)  # until it has converged
    found = als.fit(matrix, long)
    again = als.later(matrix, found.dramas, found.parts)
    scores, others = found.viewers @ found.dramas.T, again @ found.dramas.T
    alike = [np.corrcoef(a, b)[0, 1] for a, b in zip(scores, others, strict=True)]
    assert np.median(alike) > 0.99
    assert min(alike) > 0.9


def test_rows_of_any_length_are_solved_by_what_the_frequency_asks_for():
    dramas = np.random.default_rng(3).normal(size=(60, 5)).astype(np.float32)
    part = als.Part(columns=5, alpha=21.0, regularization=2.0, an_entry=0.5, flat=True)
    matrix = confidences(30)
    for row, found in zip(matrix.toarray(), als.later(matrix, dramas, [part]), strict=True):
        weight = np.where(row > 0, 21.0, 1.0)
        normal = dramas.T @ (dramas * weight[:, None]) + (2.0 + 0.5 * (row > 0).sum()) * np.eye(5)
        np.testing.assert_allclose(found, np.linalg.solve(normal, dramas.T @ (weight * (row > 0))), atol=1e-4)


def test_an_empty_matrix_gives_nobody_anything_but_no_error():
    found = als.fit(csr_matrix((3, 4), dtype=np.float32), SMALL)
    assert np.isfinite(found.viewers).all()
    assert not als.later(csr_matrix((2, 4), dtype=np.float32), found.dramas, found.parts).any()


@settings(max_examples=8, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 6), st.integers(1, 8), st.booleans()), min_size=1, max_size=30),
    st.sampled_from([1, 4]),
)
def test_whatever_was_watched_lists_hold_what_is_known_and_not_seen_once_each(entries, factors):
    known = sorted({(user, drama): seen for user, drama, seen in entries}.items())
    seen = np.array([told for _, told in known], bool)
    few = msgspec.structs.replace(SMALL, factors=factors, iterations=1)
    made = train(Snapshot(NOW_MS, watches(*(entry for entry, _ in known), seen=seen), NO_PAIRS), few)
    assert made.whole
    watched = {drama for (_, drama), _ in known}
    gone = {entry for entry, told in known if told}
    for user, best in lists_of(made).items():
        assert len(best) == len(set(best))
        assert set(best) <= watched
        assert not any((user, drama) in gone for drama in best)


def test_who_has_seen_everything_has_an_empty_list():
    entries = [(user, drama) for user in range(1, 8) for drama in range(1, 6)]
    made = train(Snapshot(NOW_MS, watches(*entries, seen=np.ones(len(entries), bool)), NO_PAIRS), SMALL)
    assert made.whole
    assert not made.personal.any()


def test_what_was_skipped_twice_of_late_is_in_no_list_of_that_viewer():
    def listed(**columns: np.ndarray) -> list[int]:
        known = two_tastes()
        more = {"seen": np.zeros(len(known.watches), bool), **columns}
        entries = list(zip(known.watches.user_id.tolist(), known.watches.drama.tolist(), strict=True))
        return lists_of(train(Snapshot(NOW_MS, watches(*entries, **more), known.pairs), SMALL))[1]

    known = two_tastes().watches
    mine = np.flatnonzero(known.user_id == 1)[0]
    skips, at_ms = np.zeros(len(known), np.float32), np.full(len(known), NOW_MS - HOUR_MS)
    drama = int(known.drama[mine])
    skips[mine] = 1
    assert drama in listed(skips=skips, at_ms=at_ms)
    skips[mine] = 2
    assert drama not in listed(skips=skips, at_ms=at_ms)
    at_ms[mine] -= 24 * HOUR_MS * WEIGHTS.cooling_days
    assert drama in listed(skips=skips, at_ms=at_ms)


def test_what_was_shown_for_nothing_comes_later_for_that_viewer_alone():
    known = two_tastes(dramas=120)
    before = lists_of(train(known, SMALL))
    first = before[1][0]
    shown = ignored({(1, first): 9, (999, 3): 1, (2, 5_000): 1})  # a stranger, and a drama that nobody watched
    after = lists_of(train(Snapshot(NOW_MS, known.watches, known.pairs, shown), SMALL))
    assert after[1].index(first) > 20 if first in after[1] else True
    assert [index for index in after[1] if index != first][:50] == before[1][1:51]
    assert after[2] == before[2]


@pytest.mark.parametrize("at_once", [1, 7, 4_096])
def test_lists_are_made_a_few_viewers_at_a_time(at_once, monkeypatch):
    rng = np.random.default_rng(5)
    vectors = Vectors(rng.random((20, 3), np.float32), rng.random((300, 3), np.float32))
    never, some = csr_matrix((20, 300), dtype=np.float32), csr_matrix(([0.5], ([3], [9])), shape=(20, 300))
    watched = np.ones(300, bool)
    whole = personal.lists(vectors, never, watched, some)
    assert whole.shape == (20, PER_VIEWER)
    monkeypatch.setattr(personal, "AT_ONCE", at_once)
    assert np.array_equal(personal.lists(vectors, never, watched, some), whole)
