"""Twins of what a training asks beside Redis: viewers' doings as columns, the registry as a list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from recommender.learning.asked import DAY_MS
from recommender.learning.days import Day
from recommender.learning.snapshot import Pairs, Snapshot
from recommender.learning.weights import WEIGHTS, Weights
from recommender.training.day import Span, last_full_day
from recommender.training.limits import Limits
from recommender.training.registry import MOST, Entry
from tests.snapshots import watches

MIDNIGHT_MS = 1_790_006_400_000  # of Asia/Shanghai
QUICK = msgspec.structs.replace(WEIGHTS, factors=8, iterations=6)  # what two tastes need is learnt by then
SMALL = Limits(viewers=20, seeds=20, dramas=10, watches_a_day=20, draws=200)  # so that a test has enough to measure


@dataclass(frozen=True)
class Doings:
    """What viewers did, a row a drama shown: watched to the end, or not at all.  The memory twin of Source."""

    user: NDArray[np.int64]
    drama: NDArray[np.int64]
    at_ms: NDArray[np.int64]
    watched: NDArray[np.bool_]

    def where(self, keep: NDArray[np.bool_]) -> Doings:
        return Doings(*(column[keep] for column in vars(self).values()))

    def snapshot(self, as_of_ms: int, weights: Weights) -> Snapshot:
        past = self.where(self.watched & (self.at_ms < as_of_ms))
        if not len(past.user):
            nothing = watches((1, 1))
            return Snapshot(as_of_ms, replace(nothing, **{k: v[:0] for k, v in vars(nothing).items()}), Pairs.nothing())
        past = past.where(np.lexsort((past.drama, -past.at_ms, past.user)))
        entries = zip(past.user.tolist(), past.drama.tolist(), strict=True)
        known = watches(*entries, at_ms=past.at_ms, seen=np.ones(len(past.user), bool))
        return Snapshot(as_of_ms, known, _together(past))

    def day(self, span: Span, weights: Weights) -> Day:
        today = self.where((self.at_ms >= span.from_ms) & (self.at_ms < span.to_ms))
        today = today.where(np.argsort(today.user, kind="stable"))
        before = self.where(self.watched & (self.at_ms < span.from_ms))
        new = ~np.isin(today.user << 17 | today.drama, before.user << 17 | before.drama)
        drama = today.drama.astype(np.int32)
        return Day(today.user, drama, today.at_ms, today.user, today.watched, today.watched, new)

    def volume(self, as_of_ms: int, count: int) -> Sequence[int]:
        end = last_full_day(as_of_ms).to_ms
        ago = (end - 1 - self.at_ms[self.watched]) // DAY_MS
        return [int((ago == day).sum()) for day in range(count - 1, -1, -1)]


def _together(past: Doings) -> Pairs:
    users, row = np.unique(past.user, return_inverse=True)
    matrix = csr_matrix((np.ones(len(row)), (row, past.drama)), shape=(len(users), int(past.drama.max()) + 1))
    both = (matrix.T @ matrix).tocoo()
    other = both.row != both.col
    a, b = both.row[other].astype(np.int32), both.col[other].astype(np.int32)
    return Pairs(a, b, both.data[other].astype(np.float32))


def two_tastes_daily(viewers: int = 80, dramas: int = 60, days: int = 6, seed: int = 1) -> Doings:
    """Each day before MIDNIGHT_MS an even viewer watches three even dramas and is shown two odd ones for nothing."""
    rng = np.random.default_rng(seed)
    rows = []
    for user in range(1, viewers + 1):
        mine = rng.permutation([index for index in range(1, dramas + 1) if index % 2 == user % 2])
        others = rng.permutation([index for index in range(1, dramas + 1) if index % 2 != user % 2])
        for day in range(days):
            at_ms = MIDNIGHT_MS - (days - day) * DAY_MS + int(rng.integers(1, DAY_MS - 60_000))
            seen, passed = mine[3 * day : 3 * day + 3].tolist(), others[2 * day : 2 * day + 2].tolist()
            rows += [(user, index, at_ms + step, True) for step, index in enumerate(seen)]
            rows += [(user, index, at_ms + 10 + step, False) for step, index in enumerate(passed)]
    user, drama, at, watched = (np.array(column) for column in zip(*rows, strict=True))
    return Doings(user, drama, at, watched)


@dataclass
class MemoryRegistry:
    """The memory twin of recommender.training.registry.Registry."""

    entries: list[Entry] = field(default_factory=list)

    def add(self, entry: Entry) -> None:
        self.entries.append(entry)

    def latest(self, most: int = MOST) -> Sequence[Entry]:
        return self.entries[::-1][:most]
