"""Lists cut to length, without items that stand in everybody's."""

from __future__ import annotations

import numpy as np
from scipy.sparse import csr_matrix

from recommender.interactions import Flags, Floats, Ints


def best(scores: Floats, length: int) -> tuple[Ints, Floats]:
    """(rows, at most length) items above 0 and their scores, best first, equal ones by number; -1 and 0 pad."""
    length = min(length, scores.shape[1])
    if not length:
        return np.zeros((len(scores), 0), np.int64), np.zeros((len(scores), 0), np.float32)
    keys = _keys(scores)
    some = np.argpartition(keys, -length, axis=1)[:, -length:]
    order = np.argsort(np.take_along_axis(keys, some, axis=1), axis=1)[:, ::-1]
    items = np.take_along_axis(some, order, axis=1)
    kept = np.take_along_axis(scores, items, axis=1)
    return np.where(kept > 0, items, -1), np.maximum(kept, 0)


def _keys(scores: Floats) -> Ints:
    """A whole number an item, the highest of the best, no two the same: what is above 0 is in the order of its bits."""
    bits = np.fmax(scores, 0).astype(np.float32).view(np.int32).astype(np.int64)
    return np.asarray(bits << 32 | np.arange(scores.shape[1])[::-1])


def capped(items: Ints, scores: Floats, head: int, most: int) -> Flags:
    """What is kept of lists (best first, -1 pads), so that no item is in the first `head` of more than `most` lists.

    An item of more stays where it scores best.  Where it goes another one comes up, until it holds for all.
    """
    kept = items >= 0
    while len(over := _over(items, kept, head, most)):
        row, place = np.nonzero(kept & (np.cumsum(kept, axis=1) <= head) & np.isin(items, over))
        item, score = items[row, place], scores[row, place]
        order = np.lexsort((row, -score, item))
        first = np.searchsorted(item[order], item[order])
        spare = order[np.arange(len(order)) - first >= most]
        kept[row[spare], place[spare]] = False
    return kept


def _over(items: Ints, kept: Flags, head: int, most: int) -> Ints:
    shown = items[kept & (np.cumsum(kept, axis=1) <= head)]
    return np.flatnonzero(np.bincount(shown, minlength=1) > most)


def as_matrix(items: Ints, scores: Floats, kept: Flags, count: int) -> csr_matrix:
    """(rows, count) the scores that are kept."""
    row, _ = np.nonzero(kept)
    return csr_matrix((scores[kept].astype(np.float32), (row, items[kept])), shape=(len(items), count))
