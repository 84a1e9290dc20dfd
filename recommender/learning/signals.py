"""What the signals of a snapshot are worth: confidence a viewer and drama, and how fresh a drama is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recommender.learning.snapshot import Watches
from recommender.learning.weights import Weights

HOUR_MS = 3_600_000
Floats = NDArray[np.float32]


def confidences(watches: Watches, weights: Weights) -> Floats:
    """How sure we are that the viewer likes the drama, one an entry, in (0, weights.most]."""
    worth = (
        np.where(watches.skips > 0, weights.skip, weights.watched)
        + weights.share * np.sqrt(np.minimum(watches.share, weights.episodes_most))
        + weights.complete * np.sqrt(np.minimum(watches.completes, weights.episodes_most))
        + weights.like * watches.liked
        + weights.follow * watches.followed
        + weights.unlock * np.sqrt(np.minimum(watches.unlocks, weights.episodes_most))
    )
    return np.asarray(np.minimum(worth, weights.most), np.float32)


def beside_usual(share: NDArray[np.float64], duration_ms: NDArray[np.int64], weights: Weights) -> Floats:
    """What watched shares of episodes are worth, as in watches.sql: in [0, 1), half where usual at that length."""
    usual = np.asarray(weights.share_usual)[np.searchsorted(weights.share_edges_ms, duration_ms, side="right")]
    return np.asarray(share / (share + usual), np.float32)


def watchers(watches: Watches, weights: Weights, dramas: int) -> Floats:
    """f of the co-watch score: watchers of each dense index below `dramas`, those who left soon for less."""
    worth = np.where(watches.positive, weights.pair_positive, weights.pair_short)
    return np.bincount(watches.drama, weights=worth, minlength=dramas).astype(np.float32)


def recent(watches: Watches, weights: Weights, dramas: int) -> Floats:
    """Watchers of each dense index, halved once every half-life since the latest of all watches."""
    if not len(watches):
        return np.zeros(dramas, np.float32)
    age = (watches.at_ms.max() - watches.at_ms) / (weights.trend_half_life_hours * HOUR_MS)
    return np.bincount(watches.drama, weights=np.exp2(-age), minlength=dramas).astype(np.float32)


def freshness(watches: Watches, weights: Weights, dramas: int) -> Floats:
    """In [0, 1): the share of a drama's watchers who came of late; a few watchers prove little."""
    everyone = np.bincount(watches.drama, minlength=dramas)
    return (recent(watches, weights, dramas) / (everyone + weights.trend_prior)).astype(np.float32)
