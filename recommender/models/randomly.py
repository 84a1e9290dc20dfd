"""Any item as likely as any other: what a measure says when nothing was learnt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from recommender.interactions import Floats, Ints, Known

Words = NDArray[np.uint64]


class Randomly:
    """Scores in (0, 1] that depend on the seed, the viewer (or row) and the item alone, in whatever order asked."""

    def __init__(self, seed: int = 7) -> None:
        self._seed = seed
        self._items = 0

    def fit(self, known: Known) -> None:
        self._items = known.items

    def scores(self, users: Ints) -> Floats:
        lines = _mixed(users.astype(np.uint64) + np.uint64(self._seed << 32))
        return _fraction(_mixed(lines[:, None] ^ np.arange(self._items, dtype=np.uint64)))

    def fold_in(self, histories: csr_matrix) -> Floats:
        return self.scores(np.arange(histories.shape[0]))

    def related(self, items: Ints) -> Floats:
        found = self.scores(items)
        found[np.arange(len(items)), items] = 0
        return found

    def arrays(self) -> Mapping[str, NDArray[Any]]:
        return {"seed": np.array(self._seed)}


def _mixed(words: Words) -> Words:
    """SplitMix64 (Steele et al., OOPSLA 2014): every bit of a word moves every bit of the result."""
    words = words + np.uint64(0x9E3779B97F4A7C15)
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def _fraction(words: Words) -> Floats:
    """The upper 24 bits, as many as a float32 holds."""
    return (((words >> np.uint64(40)) + np.uint64(1)) / np.float32(1 << 24)).astype(np.float32)
