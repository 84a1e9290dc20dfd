"""A model whose scores are multiplied with a factor an item: what all such models have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from recommender.interactions import Floats, Ints, Known
from recommender.models.model import Model


class Leaning(ABC):
    """A score below 0 is divided: a larger factor is never worse.

    `related` lists are left as they are: what goes together does so also next week.
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        self._factor: Floats = np.zeros(0, np.float32)

    def fit(self, known: Known) -> None:
        self._model.fit(known)
        self._factor = np.maximum(self._factors(known), 1e-6).astype(np.float32)

    def scores(self, users: Ints) -> Floats:
        return self._leaning(self._model.scores(users))

    def fold_in(self, histories: csr_matrix) -> Floats:
        return self._leaning(self._model.fold_in(histories))

    def related(self, items: Ints) -> Floats:
        return self._model.related(items)

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        return {**self._model.arrays(), "factor": self._factor}

    def _leaning(self, scores: Floats) -> Floats:
        return np.where(scores > 0, scores * self._factor, scores / self._factor).astype(np.float32)

    @abstractmethod
    def _factors(self, known: Known) -> NDArray[np.float64]:
        """(items,) finite, above 0."""
