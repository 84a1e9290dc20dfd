"""From a snapshot to everything that is published: viewers' lists and dramas' lists.  No I/O."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from domain.catalogue import EMPTY, Catalogue
from recommender.learning import als, also_watched, personal, signals, spark_als
from recommender.learning.als import Factors
from recommender.learning.asked import DAY_MS
from recommender.learning.content import Content
from recommender.learning.personal import Vectors
from recommender.learning.snapshot import Ignored, Snapshot
from recommender.learning.weights import Weights

ENGINES = {"implicit": als.fit, "spark": spark_als.fit}
SKIPS = 2  # of a drama of which nothing was watched properly: it is left alone for a while
Ints = NDArray[np.int64]


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


def train(snapshot: Snapshot, weights: Weights, catalogue: Catalogue = EMPTY) -> Recommendations:
    """Learn from a snapshot with at least one watch; of what is not in the catalogue only the watches are known."""
    watches = snapshot.watches
    viewers, rows = _viewers(watches.user_id)
    dramas = int(watches.drama.max()) + 1
    matrix, never = _matrices(snapshot, rows, (len(viewers), dramas), weights)
    factors = ENGINES[weights.engine](matrix, weights)
    fresh, recent = signals.freshness(watches, weights, dramas), signals.recent(watches, weights, dramas)
    watched = signals.watchers(watches, weights, dramas) > 0
    crowd = recent / recent.max() * weights.popular / (len(watches) / len(viewers)) ** 2
    vectors = personal.leaning(factors, fresh**weights.trend_power, crowd)
    factors = replace(factors, viewers=vectors.viewers[:, :-1])  # the same numbers, held once
    best = personal.lists(vectors, never, watched, _discount(snapshot.ignored, viewers, dramas, weights))
    also = also_watched.related(snapshot, factors, weights, Content.of(catalogue))
    whole = bool(np.isfinite(vectors.viewers).all() and np.isfinite(vectors.dramas).all() and np.isfinite(fresh).all())
    return Recommendations(snapshot.as_of_ms, viewers, best, also, int(watched.sum()), whole, vectors, factors)


def _viewers(user_id: Ints) -> tuple[Ints, NDArray[np.intp]]:
    """(ids ascending, each entry's place among them); the queries sort by viewer already, which saves a sort."""
    begins = np.diff(user_id, prepend=user_id[:1] - 1)
    if (begins < 0).any():
        found = np.unique(user_id, return_inverse=True)
        return found[0], found[1]
    return user_id[begins > 0], np.cumsum(begins > 0) - 1


def _matrices(
    snapshot: Snapshot, rows: NDArray[np.intp], shape: tuple[int, int], weights: Weights
) -> tuple[csr_matrix, csr_matrix]:
    """Confidences, and what is not to be listed: seen, or skipped twice; a row a viewer, a column a dense index."""
    watches = snapshot.watches
    matrix = csr_matrix((signals.confidences(watches, weights), (rows, watches.drama)), shape=shape)
    lately = watches.at_ms > snapshot.as_of_ms - weights.cooling_days * DAY_MS
    none = watches.seen | ((watches.skips >= SKIPS) & lately)
    never = csr_matrix((np.ones(int(none.sum()), np.float32), (rows[none], watches.drama[none])), shape=shape)
    return matrix, never


def _discount(ignored: Ignored, viewers: Ints, dramas: int, weights: Weights) -> csr_matrix | None:
    """What scores lose of what was shown and not played; None where nothing was."""
    row = np.minimum(np.searchsorted(viewers, ignored.user_id), len(viewers) - 1)
    known = (viewers[row] == ignored.user_id) & (ignored.drama < dramas)
    if not known.any():
        return None
    lost = np.asarray(1 - weights.ignored ** ignored.times[known], np.float32)
    return csr_matrix((lost, (row[known], ignored.drama[known])), shape=(len(viewers), dramas))
