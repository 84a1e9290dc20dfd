"""What would have been found of the last full day: a model fitted to all before it, asked about what came next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommender.evaluation import interval, item_lists
from recommender.evaluation.measures import auc, gains
from recommender.interactions import Flags, Interactions, Ints
from recommender.learning import signals
from recommender.learning.days import Day
from recommender.learning.model import Recommendations
from recommender.learning.snapshot import Snapshot
from recommender.learning.weights import Weights
from recommender.training import crowd
from recommender.training.limits import Limits
from recommender.training.measured import Measured, absent
from recommender.training.scores import scores_of

Reals = NDArray[np.float64]

KS = (10, 20, 50)
MEASURES = {"recall@50": 2, "ndcg@20": 1, "hit@10": 0}  # and the place of their k
LIST_K = 10
ITEM_HIT = f"item-hit@{LIST_K}"
ASKED = "asked"
TREND, POPULARITY, OVER_TREND = "trend.", "popularity.", "over_trend."


@dataclass(frozen=True)
class Asked:
    """A row a viewer who has a list and was glad of something new that day."""

    rows: Ints  # of the lists, ascending
    row: Ints  # of each positive, the viewer's place in `rows`
    drama: Ints  # of each positive

    def found(self, lists: NDArray[np.uint16]) -> Flags:
        """(rows, places): a positive stands there."""
        place = np.arange(len(self.rows))[:, None] << crowd.BITS
        return np.isin(place | lists.astype(np.int64), self.row << crowd.BITS | self.drama) & (lists > 0)

    @property
    def wanted(self) -> Ints:
        """How many there are to find."""
        return np.bincount(self.row, minlength=len(self.rows))


def examine(made: Recommendations, before: Snapshot, day: Day, weights: Weights, limits: Limits) -> Measured:
    """`made` was learnt from `before`, which ends where the day begins."""
    asked, strangers = _asked(made, day, limits)
    if len(asked.rows) < limits.viewers:
        why = f"{len(asked.rows):,} viewers with a list were glad of something new; {limits.viewers:,} are needed"
        return absent("lists", why) | _item_lists(made, day, limits)
    found = _lists(made, before, asked, weights, limits) | _uauc(made, asked, day, limits)
    told = Measured({ASKED: float(len(asked.rows)), "strangers": strangers})
    return found | _item_lists(made, day, limits) | told


def _asked(made: Recommendations, day: Day, limits: Limits) -> tuple[Asked, float]:
    """Who is asked, and the share of those glad of something new who have no list to be asked about."""
    glad = day.positive & day.new
    users, drama = day.user_id[glad], day.drama[glad].astype(np.int64)
    row, known = crowd.rows_of(made.viewers, users)
    everybody, there = len(np.unique(users)), np.unique(row[known])
    strangers = 1 - len(there) / everybody if everybody else 0.0
    if len(there) > limits.asked_most:
        there = np.sort(np.random.default_rng(limits.seed).choice(there, limits.asked_most, replace=False))
    place, chosen = crowd.rows_of(there, row)
    kept = known & chosen
    return Asked(there, place[kept], drama[kept]), strangers


def _lists(made: Recommendations, before: Snapshot, asked: Asked, weights: Weights, limits: Limits) -> Measured:
    """The lists of viewers, beside those that everybody would get."""
    watches, dramas = before.watches, int(before.watches.drama.max()) + 1
    everybody = {
        TREND: signals.recent(watches, weights, dramas),
        POPULARITY: signals.watchers(watches, weights, dramas),
    }
    lists = {"": made.personal[asked.rows, : KS[-1]]}
    lists |= {
        name: crowd.unseen(scores, watches, made.viewers[asked.rows], KS[-1]) for name, scores in everybody.items()
    }
    columns = {f"{who}{name}": column for who, one in lists.items() for name, column in _columns(asked, one).items()}
    columns |= {f"{OVER_TREND}{name}": columns[name] - columns[TREND + name] for name in MEASURES}
    return _means(columns, limits)


def _columns(asked: Asked, lists: NDArray[np.uint16]) -> Mapping[str, Reals]:
    right, gain = gains(asked.found(lists), asked.wanted, KS)
    found = {"recall@50": right / asked.wanted[:, None], "ndcg@20": gain, "hit@10": (right > 0).astype(np.float64)}
    return {name: found[name][:, place] for name, place in MEASURES.items()}


def _uauc(made: Recommendations, asked: Asked, day: Day, limits: Limits) -> Measured:
    """Of those who are asked: a positive above what they were shown besides."""
    row, known = crowd.rows_of(made.viewers[asked.rows], day.user_id)
    kept = known & day.new
    score = scores_of(made, asked.rows[row[kept]], day.drama[kept])
    each = auc(row[kept], score, day.positive[kept], len(asked.rows))
    each = each[~np.isnan(each)]
    if len(each) < limits.viewers:
        why = f"{len(each):,} viewers were shown both what they were glad of and what they were not"
        return absent("uauc", f"{why}; {limits.viewers:,} are needed")
    return _means({"uauc": each}, limits)


def _item_lists(made: Recommendations, day: Day, limits: Limits) -> Measured:
    """Is the next positive of a session in the list of the one before?  No list: no."""
    user, session = (np.unique(ids, return_inverse=True)[1] for ids in (day.user_id, day.session))  # small numbers
    log = Interactions(
        user, day.drama.astype(np.int64), day.at_ms, np.ones(len(day), np.float32), day.positive, session,
        np.zeros(len(day), bool),
    )  # fmt: skip
    pairs = item_lists.pairs(log)
    if len(pairs.seed) < limits.seeds:
        return absent(ITEM_HIT, f"{len(pairs.seed):,} next positives in a session; {limits.seeds:,} are needed")
    listed = {index: best[:LIST_K].astype(np.int64) for index, best in made.also_watched.items()}
    keys = [index << crowd.BITS | best for index, best in listed.items()] or [np.zeros(0, np.int64)]
    hit = np.isin(pairs.seed << crowd.BITS | pairs.following, np.concatenate(keys))
    _, row = np.unique(pairs.user, return_inverse=True)
    return _ratios({ITEM_HIT: (np.bincount(row, hit).astype(np.float64), np.bincount(row).astype(np.float64))}, limits)


def _means(columns: Mapping[str, Reals], limits: Limits) -> Measured:
    return _ratios({name: (column, np.ones(len(column))) for name, column in columns.items()}, limits)


def _ratios(columns: Mapping[str, tuple[Reals, Reals]], limits: Limits) -> Measured:
    """Sums by sums over viewers, with intervals; all columns have the same draws, so that differences are paired."""
    above, below = (np.column_stack(side) for side in zip(*columns.values(), strict=True))
    ends = interval.interval(interval.drawn(above, below, limits.seed, limits.draws))
    values = {name: float(value) for name, value in zip(columns, above.sum(0) / below.sum(0), strict=True)}
    return Measured(values, {name: pair for name, pair in zip(columns, ends, strict=True) if pair})
