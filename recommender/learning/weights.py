"""What each signal is worth: one versioned set of numbers for the job.

Measured on the sample log by bench/feed_offline.py (docs/decisions/0006); change the version with any number.
"""

from __future__ import annotations

import msgspec


class Weights(msgspec.Struct, frozen=True, kw_only=True):
    """Confidences add up per (viewer, drama) and stop at `most`; decays are half-lives."""

    version: int = 1

    # how far back, and how much of one viewer (the latest dramas)
    window_days: int = 90
    dramas_a_viewer: int = 500

    # confidence that a viewer likes a drama
    watched: float = 1.0  # any interval: also a short watch says what this viewer gets and opens
    share: float = 0.5  # times the root of episodes watched (a half-watched one is half), at most episodes_most
    complete: float = 0.5  # times the root of episodes completed, at most episodes_most
    episodes_most: float = 10.0
    like: float = 2.0
    follow: float = 3.0
    most: float = 6.0

    # pairs of dramas that one viewer watched
    pair_positive: float = 1.0  # completed, long or liked
    pair_short: float = 0.5  # any other watch
    pair_same_session: float = 1.0
    pair_same_week: float = 0.5  # within pair_days, in different sessions
    pair_days: int = 7
    pair_dramas: int = 50  # of one viewer, the latest: bounds the pairs of one viewer at 2,450
    pair_partners: int = 300  # of one drama, the strongest

    # "people also watched": score = C(a, b) / (sqrt(f(a) f(b)) + shrink); f(a) / (f(a) + trust) of it, the rest is ALS
    least_watchers: float = 5.0  # f(a) of a drama that gets a list
    shrink: float = 20.0
    trust: float = 100.0

    # freshness: score * (recent / (all + trend_prior)) ** power
    trend_half_life_hours: float = 18.0
    trend_prior: float = 5.0
    trend_power: float = 0.5
    trend_power_also: float = 0.25
    # what is watched right now, in everybody's list: popular / (dramas a viewer, on average) ** 2, beside a usual best
    # score of 1; where nobody is known well, the crowd knows best
    popular: float = 4.0

    # implicit ALS
    factors: int = 64
    iterations: int = 10
    alpha: float = 40.0  # at most; less where viewers have watched much of all there is
    regularization: float = (
        0.2  # times the largest singular value of the weighted matrix: grows with the log as noise does
    )
    seed: int = 7


WEIGHTS = Weights()
