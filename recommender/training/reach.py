"""Of what is about to be published: whom it reaches, how much of the catalogue it shows, and how much came in."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import dropwhile
from statistics import median

import numpy as np
from numpy.typing import NDArray

from domain.catalogue import MAX_INDEX
from recommender.interactions import Flags
from recommender.learning.asked import DAY_MS
from recommender.learning.model import Recommendations
from recommender.learning.snapshot import Watches
from recommender.training import crowd
from recommender.training.limits import Limits
from recommender.training.measured import Measured, absent

COVERAGE_K, TOP_K = 20, 10
COVERAGE, TOP_ITEM, LISTED = f"coverage@{COVERAGE_K}", f"top-item@{TOP_K}", "listed"
VOLUME, USUAL = "volume", "volume.usual"
LISTS_AT_ONCE = 100_000  # 16 MB as whole numbers
ACTIVE_DAYS = 7  # who watched since then is active


def reach(made: Recommendations, watches: Watches, as_of_ms: int, limits: Limits) -> Measured:
    """Coverage, the share of lists with the commonest drama, and the share of active viewers who have a list."""
    found = _listed(made, watches, as_of_ms, limits)
    lists = int(made.personal.any(axis=1).sum())
    if lists < limits.viewers or made.dramas < limits.dramas:
        why = f"{lists:,} lists of {made.dramas:,} dramas; {limits.viewers:,} of {limits.dramas:,} are needed"
        return found | Measured(missing={COVERAGE: why, TOP_ITEM: why})
    coverage = float(np.count_nonzero(listed(made, COVERAGE_K)[1:]) / made.dramas)
    return found | Measured({COVERAGE: coverage, TOP_ITEM: float(listed(made, TOP_K)[1:].max() / lists)})


def listed(made: Recommendations, count: int) -> NDArray[np.int64]:
    """In how many lists' first `count` each dense index stands; at 0 the places that are empty."""
    found = np.zeros(MAX_INDEX + 1, np.int64)
    for begin in range(0, len(made.personal), LISTS_AT_ONCE):
        found += np.bincount(made.personal[begin : begin + LISTS_AT_ONCE, :count].ravel(), minlength=len(found))
    return found


def left(made: Recommendations, watches: Watches) -> Flags:
    """Of each viewer: is there a drama with watchers that they have not seen?"""
    row, known = crowd.rows_of(made.viewers, watches.user_id)
    return np.bincount(row[known & watches.seen], minlength=len(made.viewers)) < made.dramas


def _listed(made: Recommendations, watches: Watches, as_of_ms: int, limits: Limits) -> Measured:
    """Of active viewers who have not seen everything that has watchers."""
    active = np.unique(watches.user_id[watches.at_ms >= as_of_ms - ACTIVE_DAYS * DAY_MS])
    row, known = crowd.rows_of(made.viewers, active)
    asked = ~known | left(made, watches)[row]
    if asked.sum() < limits.viewers:
        why = f"{asked.sum():,} active viewers with something left to see; {limits.viewers:,} are needed"
        return absent(LISTED, why)
    return Measured({LISTED: float((known & (made.personal[row, 0] > 0))[asked].mean())})


def volume(watches_a_day: Sequence[int], limits: Limits) -> Measured:
    """Of the last full day beside the median of those before (the oldest first), from the first with a watch on."""
    *before, last = watches_a_day
    before = list(dropwhile(lambda watches: not watches, before))
    if len(before) < limits.days:
        return absent(VOLUME, f"{len(before)} days with watches before the last full one; {limits.days} are needed")
    usual = median(before)
    if usual < limits.watches_a_day:
        return absent(VOLUME, f"{usual:,.0f} watches on a usual day; {limits.watches_a_day:,} are needed")
    return Measured({VOLUME: float(last), USUAL: float(usual)})
