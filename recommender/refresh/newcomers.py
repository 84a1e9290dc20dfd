"""New dramas and how they stand: shown to the viewers that each is guaranteed, then kept or dropped by what these did.

A viewer who was shown a drama without regard to what they like and then had a valid play of it is a success; the rate
of the category is what is believed of a drama before anybody was asked.  Pure: handed the time.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc

from recommender.learning.weights import Weights

HOUR_MS = 3_600_000
LEAST_OF_CATEGORY = 5  # dramas that make a median; of fewer that of all dramas holds
CATCH_UP = 4.0  # times the usual pace, for a drama that is late: no page should be of one drama

Ints = NDArray[np.int64]
Reals = NDArray[np.float64]


class Standing(IntEnum):
    """OWED: not yet shown to all viewers that it is guaranteed.  GRADUATED and RETIRED are explored no more."""

    OWED, UNDECIDED, GRADUATED, RETIRED = range(4)


@dataclass(frozen=True)
class Shown:
    """What became of dramas, one entry each: their category, who was asked, and who of these had a valid play."""

    index: Ints
    category: Ints  # equal number: equal category
    asked: Ints
    valid: Ints

    def __len__(self) -> int:
        return len(self.index)


@dataclass(frozen=True)
class Newcomers(Shown):
    """New dramas in the order in which they are due.  `first_ms` is 0, and all else, while nobody was shown one."""

    first_ms: Ints
    viewers: Ints  # who were shown it, whatever put it there


@dataclass(frozen=True)
class Belief:
    """Beta(a, b) of each newcomer's rate, and the chance that it is above the median of its category."""

    a: Reals
    b: Reals
    above: Reals


@dataclass(frozen=True)
class Judged:
    """Newcomers, what is believed of them, and a Standing each."""

    newcomers: Newcomers
    belief: Belief
    standings: Ints

    def are(self, standing: Standing) -> NDArray[np.bool_]:
        """Which of them stand so."""
        are: NDArray[np.bool_] = self.standings == standing
        return are


def believe(newcomers: Newcomers, crowd: Shown, weights: Weights) -> Belief:
    """What the crowd's rates and a newcomer's own viewers say.  Of a crowd of nobody: even odds of everything."""
    everywhere = (crowd.valid.sum() + 1) / (crowd.asked.sum() + 2)
    categories = int(max(crowd.category.max(initial=0), newcomers.category.max(initial=0))) + 1
    asked = np.bincount(crowd.category, crowd.asked, categories)
    rate = (np.bincount(crowd.category, crowd.valid, categories) + weights.cold_prior * everywhere) / np.maximum(
        asked + weights.cold_prior, 1e-9
    )
    a, b = _posterior(newcomers, rate, weights)
    below = betainc(a, b, _medians(crowd, rate, weights)[newcomers.category])
    return Belief(a, b, np.asarray(1 - below, np.float64))


def _posterior(shown: Shown, rate: Reals, weights: Weights) -> tuple[Reals, Reals]:
    """A rate of exactly 0 or 1 is nobody's: half a viewer each way, too."""
    prior, own = weights.cold_prior * rate[shown.category], np.minimum(shown.valid, shown.asked)
    return prior + own + 0.5, weights.cold_prior - prior + shown.asked - own + 0.5


def _medians(crowd: Shown, rate: Reals, weights: Weights) -> Reals:
    """By category, of the crowd's dramas; where they are few, of all; where there is none, what is believed anyway."""
    a, b = _posterior(crowd, rate, weights)
    rates = a / (a + b)
    medians = np.full(len(rate), np.median(rates)) if len(rates) else rate.copy()
    for category, count in enumerate(np.bincount(crowd.category, minlength=len(rate))):
        if count >= LEAST_OF_CATEGORY:
            medians[category] = np.median(rates[crowd.category == category])
    return medians


def judge(newcomers: Newcomers, crowd: Shown, weights: Weights) -> Judged:
    """How they stand beside the crowd, which may name them too."""
    belief = believe(newcomers, crowd, weights)
    return Judged(newcomers, belief, standing(newcomers, belief.above, weights))


def standing(newcomers: Newcomers, above: Reals, weights: Weights) -> Ints:
    """A Standing each, by the chance that its rate is above the median of its category."""
    late = newcomers.viewers >= weights.cold_most
    keep = (above >= weights.cold_graduate) | (late & (above >= 0.5))
    drop = ~keep & ((above <= weights.cold_retire) | late)
    found: Ints = np.full(len(newcomers), Standing.UNDECIDED, np.int64)
    found[keep], found[drop] = Standing.GRADUATED, Standing.RETIRED
    found[newcomers.viewers < weights.cold_viewers] = Standing.OWED
    return found


def pace(weights: Weights) -> float:
    """Viewers that a new drama needs between two orders."""
    return weights.cold_viewers * weights.cold_minutes / (60 * max(weights.cold_aim * weights.cold_hours, 1e-9))


def needs(judged: Judged, now_ms: int, weights: Weights) -> Reals:
    """Viewers that each needs before the next order: what it is behind its pace by then, while undecided the pace."""
    usual, newcomers = pace(weights), judged.newcomers
    gone_ms = np.where(newcomers.first_ms > 0, np.maximum(now_ms - newcomers.first_ms, 0), 0)
    orders = gone_ms / (60_000 * weights.cold_minutes) + 1
    behind = np.minimum(usual * orders, weights.cold_viewers) - newcomers.viewers
    least = np.where(usual * orders >= weights.cold_viewers, usual, 0)  # the last few viewers are not to be waited for
    owed = np.where(judged.are(Standing.OWED), np.clip(behind, least, CATCH_UP * usual), 0)
    return np.asarray(owed + np.where(judged.are(Standing.UNDECIDED), usual, 0), np.float64)
