"""In what orders pages take new dramas, and what share of pages that is: enough for what they need, never past the cap.

Where the cap does not suffice, dramas wait for their turn, those that were shown first in front: each that gets it has
the viewers that it is guaranteed, instead of all having too few.  Those who wait end each order, for viewers who have
seen all that is in front: a small audience cannot hold them up.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from domain.cold import MAX_LENGTH, MAX_ORDERS, Cold
from recommender.learning.weights import Weights
from recommender.refresh.newcomers import Ints, Judged, Reals, Standing, needs, pace


def plan(judged: Judged, items_an_hour: float, weights: Weights, *, now_ms: int, seed: int) -> Cold:
    """What pages take until the next order, of `items_an_hour` dramas shown an hour (0: nobody knows)."""
    need = needs(judged, now_ms, weights)
    owed = judged.are(Standing.OWED)
    room = weights.cold_share * items_an_hour * weights.cold_minutes / 60 if items_an_hour else np.inf
    waiting = np.flatnonzero(owed)[~_turn(need[owed], room, pace(weights))]
    need[waiting] = 0
    wanted = float(need.sum())
    if not wanted or not weights.cold_share:
        return Cold()
    share = weights.cold_share * min(1.0, wanted / room if np.isfinite(room) else 1.0)
    first = min(1.0, float(need[owed].sum()) / min(room, wanted))
    rng = np.random.default_rng(seed)
    fronts = [_front(judged, need, rng, place < MAX_ORDERS * first) for place in _places(rng)]
    orders = (judged.newcomers.index[np.concatenate([front, waiting])[:MAX_LENGTH]] for front in fronts)
    return Cold(share, tuple(tuple(order.tolist()) for order in orders))


def _turn(need: Reals, room: float, usual: float) -> NDArray[np.bool_]:
    """Whose turn it is: in front of those who wait, as many as there is room for, at least one."""
    turn: NDArray[np.bool_] = np.cumsum(np.maximum(need, usual)) <= room
    turn[:1] = True
    return turn


def _places(rng: np.random.Generator) -> Reals:
    """Of MAX_ORDERS orders evenly through 0..MAX_ORDERS, so that any share of them is met over time."""
    places: Reals = np.arange(MAX_ORDERS, dtype=np.float64) + rng.random()
    return places


def _front(judged: Judged, need: Reals, rng: np.random.Generator, owed_first: bool) -> Ints:
    """Those that are owed, drawn by what they need, and the undecided, by a draw of each one's rate (Thompson)."""
    owed = np.flatnonzero(judged.are(Standing.OWED) & (need > 0))
    undecided = np.flatnonzero(judged.are(Standing.UNDECIDED))
    by_need = owed[np.argsort(rng.exponential(size=len(owed)) / need[owed])]
    by_rate = undecided[np.argsort(-rng.beta(judged.belief.a[undecided], judged.belief.b[undecided]))]
    both: Ints = np.concatenate([by_need, by_rate] if owed_first else [by_rate, by_need])
    return both
