"""What is watched together: the latest watches of each viewer, and lists made of them a block of seeds at a time.

Nothing here holds items squared: a block of rows is dense, the log is not.  A viewer counts with their latest watches
only, so that no one makes more than `most` squared pairs.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from recommender.evaluation import sessions
from recommender.interactions import Flags, Floats, Ints, Known

DAY_MS = 86_400_000


@dataclass(frozen=True)
class Watches:
    """One entry a viewer and item, where it was watched last; by viewer and time."""

    user: Ints
    item: Ints
    ts_ms: Ints
    session: Ints
    worth: Floats  # 1 where it was ever positive, else what a plain watch is worth
    users: int
    items: int

    @cached_property
    def matrix(self) -> csr_matrix:
        """(users, items) worth."""
        return csr_matrix((self.worth, (self.user, self.item)), shape=(self.users, self.items))

    @cached_property
    def turned(self) -> csr_matrix:
        """(items, users) worth."""
        return csr_matrix(self.matrix.T)

    @cached_property
    def popular(self) -> NDArray[np.float64]:
        """(items,) sums of worth."""
        return np.asarray(np.bincount(self.item, self.worth, self.items), np.float64)

    @cached_property
    def walks(self) -> csr_matrix:
        """(users, items) each viewer's worth adds up to 1."""
        given = np.bincount(self.user, self.worth, self.users)
        share = self.worth / np.maximum(given[self.user], 1e-9)
        return csr_matrix((share.astype(np.float32), (self.user, self.item)), shape=(self.users, self.items))

    @cached_property
    def often(self) -> NDArray[np.float64]:
        """(items,) watches squared by worth: what an item has with itself."""
        return np.asarray(np.bincount(self.item, self.worth.astype(np.float64) ** 2, self.items), np.float64)


def latest(known: Known, most: int, short: float) -> Watches:
    """The latest `most` items of each viewer; a watch that never pleased is worth `short` of one that did."""
    log = known.log.where((known.log.weight > 0) | known.log.positive)
    key = log.user * max(1, known.items) + log.item
    last = len(key) - 1 - np.unique(key[::-1], return_index=True)[1]
    order = last[np.lexsort((last, log.ts_ms[last], log.user[last]))]
    order = order[from_end(log.user[order]) < most]
    glad = np.isin(key[order], key[log.positive])
    worth = np.where(glad, 1, short).astype(np.float32)
    of_silence = sessions.by_silence(log.user, log.ts_ms)
    session = np.where(log.session == sessions.UNKNOWN, -1 - of_silence, log.session)
    return Watches(log.user[order], log.item[order], log.ts_ms[order], session[order], worth, known.users, known.items)


def from_end(user: Ints) -> Ints:
    """How many entries of the same viewer come after each; `user` in runs."""
    ends = np.flatnonzero(np.append(user[1:] != user[:-1], True)[: len(user)])
    return ends[np.searchsorted(ends, np.arange(len(user)))] - np.arange(len(user))


def cosine(watches: Watches, rows: Ints, shrink: float) -> Floats:
    """(rows, items) C(a, b) / (sqrt(f(a) f(b)) + shrink): how often together, of how often at all; few prove little."""
    together = (watches.turned[rows] @ watches.matrix).toarray()
    return _shrunk(together, watches, rows, shrink)


def rp3beta(watches: Watches, rows: Ints, beta: float) -> Floats:
    """(rows, items) chance to get from the seed by one of its viewers to the item, by its popularity ** beta.

    Source: Paudel et al., TiiS 2017 (alpha 1).
    """
    popular = np.maximum(watches.popular, 1e-9)
    reached = (watches.turned[rows] @ watches.walks).toarray() / popular[rows][:, None]
    found: Floats = (reached / popular**beta).astype(np.float32)
    return found


@dataclass(frozen=True)
class Near:
    """Watches close to each other: 1 / steps apart, at most `steps` and `days`, and more within a session.

    `back` is what an item that was watched before the seed counts, beside one that was watched after it for 1.
    """

    watches: Watches
    steps: int
    days: float
    session: float
    back: float

    def rows(self, rows: Ints, shrink: float) -> Floats:
        """(rows, items) as `cosine`, of these pairs."""
        place = np.full(self.watches.items, -1)
        place[rows] = np.arange(len(rows))
        entry = np.flatnonzero(place[self.watches.item] >= 0) if len(rows) else np.zeros(0, np.int64)
        row = place[self.watches.item[entry]]
        found = [self._pairs(entry, row, way * steps) for steps in range(1, self.steps + 1) for way in (1, -1)]
        at, item, worth = (np.concatenate(column) for column in zip(*found, strict=True))
        together = csr_matrix((worth, (at, item)), shape=(len(rows), self.watches.items)).toarray()
        return _shrunk(together, self.watches, rows, shrink)

    def _pairs(self, entry: Ints, row: Ints, steps: int) -> tuple[Ints, Ints, Floats]:
        """(row, item, worth) of each entry and the one `steps` after it, where that is near."""
        seen, other = self.watches, entry + steps
        there = np.flatnonzero((other >= 0) & (other < len(seen.user)))
        a, b = entry[there], other[there]
        near = seen.user[a] == seen.user[b]
        near &= np.abs(seen.ts_ms[a] - seen.ts_ms[b]) <= self.days * DAY_MS
        a, b = a[near], b[near]
        worth = 1 / abs(steps) + self.session * (seen.session[a] == seen.session[b])
        worth *= seen.worth[a] * seen.worth[b] * (1 if steps > 0 else self.back)
        return row[there][near], seen.item[b], worth.astype(np.float32)


def _shrunk(together: Floats, watches: Watches, rows: Ints, shrink: float) -> Floats:
    root = np.sqrt(watches.often)
    found: Floats = (together / (np.outer(root[rows], root) + max(shrink, 1e-9))).astype(np.float32)
    return found


def of_few(watches: Watches, tags: Ints, rows: Ints) -> Floats:
    """(rows, items) what is watched of the seed's tag; -1 is no tag."""
    alike: Flags = (tags[rows][:, None] == tags) & (tags[rows] >= 0)[:, None]
    found: Floats = (alike * watches.often).astype(np.float32)
    return found
