"""The crowd's list: what most viewers watched, or were glad of.  What every other model has to beat."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from recommender.interactions import Floats, Ints, Known
from recommender.models.trend import decayed


class Popularity:
    """The same scores for everybody: how often each item was watched (or `positive`: liked), the latest for more.

    `half_life_days` halves what an entry counts once every so many days before `as_of_ms`; None: all count alike.
    """

    def __init__(self, positive: bool = False, half_life_days: float | None = None) -> None:
        self._positive, self._half_life_days = positive, half_life_days
        self._counts: Floats = np.zeros(0, np.float32)

    def fit(self, known: Known) -> None:
        counted = known.log.where(known.log.positive if self._positive else known.log.weight > 0)
        self._counts = decayed(counted, known.items, known.as_of_ms, self._half_life_days).astype(np.float32)

    def scores(self, users: Ints) -> Floats:
        return np.tile(self._counts, (len(users), 1))

    def fold_in(self, histories: csr_matrix) -> Floats:
        return np.tile(self._counts, (histories.shape[0], 1))

    def related(self, items: Ints) -> Floats:
        found = np.tile(self._counts, (len(items), 1))
        found[np.arange(len(items)), items] = 0
        return found

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        return {"counts": self._counts}
