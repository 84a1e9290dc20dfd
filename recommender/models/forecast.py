"""How much each item will be liked compared with how often it was watched: learnt from what became of all of late.

A trend says that something is shown more; this learns from the last days how much that meant, at several paces at
once, and beside how many were glad of it.  One regression over all items, so that no single item's luck is learnt.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recommender.interactions import Interactions, Known
from recommender.models import trend
from recommender.models.leaning import Leaning
from recommender.models.model import Model

LIVES_DAYS = (0.5, 1.0, 2.0, 4.0, 8.0)  # half-lives of the trends it is told
PRIOR = 5.0  # exposures, of a trend and of a count
GLAD_PRIOR = 20.0  # exposures at the usual rate of positives
RIDGE = 10.0  # of weights of columns of deviation 1, against a likelihood of thousands of positives
STEPS, LONGEST_STEP = 50, 1.0  # of Newton's method
MOST = 4.0  # a lift is within e ** +-4

Reals = NDArray[np.float64]


@dataclass(frozen=True)
class Foresight:
    """A Poisson regression of later positives, for each time an item was watched before; linear in `signs`."""

    middle: Reals
    spread: Reals
    weights: Reals

    def lift(self, known: Known, about: Reals | None = None) -> Reals:
        """(items,) log of how much more than usual each will be liked for its count, in +-MOST; 0 is as the others."""
        if not known.items:
            return np.zeros(0)
        lifts = ((signs(known, about) - self.middle) / self.spread) @ self.weights
        return np.asarray(np.clip(lifts - lifts.mean(), -MOST, MOST))


def signs(known: Known, about: Reals | None) -> Reals:
    """(items, signs) what foretells: logs of trends at all paces, of the count, of the rate of positives; `about`."""
    count = trend.decayed(known.log, known.items, known.as_of_ms, None)
    glad = trend.decayed(known.log.where(known.log.positive), known.items, known.as_of_ms, None)
    usual = (glad.sum() + 1) / (count.sum() + 1)
    rate = (glad + GLAD_PRIOR * usual) / (count + GLAD_PRIOR)
    trends = [trend.factor(known, life, PRIOR) for life in LIVES_DAYS]
    found = np.log(np.maximum(np.column_stack([*trends, count + PRIOR, rate]), 1e-9))
    return found if about is None else np.hstack([found, about])


def learn(known: Known, later: Interactions, about: Reals | None = None) -> Foresight:
    """What `known` said about which items were positive in `later`.  Nothing in one of them: everything is as ever."""
    table = signs(known, about)
    middle = table.mean(0) if known.items else np.zeros(table.shape[1])
    spread = np.maximum(table.std(0) if known.items else middle, 0.01)  # less is noise
    if not len(known.log) or not later.positive.any():
        return Foresight(middle, spread, np.zeros(table.shape[1]))
    liked = np.bincount(later.item[later.positive], minlength=known.items)
    watched = np.bincount(known.log.item, minlength=known.items)
    return Foresight(middle, spread, _regress((table - middle) / spread, liked, np.log(watched + 1.0)))


def _regress(table: Reals, counts: NDArray[np.int64], offset: Reals) -> Reals:
    """Weights of log(mean count) = offset + intercept + table @ weights, by Newton's method in steps that are short."""
    columns = np.column_stack([table, np.ones(len(table))])
    ridge = np.diag(np.append(np.full(table.shape[1], RIDGE), 1e-6))
    found = np.append(np.zeros(table.shape[1]), np.log(counts.sum() / np.exp(offset).sum()))
    for _ in range(STEPS):
        mean = np.exp(np.clip(columns @ found + offset, -30, 30))
        slope = columns.T @ (counts - mean) - ridge @ found
        step = np.linalg.solve((columns.T * mean) @ columns + ridge, slope)
        found = found + step * min(1.0, LONGEST_STEP / max(1e-12, float(np.abs(step).max())))
        if np.abs(step).max() < 1e-6:
            break
    return np.asarray(found[:-1])


class Foreseen(Leaning):
    """A model whose scores are multiplied with e ** (power * lift).

    `days`: how long the block at the end of the log is that it learns from, what came before being what was known then.
    `about`: (items, columns) of what is known of items besides the log, as kind or length.
    `learnt` elsewhere, with the same columns, is taken as it is.
    """

    def __init__(
        self, model: Model, power: float, *, days: float = 1.0, about: Reals | None = None,
        learnt: Foresight | None = None,
    ) -> None:  # fmt: skip
        super().__init__(model)
        self._power, self._days, self._about, self._learnt = power, days, about, learnt

    def _factors(self, known: Known) -> Reals:
        learnt = self._learnt or self._looking_back(known)
        return np.asarray(np.exp(self._power * learnt.lift(known, self._about)))

    def _looking_back(self, known: Known) -> Foresight:
        then_ms = known.as_of_ms - round(self._days * trend.DAY_MS)
        before = known.log.ts_ms < then_ms
        then = Known(known.log.where(before), known.users, known.items, then_ms)
        return learn(then, known.log.where(~before), self._about)
