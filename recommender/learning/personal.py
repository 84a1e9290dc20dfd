"""Each viewer's list: ALS, leaning towards what is watched of late."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from implicit.cpu.topk import topk
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from domain.recommendations import PER_VIEWER
from recommender.learning.als import Factors
from recommender.learning.signals import Floats

Ints = NDArray[np.int32]

AT_ONCE = 4_096  # viewers
SPARE = 50  # dramas beyond a list that may come up where others are discounted
SAMPLE = 1_000  # viewers of whom the usual best score is taken


@dataclass(frozen=True)
class Vectors:
    """`viewers` (n, k) in the order of the lists, `dramas` (m, k) by dense index; their product is the score."""

    viewers: Floats
    dramas: Floats

    @classmethod
    def none(cls) -> Self:
        """Of nobody and nothing."""
        return cls(np.zeros((0, 0), np.float32), np.zeros((0, 0), np.float32))


def lists(
    vectors: Vectors, never: csr_matrix, watched: NDArray[np.bool_], discount: csr_matrix | None = None
) -> NDArray[np.uint16]:
    """Dense indexes, best first, 0 where a list is shorter; a row a viewer.

    Nothing of which `never` has an entry, nothing not `watched`; `discount` (0..1) is what a score loses.
    """
    dramas, viewers = vectors.dramas, vectors.viewers
    nobody = np.flatnonzero(~watched).astype(np.int32)
    wanted = min(PER_VIEWER + (SPARE if discount is not None else 0), len(dramas))
    best = np.zeros((len(viewers), min(PER_VIEWER, len(dramas))), np.uint16)
    for start in range(0, len(viewers), AT_ONCE):
        some = slice(start, start + AT_ONCE)
        found, scores = topk(dramas, viewers[some], wanted, None, never[some], nobody)
        if discount is not None:
            found, scores = _discounted(found, scores, discount[some])
        best[some] = np.where(scores > 0, found, 0)[:, : best.shape[1]]
    return best


def _discounted(found: Ints, scores: Floats, discount: csr_matrix) -> tuple[Ints, Floats]:
    """Best first again, after each lost its share."""
    rows = np.flatnonzero(np.diff(discount.indptr))
    left = scores.copy()
    if len(rows):
        lost = csr_matrix(discount[rows[:, None], found[rows]]).toarray()
        left[rows] = np.where(scores[rows] > 0, scores[rows] * (1 - lost), scores[rows])
    order = np.argsort(-left, axis=1, kind="stable")
    return np.take_along_axis(found, order, 1), np.take_along_axis(left, order, 1)


def leaning(factors: Factors, fresh: Floats, crowd: Floats) -> Vectors:
    """Freshness and the crowd become part of the vectors: one product ranks everything.

    A drama's score is multiplied by `fresh`; `crowd` is added, in units of a usual best score.
    """
    dramas = (factors.dramas * fresh[:, None]).astype(np.float32)
    crowd = crowd * _usual_best(factors.viewers, dramas)
    everybody = np.ones((len(factors.viewers), 1), np.float32)
    return Vectors(np.hstack([factors.viewers, everybody]), np.hstack([dramas, crowd[:, None]]).astype(np.float32))


def _usual_best(viewers: Floats, dramas: Floats) -> float:
    """The median of viewers' best scores, of a sample."""
    sample = viewers[:: max(1, len(viewers) // SAMPLE)]
    return max(float(np.median((sample @ dramas.T).max(axis=1))), 1e-9)
