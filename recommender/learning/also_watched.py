"""People who watched this also watched: co-watches, with ALS neighbours where watches are few."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from domain.recommendations import PER_DRAMA
from recommender.learning.als import Factors
from recommender.learning.signals import Floats
from recommender.learning.snapshot import Pairs
from recommender.learning.weights import Weights

AT_ONCE = 512  # dramas: their scores against all others are dense


def lists(
    pairs: Pairs, factors: Factors, watchers: Floats, fresh: Floats, weights: Weights
) -> Iterator[tuple[int, NDArray[np.uint16]]]:
    """(dense index, its list, best first) of each drama that has enough watchers, and company."""
    together = cowatch(pairs, watchers, weights.shrink)
    directions, sizes = _neighbourhood(factors.dramas)
    known = np.flatnonzero(watchers >= weights.least_watchers)
    for start in range(0, len(known), AT_ONCE):
        rows = known[start : start + AT_ONCE]
        alike = _scaled(np.maximum(directions[rows] @ directions.T, 0) * sizes)
        trust = (watchers[rows] / (watchers[rows] + weights.trust))[:, None]
        scores = (trust * _scaled(together[rows].toarray()) + (1 - trust) * alike).astype(np.float32)
        scores *= fresh**weights.trend_power_also * (watchers > 0)
        scores[np.arange(len(rows)), rows] = 0
        yield from _best(rows, scores)


def cowatch(pairs: Pairs, watchers: Floats, shrink: float) -> csr_matrix:
    """score(a, b) = C(a, b) / (sqrt(f(a) f(b)) + shrink): how often together, of how often at all; few prove little."""
    known = np.append(watchers, 0) > 0  # a pair may name a drama that all its watchers dislike
    kept = known[np.minimum(pairs.a, len(watchers))] & known[np.minimum(pairs.b, len(watchers))]
    a, b = pairs.a[kept], pairs.b[kept]
    score = pairs.weight[kept] / (np.sqrt(watchers[a] * watchers[b]) + shrink)
    return csr_matrix((score, (a, b)), shape=(len(watchers), len(watchers)))


def _neighbourhood(dramas: Floats) -> tuple[Floats, Floats]:
    """Directions of length 1, and the root of the lengths: by direction alone neighbours are what nobody watches."""
    length = np.linalg.norm(dramas, axis=1)
    return (dramas / np.maximum(length, 1e-9)[:, None]).astype(np.float32), np.sqrt(length).astype(np.float32)


def _scaled(scores: Floats) -> Floats:
    """Each row's best is 1."""
    scaled: Floats = scores / np.maximum(scores.max(axis=1, keepdims=True, initial=0), 1e-9)
    return scaled


def _best(rows: NDArray[np.int64], scores: Floats) -> Iterator[tuple[int, NDArray[np.uint16]]]:
    count = min(PER_DRAMA, scores.shape[1])
    some = np.argpartition(-scores, count - 1, axis=1)[:, :count]
    for row, candidates, score in zip(rows.tolist(), some, np.take_along_axis(scores, some, 1), strict=True):
        order = np.lexsort((candidates, -score))
        kept = candidates[order][score[order] > 0]
        if len(kept):
            yield row, kept.astype(np.uint16)
