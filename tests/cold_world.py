"""A world with new dramas of known rates and viewers who take what pages offer, for the exploration alone.  Seeded."""

from __future__ import annotations

import numpy as np

from domain.cold import Cold
from recommender.learning.weights import WEIGHTS, Weights
from recommender.refresh.cold_orders import plan
from recommender.refresh.newcomers import HOUR_MS, Judged, Newcomers, Shown, Standing, judge

START_MS = 1_790_000_000_000
CATEGORIES, OLD = 8, 400


class World:
    """New dramas have dense indexes 1..new, old ones follow; `rate` is by dense index."""

    def __init__(self, new: int, items_an_hour: int, *, weights: Weights = WEIGHTS, seed: int = 3) -> None:
        self.weights, self.items, self.seed = weights, items_an_hour, seed
        self.rng = np.random.default_rng(seed)
        self.new, self.now_ms = new, START_MS
        everything = new + OLD + 1
        self.category = np.arange(everything) % CATEGORIES
        middle = 0.15 + 0.05 * self.category
        self.rate = np.clip(middle + 0.1 * self.rng.standard_normal(everything), 0.01, 0.95)
        self.viewers, self.valid, self.first_ms = (np.zeros(everything, np.int64) for _ in range(3))
        asked = np.full(everything, 60)
        self._crowd_valid = self.rng.binomial(asked, self.rate)
        self.cold, self.judged = Cold(), self.judge()
        self.full_ms = np.zeros(everything, np.int64)  # when it had the viewers that it is guaranteed
        self.shares: list[float] = []
        self.shown: list[np.ndarray] = []  # what was explored, between two orders each

    def median(self, category: int) -> float:
        """The true one, of old dramas."""
        old = np.arange(len(self.rate)) > self.new
        return float(np.median(self.rate[old & (self.category == category)]))

    def crowd(self) -> Shown:
        """Old dramas, of each 60 viewers."""
        old = np.arange(self.new + 1, len(self.rate))
        return Shown(old, self.category[old], np.full(OLD, 60), self._crowd_valid[old])

    def judge(self) -> Judged:
        """New dramas in the order in which they are due."""
        new = np.arange(1, self.new + 1)
        new = new[np.lexsort((new, np.where(self.first_ms[new] > 0, self.first_ms[new], self.now_ms)))]
        found = Newcomers(
            new, self.category[new], self.viewers[new], self.valid[new], self.first_ms[new], self.viewers[new]
        )
        return judge(found, self.crowd(), self.weights)

    def standing(self) -> np.ndarray:
        """By dense index; old ones GRADUATED."""
        found = np.full(len(self.rate), Standing.GRADUATED, np.int64)
        found[self.judged.newcomers.index] = self.judged.standings
        return found

    def hours(self, count: float, plan_of: object = None) -> None:
        """So many hours: an order every cold_minutes, and in between viewers who each take the first of one order."""
        for _ in range(round(count * 60 / self.weights.cold_minutes)):
            self.judged = self.judge()
            self.seed += 1
            make = plan_of if callable(plan_of) else plan
            self.cold = make(self.judged, self.items, self.weights, now_ms=self.now_ms, seed=self.seed)
            self._look()
            self.now_ms += self.weights.cold_minutes * 60_000

    def _look(self) -> None:
        """Pages of viewers who have not seen any of it yet, as nearly all have not."""
        items = self.items * self.weights.cold_minutes // 60
        self.shares.append(self.cold.share)
        tops = np.array([order[0] for order in self.cold.orders if order], np.int64)
        places = self.rng.binomial(items, self.cold.share) if len(tops) else 0
        taken = tops[self.rng.integers(len(tops), size=places)] if places else np.zeros(0, np.int64)
        counts = np.bincount(taken, minlength=len(self.rate))
        self.first_ms[(self.first_ms == 0) & (counts > 0)] = self.now_ms
        self.viewers += counts
        self.valid += self.rng.binomial(counts, self.rate)
        full = (self.viewers >= self.weights.cold_viewers) & (self.full_ms == 0)
        self.full_ms[full] = self.now_ms + self.weights.cold_minutes * 60_000
        self.shown.append(taken)

    def hours_until_full(self) -> np.ndarray:
        """Of each new drama, from its first viewer to the last that it was guaranteed; infinite where not yet."""
        new = slice(1, self.new + 1)
        hours = (self.full_ms[new] - self.first_ms[new]) / HOUR_MS
        return np.where(self.full_ms[new] > 0, hours, np.inf)
