"""People who watched this also watched: what is watched together, and what its vector says, in one list a drama.

Used by the training and, between trainings, with the factors that a training left (recommender/refresh/item_lists.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from domain.recommendations import PER_DRAMA
from recommender.learning import content as contents
from recommender.learning import signals
from recommender.learning.als import Factors
from recommender.learning.content import Content
from recommender.learning.signals import Floats
from recommender.learning.snapshot import Pairs, Snapshot
from recommender.learning.weights import Weights
from recommender.models import hubs

AT_ONCE = 4_000_000  # scores of a block of seeds: some 100 MB with what they are made of
Rows = NDArray[np.int64]


def related(snapshot: Snapshot, factors: Factors, weights: Weights, content: Content) -> dict[int, NDArray[np.uint16]]:
    """The list of each drama that enough have watched, or whose tags are known: dense indexes, best first.

    Nothing of the seed's series, nothing that nobody watched; nothing is at the head of more than a share of all lists.
    `factors` and `content` may know more or fewer dramas than the snapshot.
    """
    parts = _Parts.of(snapshot, factors, weights, content)
    seeds = np.flatnonzero((parts.watchers >= weights.least_watchers) | (parts.has_tags & parts.shown))
    step = max(1, AT_ONCE // len(parts.watchers))
    found = [hubs.best(parts.scores(seeds[start : start + step]), PER_DRAMA) for start in range(0, len(seeds), step)]
    if not found:
        return {}
    items, scores = (np.concatenate(column) for column in zip(*found, strict=True))
    return dict(_kept(seeds, items, scores, weights))


def _kept(seeds: Rows, items: Rows, scores: Floats, weights: Weights) -> Iterator[tuple[int, NDArray[np.uint16]]]:
    most = max(ceil(weights.hub_share * int((items >= 0).any(axis=1).sum())), 2 * weights.hub_head)
    kept = hubs.capped(items, scores, weights.hub_head, most)
    for seed, row, stays in zip(seeds.tolist(), items, kept, strict=True):
        if stays.any():
            yield seed, row[stays].astype(np.uint16)


@dataclass(frozen=True)
class _Parts:
    """What a list is blended of; all by dense index, up to the highest that anybody knows."""

    watchers: Floats
    fresh: Floats  # what a score is multiplied with
    together: csr_matrix
    directions: Floats  # of length 1, or 0
    reach: Floats  # (d, d): a seed's vector times this is the vector of a viewer who watched the seed and nothing else
    dramas: Floats
    series: NDArray[np.int32]
    tags: csr_matrix  # rows of length 1, or 0
    shown: NDArray[np.bool_]
    weights: Weights

    @classmethod
    def of(cls, snapshot: Snapshot, factors: Factors, weights: Weights, content: Content) -> _Parts:
        watches, part = snapshot.watches, factors.parts[-1]
        count = max(int(watches.drama.max(initial=0)) + 1, len(factors.dramas), len(content))
        watchers = signals.watchers(watches, weights, count)
        base = _up_to(count, factors.dramas[:, -part.columns :])
        foretold = _up_to(count, contents.vectors(content, base[: len(content)], watchers[: len(content)], weights))
        foretold[len(content) :] = base[len(content) :]
        gram = base.T @ base + (part.regularization + part.an_entry) * np.eye(part.columns, dtype=np.float32)
        return cls(
            watchers=watchers,
            fresh=signals.freshness(watches, weights, count) ** np.float32(weights.trend_power_also),
            together=cowatch(snapshot.pairs, watchers, weights.shrink),
            directions=foretold / np.maximum(np.linalg.norm(foretold, axis=1), 1e-9)[:, None],
            reach=np.linalg.inv(gram).astype(np.float32),
            dramas=base,
            series=_up_to(count, content.series),
            tags=_tags(content, count),
            shown=_up_to(count, content.shown),
            weights=weights,
        )

    @property
    def has_tags(self) -> NDArray[np.bool_]:
        """By dense index."""
        return np.diff(self.tags.indptr) > 0

    def scores(self, rows: Rows) -> Floats:
        """(len(rows), dramas): the more have watched a seed, the less its tags say."""
        weights = self.weights
        together = self._allowed(self.together[rows].toarray(), rows)
        folded = self._allowed(self.dramas[rows] @ self.reach @ self.dramas.T, rows)
        alike = self._allowed(self.directions[rows] @ self.directions.T, rows)
        found: Floats = weights.also_together * together + weights.also_folded * folded + weights.also_alike * alike
        watchers = self.watchers[rows]
        trust = np.where(self.has_tags[rows], watchers / (watchers + weights.also_few), 1).astype(np.float32)[:, None]
        tagged = self._allowed((self.tags[rows] @ self.tags.T).toarray() * self.watchers, rows)
        tagged = _scaled(tagged + weights.also_foretold * alike)
        return np.asarray((trust * _scaled(found) + (1 - trust) * tagged) * self.fresh, np.float32)

    def _allowed(self, scores: NDArray[np.floating], rows: Rows) -> Floats:
        """Each row's best is 1; 0 for the seed, for its series, and for what nobody watched."""
        scores = np.maximum(scores, 0).astype(np.float32) * (self.watchers > 0)
        scores[np.arange(len(rows)), rows] = 0
        series = self.series[rows][:, None]
        scores[(series == self.series) & (series > 0)] = 0
        return _scaled(scores)


def _up_to(count: int, rows: Any) -> Any:
    """`count` rows, 0 where there are fewer."""
    found = np.zeros((count, *rows.shape[1:]), rows.dtype)
    found[: len(rows)] = rows
    return found


def cowatch(pairs: Pairs, watchers: Floats, shrink: float) -> csr_matrix:
    """score(a, b) = C(a, b) / (sqrt(f(a) f(b)) + shrink): how often together, of how often at all; few prove little."""
    known = np.append(watchers, 0) > 0  # a pair may name a drama that all its watchers dislike
    kept = known[np.minimum(pairs.a, len(watchers))] & known[np.minimum(pairs.b, len(watchers))]
    a, b = pairs.a[kept], pairs.b[kept]
    score = pairs.weight[kept] / (np.sqrt(watchers[a] * watchers[b]) + shrink)
    return csr_matrix((score, (a, b)), shape=(len(watchers), len(watchers)))


def _tags(content: Content, count: int) -> csr_matrix:
    """(count, names) tags, and the category where there are none; rows of length 1."""
    has = np.diff(content.tags.indptr) > 0
    other = np.flatnonzero(~has & (content.category > 0))
    rows, columns = content.tags.nonzero()
    names = content.tags.shape[1]
    rows = np.concatenate([rows, other])
    columns = np.concatenate([columns, names + content.category[other]])
    size = (count, names + int(content.category.max(initial=0)) + 1)
    length = np.sqrt(np.bincount(rows, minlength=count)).astype(np.float32)
    return csr_matrix((1 / length[rows], (rows, columns)), shape=size)


def _scaled(scores: Floats) -> Floats:
    """Each row's best is 1."""
    scaled: Floats = scores / np.maximum(scores.max(axis=1, keepdims=True, initial=0), 1e-9)
    return scaled
