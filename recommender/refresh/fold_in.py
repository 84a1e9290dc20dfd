"""Fold-in: who did something since the last time gets a new list, in the version that readers have, in place.

What is written is true whoever writes it, in whatever order: a run that dies is done again by the next one, and one
that was overtaken by a training has changed a version that nobody reads any more.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from clickhouse_connect.driver.client import Client

from domain.recommendations import Damaged, Version, viewers_of, with_rows
from infra import failpoints, logs
from recommender.errors import Raced
from recommender.learning.folding import Folding
from recommender.publication.blocks import block_numbers
from recommender.publication.lock import LOCK_S, held
from recommender.publication.publish import packed
from recommender.publication.store import KEYS_AT_ONCE, Hold, RecommendationStore
from recommender.refresh import active
from recommender.refresh.active import Active
from recommender.refresh.cooling import CoolingStore
from recommender.refresh.served import served

TASK = "fold-in"
LONGEST_S = 600.0
AT_MOST = 100_000  # viewers of a run
OVERLAP_MS = 300_000  # partitions reach ClickHouse one sooner, one later
BACK_MS = 86_400_000  # after a longer pause the next training has them all
TRIES = 3  # at a block that somebody else changes meanwhile
MOST_OF_A_BLOCK = 512  # viewers: of more, those who are new wait for the next training, which makes more blocks

log = logs.get(__name__)


class Report(msgspec.Struct, kw_only=True):
    """What a run did."""

    version: str
    since_ms: int
    viewers: int = 0  # who got a list
    new: int = 0  # of these, whom the version did not have
    left: int = 0  # who did not: their block is full, damaged or gone
    cooling: int = 0  # viewers who are not shown something for a while
    seconds: float = 0.0

    def sentence(self) -> str:
        """For people."""
        return (
            f"folded {self.viewers:,} viewers into {self.version}, {self.new:,} of them new; {self.left:,} left out;"
            f" {self.cooling:,} with dramas that are hidden for a while; {self.seconds} s"
        )


def run(
    client: Client, store: RecommendationStore, hidden: CoolingStore, as_of_ms: int, *, wait_s: float = 0.0
) -> Report:
    """Fold in whom something came in of since the last run, or since the training of the version that is served.

    Raises Refused where no version with factors is served, Busy, Raced, ClickHouseError, RedisError.
    """
    began = time.perf_counter()
    with held(store, TASK, wait_s=wait_s, longest_s=LONGEST_S) as hold:
        version, meta, folding = served(store)
        weights = msgspec.structs.replace(meta.weights, active_viewers=AT_MOST)
        last_ms = _last(store.folded(), version)
        since_ms = _since(last_ms, as_of_ms)
        found = active.read(client, as_of_ms, weights, since_ms, len(folding.dramas))
        report = Report(version=str(version), since_ms=since_ms)
        if len(found) == AT_MOST:
            log.warning("too many viewers for one run, the latest are folded in", viewers=AT_MOST)
        _FoldIn(store, version, folding, hold, report).write(found)
        _hide(hidden, store, found, hold, report)
        until_ms = max(last_ms, min(found.until_ms, as_of_ms))  # where ClickHouse is behind, so is the next run
        if not store.mark_folded(f"{version} {until_ms}", hold):
            raise Raced("the lock is somebody else's by now")
    report.seconds = round(time.perf_counter() - began, 2)
    return report


def _last(folded: str, version: Version) -> int:
    """What was received before then is known to the version, in Unix ms: by its training, or by the last run."""
    of, _, at = folded.partition(" ")
    return int(at) if of == str(version) and at.isascii() and at.isdigit() else version.as_of_ms


def _since(last_ms: int, as_of_ms: int) -> int:
    """From when on activity counts, in Unix ms."""
    return max(1, min(last_ms, as_of_ms) - OVERLAP_MS, as_of_ms - BACK_MS)


class Change(NamedTuple):
    """What becomes of a block, and of how many viewers; an empty `after`: it is better left alone."""

    before: bytes
    after: bytes
    viewers: int
    new: int
    left: int

    def add_to(self, report: Report) -> None:
        """It was done."""
        report.viewers += self.viewers
        report.new += self.new
        report.left += self.left


class _FoldIn:
    """One run's way through the blocks, KEYS_AT_ONCE at a time."""

    def __init__(
        self, store: RecommendationStore, version: Version, folding: Folding, hold: Hold, report: Report
    ) -> None:
        self._store, self._version, self._folding = store, version, folding
        self._hold, self._report = hold, report

    def write(self, found: Active) -> None:
        """Make and write all lists.  Raises Raced, RedisError."""
        numbers = block_numbers(found.viewers, self._version.blocks)
        for rows in _together(numbers):
            lists = self._folding.lists(found.confidences[rows], found.never[rows], found.discount[rows])
            wanted: dict[int, dict[int, bytes]] = {}
            for number, user_id, best in zip(numbers[rows].tolist(), found.viewers[rows].tolist(), lists, strict=True):
                wanted.setdefault(number, {})[user_id] = packed(best)
            failpoints.reached("fold_in.before_write")
            self._replace(wanted)
            failpoints.reached("fold_in.after_write")

    def _replace(self, wanted: Mapping[int, Mapping[int, bytes]]) -> None:
        left = set(wanted)
        for _ in range(TRIES):
            some = sorted(left)
            found = zip(some, self._store.blocks_of(self._version, some), strict=True)
            changes = {number: self._change(number, block, wanted[number]) for number, block in found}
            told = {number: (change.before, change.after) for number, change in changes.items() if change.after}
            left = self._store.refold(self._version, told, self._hold)
            for number in changes.keys() - left:
                changes[number].add_to(self._report)
            if not left:
                return
        raise Raced("blocks are somebody else's by now, or the lock is")

    def _change(self, number: int, block: bytes | None, rows: Mapping[int, bytes]) -> Change:
        try:
            there = viewers_of(block or b"")
            new = [user_id for user_id in rows if user_id not in there]
            late = set(new[max(0, MOST_OF_A_BLOCK - len(there)) :])
            kept = {user_id: best for user_id, best in rows.items() if user_id not in late}
            return Change(block or b"", with_rows(block or b"", kept), len(kept), len(new) - len(late), len(late))
        except Damaged as error:
            log.warning("a block is left alone", version=str(self._version), block=number, error=str(error))
            return Change(block or b"", b"", 0, 0, len(rows))


def _together(numbers: active.Ints) -> Iterator[active.Ints]:
    """Rows by block, of at most KEYS_AT_ONCE blocks at a time."""
    order = np.argsort(numbers, kind="stable")
    begins = np.flatnonzero(np.diff(numbers[order], prepend=-1))[::KEYS_AT_ONCE]
    yield from (rows for rows in np.split(order, begins[1:]) if len(rows))


def _hide(hidden: CoolingStore, store: RecommendationStore, found: Active, hold: Hold, report: Report) -> None:
    """Say of every active viewer what is hidden, that nothing is too.  Raises Raced, RedisError."""
    lists: dict[int, list[int]] = {user_id: [] for user_id in found.viewers.tolist()}
    for user_id, index in zip(found.cooling.user_id.tolist(), found.cooling.drama.tolist(), strict=True):
        lists.setdefault(user_id, []).append(index)
    everybody: Sequence[int] = sorted(lists)
    for start in range(0, len(everybody), KEYS_AT_ONCE):
        if not store.renew(hold, LOCK_S):
            raise Raced("the lock is somebody else's by now")
        hidden.put({user_id: lists[user_id] for user_id in everybody[start : start + KEYS_AT_ONCE]})
    report.cooling = sum(map(bool, lists.values()))
