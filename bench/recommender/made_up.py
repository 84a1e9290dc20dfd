"""Logs of any size, made up and seeded: tastes, a few dramas that all watch, a few viewers who watch all the time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

SEED: Final = 7
ACTIVITY: Final = (2.5, 1.0)  # lognormal: 20 dramas a viewer in the mean, 12 in the median
LEAST_MEAN: Final = 14  # dramas a viewer, what is left of ACTIVITY without second watches of one drama
MOST: Final = 500  # dramas a viewer, as the job reads them
TASTES: Final = 50
OWN_TASTE: Final = 0.7  # of what a viewer watches
STEEPNESS: Final = 0.95  # of Zipf's law

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class MadeUp:
    """Viewers and dramas (1..dramas) of each watch, no pair twice, in order of viewers."""

    viewer: Ints
    drama: NDArray[np.int32]


def log(watches: int, dramas: int) -> MadeUp:
    """So many watches of that many dramas, or a few less of few dramas."""
    rng = np.random.default_rng(SEED)
    viewers = max(1, watches // LEAST_MEAN)
    count = np.clip(rng.lognormal(*ACTIVITY, viewers), 1, min(MOST, dramas / 2)).astype(np.int64)
    viewer = np.repeat(np.arange(1, viewers + 1), count)
    drama = _dramas(rng, viewer, dramas)
    pair = np.unique((viewer << 16) | drama)[:watches]
    return MadeUp(pair >> 16, (pair & 0xFFFF).astype(np.int32))


def _dramas(rng: np.random.Generator, viewer: Ints, dramas: int) -> Ints:
    """What each watch is of: by Zipf's law of all, or of those that share the remainder by TASTES with the viewer."""
    tastes = min(TASTES, dramas)
    of_all, of_taste = (_zipf(rng, len(viewer), many) for many in (dramas, dramas // tastes))
    own = rng.random(len(viewer), np.float32) < OWN_TASTE
    return np.where(own, of_taste * tastes + viewer % tastes, of_all) + 1


def _zipf(rng: np.random.Generator, count: int, many: int) -> Ints:
    """Places 0..many - 1."""
    shares = np.cumsum(np.arange(1, many + 1) ** -STEEPNESS)
    return np.searchsorted(shares, rng.random(count) * shares[-1]).clip(max=many - 1)
