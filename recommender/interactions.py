"""A watch log in columns, in order of time: what models learn from and what they are measured on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Interactions:
    """One entry an exposure, by `ts_ms` (equal times: as they were given).

    `user` and `item` are dense numbers from 0 on, shared by all logs of one evaluation.  `weight` 0 is an exposure that
    was not watched; a model is fitted to what has more.  `positive`: the viewer was glad of it; tests ask for these.
    `session` groups what a viewer did in one go, -1 where nobody knows.  `random`: shown by chance, not by a model.
    """

    user: Ints
    item: Ints
    ts_ms: Ints
    weight: Floats
    positive: Flags
    session: Ints
    random: Flags

    def __len__(self) -> int:
        return len(self.user)

    def where(self, keep: Flags | Ints) -> Interactions:
        """Those entries, in their order."""
        return replace(self, **{name: column[keep] for name, column in vars(self).items() if name in _COLUMNS})


_COLUMNS = frozenset(Interactions.__dataclass_fields__)


@dataclass(frozen=True)
class Known:
    """What a model may learn from: a log, how many viewers and items there can be, and what time it is."""

    log: Interactions
    users: int
    items: int
    as_of_ms: int

    @cached_property
    def watched(self) -> csr_matrix:
        """(users, items) float32, 1 where the viewer watched the item at all."""
        return self._matrix(self.log.weight > 0)

    @cached_property
    def liked(self) -> csr_matrix:
        """(users, items) float32, 1 where something was positive."""
        return self._matrix(self.log.positive)

    def _matrix(self, kept: Flags) -> csr_matrix:
        ones = np.ones(int(kept.sum()), np.float32)
        found = csr_matrix((ones, (self.log.user[kept], self.log.item[kept])), shape=(self.users, self.items))
        found.sum_duplicates()
        found.data[:] = 1
        return found
