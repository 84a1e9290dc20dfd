"""Lists that everybody would get: the best of one score, but for what each viewer has seen."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recommender.interactions import Flags, Ints
from recommender.learning.signals import Floats
from recommender.learning.snapshot import Watches

AT_ONCE = 2_048  # viewers
DEEP = 600  # places looked through: more than what a viewer has seen (Weights.dramas_a_viewer) and a list of ours
BITS = 17  # of a dense index


def unseen(scores: Floats, watches: Watches, viewers: Ints, count: int) -> NDArray[np.uint16]:
    """(viewers, count) dense indexes, best first, 0 where the list is shorter; `viewers` ascending."""
    order = np.argsort(-scores, kind="stable")[:DEEP]
    order = order[scores[order] > 0]
    row, known = rows_of(viewers, watches.user_id)
    seen = np.sort((row << BITS | watches.drama)[known & watches.seen])
    found = np.zeros((len(viewers), count), np.uint16)
    for begin in range(0, len(viewers), AT_ONCE):
        some = np.arange(begin, min(begin + AT_ONCE, len(viewers)))
        free = ~rows_of(seen, some[:, None] << BITS | order)[1]
        place = np.cumsum(free, axis=1) - 1
        row, column = np.nonzero(free & (place < count))
        found[begin + row, place[row, column]] = order[column]
    return found


def rows_of(sorted_: Ints, wanted: Ints) -> tuple[Ints, Flags]:
    """Where each stands in an ascending column, and whether it is there."""
    if not len(sorted_):
        return np.zeros(wanted.shape, np.int64), np.zeros(wanted.shape, bool)
    place = np.minimum(np.searchsorted(sorted_, wanted), len(sorted_) - 1)
    return place, np.asarray(sorted_[place] == wanted)
