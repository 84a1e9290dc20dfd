"""What is shown more of late than usual: a factor that leans any model towards the day.

Worth more than the choice of model on the sample log: +12 % micro-recall@50 at daily training (docs/recommender.md).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from recommender.interactions import Interactions, Known
from recommender.models.leaning import Leaning
from recommender.models.model import Model

DAY_MS = 86_400_000


def decayed(log: Interactions, items: int, as_of_ms: int, half_life_days: float | None) -> NDArray[np.float64]:
    """(items,) entries of each item, one of age `half_life_days` before `as_of_ms` for half; None: each for 1.

    Forward decay with the landmark at `as_of_ms` (Cormode et al., ICDE 2009): no weight is above 1, so none overflows
    unless the log goes on after `as_of_ms`.  Raises ValueError unless half_life_days > 0.
    """
    weights = np.ones(len(log))
    if half_life_days is not None:
        if not half_life_days > 0:
            raise ValueError(f"half_life_days {half_life_days} is not above 0")
        weights = np.exp2((log.ts_ms - as_of_ms) / (half_life_days * DAY_MS))
    return np.asarray(np.bincount(log.item, weights, items), np.float64)


def factor(known: Known, half_life_days: float, prior: float) -> NDArray[np.float64]:
    """(items,) the share of exposures of late over the share of all: 1 is as ever, 3 is three times as often.

    All entries are exposures, also those not watched.  `prior` exposures at the usual rate are added to each item: a
    few prove little, and what was never shown has 1.
    """
    often = decayed(known.log, known.items, known.as_of_ms, None)
    recent = decayed(known.log, known.items, known.as_of_ms, half_life_days)
    if not recent.sum() > 0:  # nothing at all, or all of it too long ago for a float
        return np.ones(known.items)
    expected = recent * (often.sum() / recent.sum())  # the count there would be, had it always been as of late
    share: NDArray[np.float64] = (expected + prior) / (often + prior)
    return share


class Fresh(Leaning):
    """A model whose scores are multiplied with factor ** power."""

    def __init__(self, model: Model, half_life_days: float, power: float, prior: float = 5.0) -> None:
        super().__init__(model)
        self._half_life_days, self._power, self._prior = half_life_days, power, prior

    def _factors(self, known: Known) -> NDArray[np.float64]:
        return np.asarray(factor(known, self._half_life_days, self._prior) ** self._power)
