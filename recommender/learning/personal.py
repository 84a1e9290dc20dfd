"""Each viewer's list: ALS, leaning towards what is watched of late."""

from __future__ import annotations

import numpy as np
from implicit.cpu.topk import topk
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from domain.recommendations import PER_VIEWER
from recommender.learning.als import Factors
from recommender.learning.signals import Floats

AT_ONCE = 4_096  # viewers
SAMPLE = 1_000  # viewers of whom the usual best score is taken


def lists(
    factors: Factors, seen: csr_matrix, watched: NDArray[np.bool_], fresh: Floats, crowd: Floats
) -> NDArray[np.uint16]:
    """Dense indexes, best first, 0 where a list is shorter; a row a viewer.  Nothing `seen`, nothing not `watched`.

    A drama's score is multiplied by `fresh`; `crowd` is added, in units of a usual best score.
    """
    dramas, viewers = _leaning(factors, fresh, crowd)
    never = np.flatnonzero(~watched).astype(np.int32)
    best = np.zeros((len(viewers), min(PER_VIEWER, len(dramas))), np.uint16)
    for start in range(0, len(viewers), AT_ONCE):
        some = slice(start, start + AT_ONCE)
        found, scores = topk(dramas, viewers[some], best.shape[1], None, seen[some], never)
        best[some] = np.where(scores > 0, found, 0)
    return best


def _leaning(factors: Factors, fresh: Floats, crowd: Floats) -> tuple[Floats, Floats]:
    """Freshness and the crowd become part of the vectors of (dramas, viewers): one product ranks everything."""
    dramas = factors.dramas * fresh[:, None]
    crowd = crowd * _usual_best(factors.viewers, dramas)
    everybody = np.ones((len(factors.viewers), 1))
    return (
        np.hstack([dramas, crowd[:, None]]).astype(np.float32),
        np.hstack([factors.viewers, everybody]).astype(np.float32),
    )


def _usual_best(viewers: Floats, dramas: Floats) -> float:
    """The median of viewers' best scores, of a sample."""
    sample = viewers[:: max(1, len(viewers) // SAMPLE)]
    return max(float(np.median((sample @ dramas.T).max(axis=1))), 1e-9)
