"""A log cut in what is learnt from, what settings are chosen on, and what is asked in the end."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from recommender.evaluation.unfit import Unfit
from recommender.interactions import Interactions, Ints

Edges = NDArray[np.float64]  # where validation begins, where the test begins: shares of the rows


class Way(StrEnum):
    """How: only the first knows nothing of the future, the other two are for comparing with what others print."""

    TIME = "time"
    USER_LAST = "user-last"
    RANDOM = "random"


@dataclass(frozen=True)
class Split:
    """Without a validation block models are compared on the test itself."""

    train: Interactions
    valid: Interactions | None
    test: Interactions


def split(log: Interactions, way: Way, test_share: float, valid_share: float, seed: int) -> Split:
    """Shares of all rows (USER_LAST: of each viewer's; RANDOM: of viewer-item pairs, which are never torn).

    Raises Unfit where a part would be empty.
    """
    if not (0 < test_share < 1 and 0 <= valid_share < 1 and test_share + valid_share < 1):
        raise Unfit(f"shares of {test_share} for the test and {valid_share} for validation leave nothing to learn from")
    part = _PARTS[way](log, np.array([1 - test_share - valid_share, 1 - test_share]), seed)
    if not valid_share:
        part[part == _VALID] = _TRAIN
    names = ("to learn from", "to validate on", "to test on")
    for number, name in enumerate(names):
        if (number != _VALID or valid_share) and not (part == number).any():
            raise Unfit(f"split by {way}: of {len(log):,} rows none is left {name}")
    train, valid, test = (log.where(part == number) for number in range(3))
    return Split(train, valid if valid_share else None, test)


_TRAIN, _VALID, _TEST = range(3)


def _by_time(log: Interactions, edges: Edges, _seed: int) -> Ints:
    """Rows of one moment stay together, so that each part is strictly before the next."""
    at = np.minimum((edges * len(log) + 1e-9).astype(np.int64), len(log) - 1)
    part = np.zeros(len(log), np.int64)
    for moment in log.ts_ms[at]:
        later = log.ts_ms >= moment if moment > log.ts_ms[0] else log.ts_ms > moment
        part += later
    return part


def _by_last(log: Interactions, edges: Edges, _seed: int) -> Ints:
    """A viewer's last rows, one at least; all but one at most, so that there is something to know them by."""
    order = np.argsort(log.user, kind="stable")
    count = np.bincount(log.user)
    begin = np.cumsum(count) - count
    place = np.empty(len(log), np.int64)
    place[order] = np.arange(len(log)) - begin[log.user[order]]
    rows = count[log.user]
    part = np.zeros(len(log), np.int64)
    for kept, share in zip((2, 1), edges, strict=True):
        first = np.clip(np.round(share * rows).astype(np.int64), 1, np.maximum(rows - kept, 1))
        part += place >= first
    return part


def _by_chance(log: Interactions, edges: Edges, seed: int) -> Ints:
    pairs, pair = np.unique(log.user * (int(log.item.max()) + 1) + log.item, return_inverse=True)
    drawn = np.random.default_rng(seed).random(len(pairs))
    return np.digitize(drawn, edges)[pair]


_PARTS = {Way.TIME: _by_time, Way.USER_LAST: _by_last, Way.RANDOM: _by_chance}
