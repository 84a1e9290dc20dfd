"""Viewers and dramas as vectors whose product says how much a viewer would like a drama: several fits side by side.

Each fit (a part) sees another grain of the same watches: strongly held down only broad tastes are left, less so finer
ones, too.  What one gets wrong by chance the others seldom do: three together found 7 % more than the best of them
(docs/decisions/0015).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from recommender.blas import blas_threads
from recommender.learning.weights import Weights
from recommender.models.fsals import FrequencyScaledALS

POWER_STEPS = 20  # of the power iteration: two digits are plenty
ALIVE = 1e-4  # a part whose scores spread less than this has learnt nothing: a watched drama's would be 1
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Part:
    """How one fit weighed, so that whoever comes later is weighed alike."""

    columns: int  # of the vectors that are its own
    alpha: float  # times a confidence is what a watch weighed
    regularization: float  # of a row
    an_entry: float = 0.0  # and as much again for each entry of a row
    flat: bool = False  # confidences were taken for 1
    spread: float = 0.0  # the usual spread of a viewer's scores; 0: they stay as they are


@dataclass(frozen=True)
class Factors:
    """One row a viewer (in the order of the matrix) and one a dense index; parts stand beside each other."""

    viewers: Floats
    dramas: Floats
    parts: tuple[Part, ...]

    @classmethod
    def of(cls, viewers: Floats, dramas: Floats, regularization: float, alpha: float) -> Factors:
        """Of one plain fit."""
        return cls(viewers, dramas, (Part(dramas.shape[1], alpha, regularization),))


def fit(matrix: csr_matrix, weights: Weights) -> Factors:
    """Factors of a (viewers, dramas) matrix of confidences >= 0.  Seeded: the same matrix gives the same factors."""
    largest = largest_singular_value(matrix)
    alone = [plain(matrix, weights, relative * largest) for relative in weights.regularizations]
    if weights.frequency_regularization:
        alone.append(frequency_scaled(matrix, weights))
    return beside_each_other(alone)


def plain(matrix: csr_matrix, weights: Weights, strength: float) -> Factors:
    """Implicit ALS, all rows held down alike: by `strength` times what a confidence is multiplied with.

    The class of implicit.cpu, so that a machine with a GPU does the same.
    """
    alpha = min(weights.alpha, thinness(matrix))
    regularization = max(1e-3, strength * alpha)
    with blas_threads(1):
        model = AlternatingLeastSquares(
            factors=weights.factors, regularization=regularization, alpha=alpha, iterations=weights.iterations,
            random_state=weights.seed,
        )  # fmt: skip
        model.fit(matrix, show_progress=False)
    return Factors.of(model.user_factors, model.item_factors, regularization, alpha)


def frequency_scaled(matrix: csr_matrix, weights: Weights) -> Factors:
    """ALS whose rows are held down the more the more entries they have; watches count alike."""
    unseen, regularization = weights.frequency_unseen, weights.frequency_regularization
    model = FrequencyScaledALS(
        factors=weights.factors, unseen=unseen, regularization=regularization, iterations=weights.iterations,
        seed=weights.seed,
    )  # fmt: skip
    part = Part(
        columns=weights.factors, alpha=1 + 1 / unseen, regularization=regularization * matrix.shape[1],
        an_entry=regularization / unseen, flat=True,
    )  # fmt: skip
    return Factors(*model.vectors(_flat(matrix)), (part,))


def beside_each_other(alone: Sequence[Factors]) -> Factors:
    """Parts as one; of each viewer every part has the same say."""
    if len(alone) == 1:
        return alone[0]
    dramas = np.hstack([one.dramas for one in alone])
    viewers = np.hstack([one.viewers for one in alone])
    parts = [replace(part, spread=_usual(_spread(one.viewers, one.dramas))) for one in alone for part in one.parts]
    return Factors(evenly(viewers, dramas, parts), dramas, tuple(parts))


def later(matrix: csr_matrix, dramas: Floats, parts: Sequence[Part]) -> Floats:
    """(rows, columns of all parts) vectors of viewers with these confidences >= 0, the dramas as they are.

    It is where `fit` takes a viewer with these confidences; an empty row is 0.
    """
    found = [_solved(matrix, dramas[:, columns], part) for columns, part in _columns(parts)]
    viewers: Floats = np.hstack(found) if found else np.zeros((matrix.shape[0], 0), np.float32)
    return evenly(viewers, dramas, parts)


def evenly(viewers: Floats, dramas: Floats, parts: Sequence[Part]) -> Floats:
    """`viewers`, changed in place: a viewer's scores of every part spread as their parts do on average.

    The surer of a viewer, the wider.  In place, because of millions of viewers it is what takes most memory.
    """
    told = [(columns, part) for columns, part in _columns(parts) if part.spread]
    if not told:
        return viewers
    spread = np.stack([_spread(viewers[:, columns], dramas[:, columns]) for columns, _ in told])
    sure = np.mean([row / part.spread for row, (_, part) in zip(spread, told, strict=True)], axis=0)
    for row, (columns, part) in zip(spread, told, strict=True):
        alive = part.spread > ALIVE
        viewers[:, columns] *= (np.where(row > 0, sure / np.maximum(row, 1e-12), 0) * alive)[:, None].astype(np.float32)
    return viewers


def thinness(matrix: csr_matrix) -> float:
    """Cells an entry, of the columns that have one.  Watches heavier than this drown tastes."""
    columns = len(np.unique(matrix.indices))
    return matrix.shape[0] * columns / max(1, matrix.nnz)


def largest_singular_value(matrix: csr_matrix) -> float:
    """By power iteration from the vector of ones, which no matrix without negative entries can hide from."""
    vector = np.ones(matrix.shape[1], np.float32)
    length = 0.0
    for _ in range(POWER_STEPS):
        vector = matrix.T @ (matrix @ vector)
        length = float(np.linalg.norm(vector))
        if not length:
            return 0.0
        vector /= length
    return float(np.sqrt(length))


def _columns(parts: Iterable[Part]) -> list[tuple[slice, Part]]:
    parts = list(parts)
    edges = pairwise(accumulate((part.columns for part in parts), initial=0))
    return [(slice(start, stop), part) for (start, stop), part in zip(edges, parts, strict=True)]


def _solved(matrix: csr_matrix, dramas: Floats, part: Part) -> Floats:
    """Rows with as many entries are held down alike, so they are solved together."""
    weighed = csr_matrix(_flat(matrix) if part.flat else matrix, dtype=np.float32)
    degree = np.diff(weighed.indptr)
    found = np.zeros((weighed.shape[0], part.columns), np.float32)
    groups = [np.flatnonzero(degree == n) for n in np.unique(degree)] if part.an_entry else [np.arange(len(degree))]
    with blas_threads(1):
        solver = AlternatingLeastSquares(factors=part.columns, alpha=part.alpha)
        solver.item_factors = np.ascontiguousarray(dramas)
        for rows in groups:
            if len(rows):
                solver.regularization = part.regularization + part.an_entry * int(degree[rows[0]])
                found[rows] = solver.recalculate_user(np.arange(len(rows)), weighed[rows])
    return found


def _flat(matrix: csr_matrix) -> csr_matrix:
    """1 where there is a confidence."""
    return csr_matrix((np.ones(matrix.nnz, np.float32), matrix.indices, matrix.indptr), shape=matrix.shape)


def _spread(viewers: Floats, dramas: Floats) -> Floats:
    """(viewers,) the deviation of each one's scores of all dramas."""
    centred = dramas - dramas.mean(axis=0) if len(dramas) else dramas
    square = centred.T @ centred / max(1, len(dramas))
    found: Floats = np.sqrt(np.maximum(((viewers @ square) * viewers).sum(axis=1), 0)).astype(np.float32)
    return found


def _usual(spread: Floats) -> float:
    return float(np.median(spread)) if len(spread) else 0.0
