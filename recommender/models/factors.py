"""What models have in common that know viewers and items as vectors of the same length."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from recommender.interactions import Floats, Ints, Known


class FactorModel(ABC):
    """A viewer's score of an item is the product of their vectors.

    A viewer without a history has the mean of those who have one.  `related` folds in a viewer who watched the seed and
    nothing else: on both logs measured far better than the cosine of item vectors (session hit@10 .082 against .056).
    """

    def __init__(self, positive: float) -> None:
        """`positive`: confidence in what a viewer was glad of; in any other watch it is 1."""
        self._positive = positive
        self._users = self._items = np.zeros((0, 0), np.float32)
        self._everybody = np.zeros(0, np.float32)

    def fit(self, known: Known) -> None:
        matrix = self._confidences(known)
        self._users, self._items = self._factors(matrix)
        active = np.diff(matrix.indptr) > 0
        self._everybody = self._users[active].mean(0) if active.any() else np.zeros(self._users.shape[1], np.float32)
        self._users[~active] = self._everybody

    def scores(self, users: Ints) -> Floats:
        found: Floats = self._users[users] @ self._items.T
        return found

    def fold_in(self, histories: csr_matrix) -> Floats:
        histories = csr_matrix(histories, dtype=np.float32)
        vectors = self._vectors(histories)
        vectors[np.diff(histories.indptr) == 0] = self._everybody
        found: Floats = vectors @ self._items.T
        return found

    def related(self, items: Ints) -> Floats:
        rows = np.arange(len(items))
        seeds = csr_matrix((np.ones(len(items), np.float32), (rows, items)), shape=(len(items), len(self._items)))
        found = np.maximum(self.fold_in(seeds), 0)
        found[rows, items] = 0
        return found

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        return {"users": self._users, "items": self._items, "everybody": self._everybody}

    def _confidences(self, known: Known) -> csr_matrix:
        if self._positive == 1:
            return known.watched
        return csr_matrix(known.watched.maximum(known.liked * np.float32(self._positive)), dtype=np.float32)

    @abstractmethod
    def _factors(self, matrix: csr_matrix) -> tuple[Floats, Floats]:
        """Vectors of (users, items), finite, of a float32 matrix of confidences >= 0, which may be empty."""

    @abstractmethod
    def _vectors(self, histories: csr_matrix) -> Floats:
        """Vectors of new viewers, the items' as they are; whatever for empty rows."""
