"""ALS whose regularisation grows with what a row has seen (Rendle et al., RecSys 2022), on implicit's compiled solver.

implicit regularises all rows alike.  Here rows are sorted by degree and cut into buckets, and implicit's conjugate
gradient solver is called once a bucket with that bucket's regularisation, so nothing of the solver is written again.
It is private (implicit.cpu._als): tests/unit/test_fsals.py compares one bucket with implicit's public class.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import implicit.cpu._als as solver
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from recommender.blas import blas_threads
from recommender.interactions import Floats, Ints
from recommender.models.factors import FactorModel

FOLD_IN_STEPS = 8  # of conjugate gradients from 0; in a fit 3 do, as each iteration goes on where the last one ended


class FrequencyScaledALS(FactorModel):
    """A row with n entries is regularised by regularization * (n + unseen * n_others) ** power.

    `unseen` is what not having watched weighs beside a watch (alpha_0 of the paper); `power` 0 regularises all alike.
    `threads` 0 takes all cores; the numbers do not depend on it.
    """

    def __init__(
        self, *, factors: int = 128, unseen: float = 0.05, regularization: float = 0.01, power: float = 1.0,
        iterations: int = 16, buckets: int = 12, steps: int = 3, positive: float = 1.0, seed: int = 1, threads: int = 0,
    ) -> None:  # fmt: skip
        super().__init__(positive)
        self._count, self._iterations, self._seed = factors, iterations, seed
        self._unseen, self._regularization, self._power = unseen, regularization, power
        self._buckets, self._threads, self._steps = buckets, threads, steps

    def vectors(self, matrix: csr_matrix) -> tuple[Floats, Floats]:
        """Of (users, items) of a matrix of confidences >= 0, nothing being kept."""
        return self._factors(matrix)

    def _factors(self, matrix: csr_matrix) -> tuple[Floats, Floats]:
        weighted = self._weighted(matrix)
        users, items = self._side(weighted), self._side(csr_matrix(weighted.T))
        random = np.random.default_rng(self._seed)
        of_users, of_items = (side.by_degree(self._start(random, len(side.order))) for side in (users, items))
        with blas_threads(1):
            for _ in range(self._iterations):
                users.solve(of_users, items.given(of_items), self._threads, self._steps)
                items.solve(of_items, users.given(of_users), self._threads, self._steps)
        return users.given(of_users), items.given(of_items)

    def _vectors(self, histories: csr_matrix) -> Floats:
        side = self._side(self._weighted(histories))
        found = np.zeros((histories.shape[0], self._count), np.float32)
        side.solve(found, self._items, self._threads, FOLD_IN_STEPS)
        return side.given(found)

    def _weighted(self, matrix: csr_matrix) -> csr_matrix:
        """In implicit's terms: not watched weighs 1, a watch 1 + 1 / unseen."""
        return csr_matrix(matrix * np.float32(1 + 1 / self._unseen), dtype=np.float32)

    def _side(self, matrix: csr_matrix) -> Side:
        degree = np.diff(matrix.indptr)
        order, spans = by_degree(degree, self._buckets)
        ordered = csr_matrix(matrix[order])
        heavy = (degree[order] + self._unseen * matrix.shape[1]) ** self._power
        scale = self._regularization / self._unseen
        buckets = [Bucket(a, b, csr_matrix(ordered[a:b]), scale * float(heavy[a:b].mean())) for a, b in spans]
        return Side(order, np.argsort(order), buckets)

    def _start(self, random: np.random.Generator, rows: int) -> Floats:
        start: Floats = random.standard_normal((rows, self._count), np.float32) * np.float32(0.1 / self._count**0.5)
        return start


@dataclass(frozen=True)
class Bucket:
    """Rows of about the same degree, from `start` to `stop` of all by degree."""

    start: int
    stop: int
    matrix: csr_matrix
    regularization: float


@dataclass(frozen=True)
class Side:
    """One half of the alternation; `order` puts its rows by degree, `back` as they were given."""

    order: Ints
    back: Ints
    buckets: list[Bucket]

    def by_degree(self, rows: Floats) -> Floats:
        """Rows as given, by degree."""
        return np.ascontiguousarray(rows[self.order])

    def given(self, rows: Floats) -> Floats:
        """Rows by degree, as given."""
        return np.ascontiguousarray(rows[self.back])

    def solve(self, rows: Floats, others: Floats, threads: int, steps: int) -> None:
        """Improve `rows` (by degree) in place, the others (as given) as they are; empty rows become 0."""
        for bucket in self.buckets:
            solver.least_squares_cg(
                bucket.matrix, rows[bucket.start : bucket.stop], others, bucket.regularization, threads, steps
            )


def by_degree(degree: NDArray[np.integer], count: int) -> tuple[Ints, list[tuple[int, int]]]:
    """Rows in order of degree, and at most `count` spans (start, stop) of them cut at degrees in geometric progress."""
    order = np.argsort(degree, kind="stable")
    ordered = degree[order]
    if not ordered.any():
        return order, [(0, len(order))] if len(order) else []
    cuts = np.geomspace(ordered[ordered > 0][0], ordered[-1] + 1, count + 1)[1:-1]
    edges = np.unique(np.concatenate([[0], np.searchsorted(ordered, cuts), [len(ordered)]])).tolist()
    return order, list(pairwise(edges))
