"""How the numbers that lists were ordered by stand: of pairs, and whether they tell anything apart."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recommender.interactions import Floats, Ints
from recommender.learning.model import Recommendations

AT_ONCE = 50_000  # pairs of vectors: 25 MB with both
LISTS_AT_ONCE = 50_000  # 5 MB as bytes


def scores_of(made: Recommendations, rows: Ints, dramas: NDArray[np.integer]) -> Floats:
    """Of pairs (row of the lists, dense index), as the lists were ordered; 0 for a drama that was not there yet."""
    known = dramas < len(made.vectors.dramas)
    found = np.zeros(len(rows), np.float32)
    for begin in range(0, len(rows), AT_ONCE):
        some = np.flatnonzero(known[begin : begin + AT_ONCE]) + begin
        ends = made.vectors.viewers[rows[some]], made.vectors.dramas[dramas[some]]
        found[some] = np.einsum("ij,ij->i", *ends)
    return found


def lists_told_apart(made: Recommendations) -> tuple[int, int]:
    """How many lists have two dramas or more, and in how many of them the first one's score is not the last one's.

    Looks at blocks of lists until one is told apart.
    """
    lists = apart = 0
    for begin in range(0, len(made.vectors.viewers), LISTS_AT_ONCE):  # none where nothing is known of scores
        some = made.personal[begin : begin + LISTS_AT_ONCE]
        length = (some > 0).sum(axis=1)
        rows = np.flatnonzero(length > 1)
        first, last = (scores_of(made, begin + rows, some[rows, place]) for place in (0, length[rows] - 1))
        lists, apart = lists + len(rows), apart + int((first != last).sum())
        if apart:
            break
    return lists, apart


def rows_of_nothing(made: Recommendations) -> int:
    """Viewers whose vector is all 0, but for what adds the crowd's score: they have the list that everybody has."""
    own = made.factors.viewers if made.factors else made.vectors.viewers
    return int((~own.any(axis=1)).sum())
