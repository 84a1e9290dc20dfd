"""Fold-in: a viewer's vector is implicit's own, lists are a training's, factors come back as they were stored."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from implicit.cpu.als import AlternatingLeastSquares
from scipy.sparse import csr_matrix, random

from domain.recommendations import PER_VIEWER, Damaged
from recommender.learning import folding, model
from recommender.learning.als import Part
from recommender.learning.folding import Folding, best
from recommender.learning.personal import Vectors
from recommender.learning.snapshot import Cooling
from recommender.learning.weights import WEIGHTS
from recommender.refresh import active
from tests.snapshots import two_tastes


def some(m: int = 50, d: int = 8, seed: int = 1, **more: float) -> Folding:
    rng = np.random.default_rng(seed)
    dramas, fresh, crowd = (rng.random(size, np.float32) for size in ((m, d), m, m))
    return Folding(dramas - 0.3, fresh, crowd, (Part(d, **{"regularization": 2.0, "alpha": 3.0, **more}),))


def confidences(rows: int, columns: int, seed: int = 1) -> csr_matrix:
    return csr_matrix(random(rows, columns, 0.2, "csr", np.float32, random_state=seed) * 5)


def test_a_viewers_vector_is_the_one_that_implicit_gives_for_these_watches():
    matrix = confidences(40, 50)
    fitted = AlternatingLeastSquares(factors=8, regularization=7.0, alpha=11.0, iterations=5, random_state=1)
    fitted.fit(matrix, show_progress=False)
    later = confidences(25, 50, seed=2)
    ours = Folding(fitted.item_factors, np.ones(50), np.zeros(50), (Part(8, alpha=11.0, regularization=7.0),))
    np.testing.assert_allclose(ours.viewers(later), fitted.recalculate_user(np.arange(25), later), atol=1e-4)


def test_a_viewers_vector_solves_the_weighted_least_squares():
    known, matrix = some(), confidences(10, 50)
    for row, found in zip(matrix.toarray(), known.viewers(matrix), strict=True):
        weight = np.where(row > 0, 3.0 * row, 1.0)  # implicit's: c, and 1 where nothing is known
        normal = known.dramas.T @ (known.dramas * weight[:, None]) + 2.0 * np.eye(8)
        np.testing.assert_allclose(found, np.linalg.solve(normal, known.dramas.T @ (weight * (row > 0))), atol=1e-4)


def test_who_is_folded_in_with_the_watches_of_the_training_gets_much_the_same_list():
    known = two_tastes(viewers=200, dramas=60)
    made = model.train(known, WEIGHTS)
    assert made.factors is not None
    ours = Folding.of(made.factors, made.vectors)
    nobody = np.zeros(0, np.int64)
    viewers = active.of(known, (nobody, nobody), Cooling(nobody, nobody), WEIGHTS, len(ours.dramas))
    assert viewers.viewers.tolist() == made.viewers.tolist()
    lists = ours.lists(viewers.confidences, viewers.never, viewers.discount)
    for row, theirs, seen in zip(lists, made.personal, viewers.never, strict=True):
        assert len(set(row[:10].tolist()) & set(theirs[:10].tolist())) >= 7  # a fit stops before it has converged
        assert not set(row.tolist()) & set(seen.indices.tolist())


def test_lists_hold_nothing_seen_and_less_of_what_was_ignored():
    known, matrix = some(), confidences(3, 50)
    never = csr_matrix((np.ones(2), ([0, 0], [7, 9])), shape=(3, 50))
    plain = [row.tolist() for row in known.lists(matrix, csr_matrix((3, 50)), csr_matrix((3, 50)))]
    first = plain[1][0]
    discount = csr_matrix((np.array([0.9, 1.0]), ([1, 2], [first, plain[2][0]])), shape=(3, 50))
    lists = [row.tolist() for row in known.lists(matrix, never, discount)]
    assert lists[0] == [index for index in plain[0] if index not in (7, 9)]
    assert {7, 9} <= set(plain[0])
    assert sorted(lists[1]) == sorted(plain[1])
    assert lists[1][0] != first
    assert [index for index in lists[1] if index != first] == plain[1][1:]
    assert lists[2] == plain[2][1:]  # of which nothing is left is not listed


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=300))
def test_the_best_are_those_above_zero_highest_first_and_of_equals_the_lowest_index(numbers):
    scores = np.array(numbers, np.float32)
    found = best(scores).tolist()
    assert all(numbers[index] > 0 for index in found)
    assert [numbers[index] for index in found] == sorted((n for n in numbers if n > 0), reverse=True)[:PER_VIEWER]
    assert found == sorted(found, key=lambda index: (-numbers[index], index))


def test_viewers_are_taken_a_few_at_a_time(monkeypatch):
    known, matrix, nothing = some(), confidences(10, 50), csr_matrix((10, 50))
    whole = [row.tolist() for row in known.lists(matrix, nothing, nothing)]
    for name, at_once in (("VIEWERS_AT_ONCE", 4), ("SCORES_AT_ONCE", 3 * len(known.dramas)), ("SCORES_AT_ONCE", 1)):
        monkeypatch.setattr(folding, name, at_once)
        assert [row.tolist() for row in known.lists(matrix, nothing, nothing)] == whole


def test_who_has_no_watches_gets_what_everybody_is_added():
    known = some()
    (row,) = known.lists(csr_matrix((1, 50)), csr_matrix((1, 50)), csr_matrix((1, 50)))
    assert row.tolist() == best(known.crowd).tolist()


@pytest.mark.parametrize("chunk", [64, 10_000_000])
def test_factors_come_back_as_they_were_packed(chunk, monkeypatch):
    monkeypatch.setattr(folding, "CHUNK", chunk)
    known = some()
    chunks = known.pack()
    assert max(map(len, chunks)) <= chunk
    back = Folding.unpack(chunks)
    for name, value in vars(known).items():
        assert np.array_equal(getattr(back, name), value), name


def spoilt(chunks: list[bytes]) -> list[list[bytes]]:
    first, *others = chunks
    return [
        [], [b""], [first], [first, *others[:-1]], [*others], [first, *reversed(others)], [*chunks, b"\0"],
        [first[:60] + bytes([first[60] ^ 1]) + first[61:], *others], [b"\7" + first[1:], *others], [first[:20]],
    ]  # fmt: skip


@pytest.mark.parametrize("number", range(10))
def test_factors_that_are_not_whole_are_told(number, monkeypatch):
    monkeypatch.setattr(folding, "CHUNK", 1_000)
    chunks = some().pack()
    assert len(chunks) > 1
    with pytest.raises(Damaged):
        Folding.unpack(spoilt(chunks)[number])


def test_lists_that_were_ordered_by_something_else_cannot_be_folded_into():
    made = model.train(two_tastes(), WEIGHTS)
    assert made.factors is not None
    other = made.vectors.dramas.copy()
    other[3, 0] += 1
    with pytest.raises(ValueError, match="ordered by more"):
        Folding.of(made.factors, Vectors(made.vectors.viewers, other))
    with pytest.raises(ValueError, match="ordered by more"):
        Folding.of(made.factors, Vectors(made.vectors.viewers, made.vectors.dramas[:, 1:]))
