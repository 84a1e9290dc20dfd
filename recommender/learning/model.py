"""From a snapshot to everything that is published: viewers' lists and dramas' lists.  No I/O."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from recommender.learning import als, also_watched, personal, signals
from recommender.learning.als import Factors
from recommender.learning.personal import Vectors
from recommender.learning.snapshot import Snapshot, Watches
from recommender.learning.weights import Weights


@dataclass(frozen=True)
class Recommendations:
    """Lists of dense indexes, best first, 0 where a list is shorter."""

    as_of_ms: int
    viewers: NDArray[np.int64]  # ascending
    personal: NDArray[np.uint16]  # a row a viewer
    also_watched: dict[int, NDArray[np.uint16]]  # dense index -> its list
    dramas: int  # how many have watchers
    whole: bool  # every number that the lists were ordered by is a number
    vectors: Vectors = field(default_factory=Vectors.none)  # what personal lists were ordered by
    factors: Factors | None = None  # before they leaned anywhere: whoever comes later is folded in with these


def train(snapshot: Snapshot, weights: Weights) -> Recommendations:
    """Learn from a snapshot with at least one watch."""
    watches = snapshot.watches
    viewers, rows = np.unique(watches.user_id, return_inverse=True)
    dramas = int(watches.drama.max()) + 1
    matrix, seen = _matrices(watches, rows, (len(viewers), dramas), weights)
    factors = als.fit(matrix, weights)
    fresh, recent = signals.freshness(watches, weights, dramas), signals.recent(watches, weights, dramas)
    watchers = signals.watchers(watches, weights, dramas)
    crowd = recent / recent.max() * weights.popular / (len(watches) / len(viewers)) ** 2
    vectors = personal.leaning(factors, fresh**weights.trend_power, crowd)
    best = personal.lists(vectors, seen, watchers > 0)
    also = dict(also_watched.lists(snapshot.pairs, factors, watchers, fresh, weights))
    whole = bool(np.isfinite(vectors.viewers).all() and np.isfinite(vectors.dramas).all() and np.isfinite(fresh).all())
    known = int((watchers > 0).sum())
    return Recommendations(snapshot.as_of_ms, viewers, best, also, known, whole, vectors, factors)


def _matrices(
    watches: Watches, rows: NDArray[np.int64], shape: tuple[int, int], weights: Weights
) -> tuple[csr_matrix, csr_matrix]:
    """Confidences, and what was seen; a row a viewer, a column a dense index."""
    worth = signals.confidences(watches, weights)
    matrix = csr_matrix((worth, (rows, watches.drama)), shape=shape)
    valid = watches.seen
    ones = np.ones(int(valid.sum()), np.float32)
    seen = csr_matrix((ones, (rows[valid], watches.drama[valid])), shape=shape)
    return matrix, seen
