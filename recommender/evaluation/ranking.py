"""The best items of a row, the same on each machine, also where scores are equal."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix

from recommender.interactions import Floats, Ints

NOTHING = -1
_LAST = np.iinfo(np.int64).min


def chances(items: int, seed: int) -> Ints:
    """An order by chance, a place an item, for those that a model thinks equal: ids may be in order of success."""
    return np.random.default_rng(seed).permutation(items)


def best(scores: Floats, without: csr_matrix, count: int, chance: Ints) -> Ints:
    """(rows, min(count, items)) items, best first, equal ones in the order of `chance`; NOTHING where none is left.

    `without` (rows, items) is what may not be named.  Raises ValueError where a score is not finite.
    """
    if not np.isfinite(scores).all():
        raise ValueError("a score is not a finite number")
    keys = _ordered(scores) << 32 | chance
    keys[np.repeat(np.arange(len(keys)), np.diff(without.indptr)), without.indices] = _LAST
    count = min(count, keys.shape[1])
    found = np.argpartition(keys, keys.shape[1] - count, axis=1)[:, keys.shape[1] - count :]
    of_found = np.take_along_axis(keys, found, axis=1)
    order = np.argsort(of_found, axis=1)[:, ::-1]
    lists = np.take_along_axis(found, order, axis=1)
    lists[np.take_along_axis(of_found, order, axis=1) == _LAST] = NOTHING
    return lists


def _ordered(scores: Floats) -> Ints:
    """Whole numbers of 32 bits in the same order: a float's bits count up from 0 and, below it, down."""
    bits = (np.asarray(scores, np.float32) + np.float32(0)).view(np.int32)  # adding 0 makes -0 the same as 0
    return np.where(bits < 0, bits ^ np.int32(0x7FFFFFFF), bits).astype(np.int64)
