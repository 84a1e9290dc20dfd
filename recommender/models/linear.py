"""What the closed-form models share: an item-item matrix, what a viewer watched times it, and how it is solved.

Dense float32, n items squared: 0.23 GB at 7,583 items, 1.6 GB at 20,000.  Above that, models with vectors.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack
from scipy.sparse import csc_matrix, csr_matrix

from recommender.blas import blas_threads
from recommender.interactions import Floats, Ints, Known

MOST_ITEMS: Final = 20_000  # 1.6 GB and about 2 minutes on one core; time grows with the third power
AT_ONCE = 512  # columns that are filled or mirrored at once: at most 120 MB beside the matrix
TINY: Final = 2.0**-20  # of the largest row sum: what a float32 Cholesky needs on the diagonal to stay positive


class TooManyItems(ValueError):
    """More items than a dense matrix should have: take a model with vectors (fsals), or fewer items."""


class LinearModel(ABC):
    """A viewer's score of an item is what they watched times that item's column of weights.

    Viewers without a history get the mean of those who have one.
    """

    def __init__(self, positive: float, threads: int) -> None:
        """`positive`: what something that pleased weighs in a profile, other watches 1.  `threads` 0: all cores."""
        self._positive, self._threads = positive, threads
        self._weights = np.zeros((0, 0), np.float32)
        self._everybody = np.zeros(0, np.float32)
        self._profiles = csr_matrix(np.zeros((0, 0), np.float32))

    def fit(self, known: Known) -> None:
        """Raises TooManyItems above MOST_ITEMS, before it takes any memory."""
        if known.items > MOST_ITEMS:
            raise TooManyItems(
                f"{known.items:,} items, at most {MOST_ITEMS:,}: take fsals, which needs no dense matrix"
            )
        self._profiles = self._of_viewers(known)
        with blas_threads(self._threads or len(os.sched_getaffinity(0))):
            self._weights = self._learnt(known)
        active = max(1, int((np.diff(self._profiles.indptr) > 0).sum()))
        self._everybody = (self._profiles.sum(axis=0).A1 / active).astype(np.float32) @ self._weights

    def scores(self, users: Ints) -> Floats:
        return self._scores(self._profiles[users])

    def fold_in(self, histories: csr_matrix) -> Floats:
        return self._scores(csr_matrix(histories, dtype=np.float32))

    def related(self, items: Ints) -> Floats:
        found = np.maximum(self._weights[items], 0)
        found[np.arange(len(items)), items] = 0
        return found

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        return {"weights": self._weights, "everybody": self._everybody}

    def _scores(self, profiles: csr_matrix) -> Floats:
        found: Floats = np.asarray(profiles @ self._weights, np.float32)
        found[np.diff(profiles.indptr) == 0] = self._everybody
        return found

    def _of_viewers(self, known: Known) -> csr_matrix:
        """(users, items) what scores are made of."""
        if self._positive == 1:
            return known.watched
        return csr_matrix(known.watched.maximum(known.liked * np.float32(self._positive)), dtype=np.float32)

    @abstractmethod
    def _learnt(self, known: Known) -> Floats:
        """(items, items) what a watch of the row's item adds to the score of the column's."""


def gram(left: csr_matrix, right: csr_matrix, into: Floats | None = None) -> Floats:
    """`left`' `right` (items, items), dense in Fortran's order, added to `into` where given."""
    turned, columns = csr_matrix(left.T), csc_matrix(right)
    shape = (left.shape[1], right.shape[1])
    found: Floats = np.zeros(shape, np.float32, order="F") if into is None else into
    for some in _columns(shape[1]):
        found[:, some] += (turned @ columns[:, some]).toarray()
    return found


def regularised(square: Floats, diagonal: NDArray[np.floating]) -> Floats:
    """What is to be on top of the diagonal of a gram matrix: `diagonal`, or what float32 needs where that is more."""
    rows = square.sum(axis=0, dtype=np.float64) if len(square) else np.zeros(1)
    found: Floats = np.maximum(diagonal, rows.max() * TINY).astype(np.float32)
    return found


def inverse(square: Floats) -> Floats:
    """Of a symmetric positive definite float32 matrix in Fortran's order, in its place.

    Raises ArithmeticError where it is not positive definite.
    """
    if not len(square):
        return square
    lower = _lower(square)
    found, trouble = lapack.spotri(lower, lower=1, overwrite_c=1)
    if trouble:
        raise ArithmeticError(f"spotri: {trouble}")
    return _mirrored(found)


def solved(square: Floats, right: Floats) -> Floats:
    """`square`^-1 `right`, both float32 in Fortran's order and used up.  Raises ArithmeticError as `inverse` does."""
    if not len(square):
        return right
    found, trouble = lapack.spotrs(_lower(square), right, lower=1, overwrite_b=1)
    if trouble:
        raise ArithmeticError(f"spotrs: {trouble}")
    return np.asarray(found, np.float32)


def _lower(square: Floats) -> Floats:
    lower, trouble = lapack.spotrf(square, lower=1, clean=0, overwrite_a=1)
    if trouble:
        raise ArithmeticError(f"not positive definite: spotrf {trouble}")
    return np.asarray(lower, np.float32)


def _mirrored(lower: Floats) -> Floats:
    """The upper triangle from the lower one, in place."""
    for some in _columns(len(lower)):
        corner = np.tril(lower[some, some])
        lower[some, some] = corner + np.tril(corner, -1).T
        lower[some, some.stop :] = lower[some.stop :, some].T
    return lower


def _columns(count: int) -> Iterator[slice]:
    return (slice(begin, min(begin + AT_ONCE, count)) for begin in range(0, count, AT_ONCE))
