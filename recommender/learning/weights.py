"""What each signal is worth: one versioned set of numbers, read by SQL and Python alike.

A query names a number as it is named here (recommender/learning/asked.py).  What counts as valid, long or complete is
not here: that is the playback rule (domain/playback.py).  Measured on the sample log by bench/feed_offline.py
(docs/decisions/0006); change the version with any number.
"""

from __future__ import annotations

import math
from typing import Literal

import msgspec


class Weights(msgspec.Struct, frozen=True, kw_only=True):
    """Confidences add up per (viewer, drama) and stop at `most`; decays are half-lives.

    Raises ValueError (decoding: msgspec.ValidationError) for a number that is none, below 0, 0 where that is no number
    to count with, or above 1 where it is a share.
    """

    version: int = 3

    # how far back, and how much of one viewer (the latest dramas)
    window_days: int = 90
    dramas_a_viewer: int = 500

    # confidence that a viewer likes a drama
    watched: float = 1.0  # any interval: also a short watch says what this viewer gets and opens
    skip: float = 0.5  # instead of it, where all that the viewer did was to skip
    share: float = 0.5  # times the root of episodes watched, each beside what is usual (below), at most episodes_most
    complete: float = 0.5  # times the root of episodes completed, at most episodes_most
    episodes_most: float = 10.0
    like: float = 2.0
    follow: float = 3.0
    unlock: float = 4.0  # times the root of episodes unlocked, at most episodes_most; coins are the surest word
    unlock_whole: float = 10.0  # episodes that a drama unlocked as a whole counts for
    most: float = 6.0

    # Of a longer episode less is watched, whatever one thinks of it: a share s counts s / (s + usual), half where it is
    # usual at that length.  Medians of the sample log by `python -m bench.recommender.signals`; after D2Q, KDD 2022.
    share_edges_ms: tuple[int, ...] = (7_000, 12_000, 20_000, 35_000, 60_000, 120_000, 300_000)  # from each on the next
    share_usual: tuple[float, ...] = (0.89, 0.51, 0.35, 0.23, 0.16, 0.10, 0.034, 0.013)

    # a quick skip: a playback that ended with less watched than this, before the end of the episode
    skip_ms: int = 3_000
    cooling_days: int = 14  # between two skips, and how long the drama then stays away
    cooling_dramas: int = 200  # of one viewer, the latest

    # impressions that led to nothing
    ignored_days: int = 3
    ignored_dramas: int = 200  # of one viewer, the latest
    ignored: float = 0.7  # what each of them leaves of a score, when a viewer is folded in

    # how much is looked at: the last day's viewers of the exam and of the time between trainings
    exam_viewers: int = 20_000
    exam_dramas: int = 100  # of one viewer
    active_viewers: int = 500_000

    # pairs of dramas that one viewer watched
    pair_positive: float = 1.0  # completed, long or liked
    pair_short: float = 0.5  # any other watch
    pair_same_session: float = 1.0
    pair_same_week: float = 0.5  # within pair_days, in different sessions
    pair_days: int = 7
    pair_sessions: int = 8  # with a drama, those of the lowest hashes: enough to tell whether two were in one
    pair_dramas: int = 50  # of one viewer, the latest: bounds the pairs of one viewer at 2,450
    pair_partners: int = 300  # of one drama, the strongest

    # "people also watched": what is watched together, C(a, b) / (sqrt(f(a) f(b)) + shrink), what ALS gives a viewer of
    # the seed alone, and the cosine of its vectors, the best of each being 1
    also_together: float = 1.0
    also_folded: float = 0.25
    also_alike: float = 0.5
    shrink: float = 1.0
    least_watchers: float = 5.0  # f(a) of a drama that gets a list, where nothing is known of it but its watchers
    also_few: float = 3.0  # of f(a) watchers f(a) / (f(a) + also_few) of a list is theirs, the rest what has its tags
    also_foretold: float = 1.0  # and what lies where its content would put it
    hub_share: float = 0.02  # of all lists: at the head of no more may one drama stand
    hub_head: int = 10

    # freshness: score * (recent / (all + trend_prior)) ** power
    trend_half_life_hours: float = 9.0
    trend_prior: float = 5.0
    trend_power: float = 0.4
    trend_power_also: float = 0.25
    # what is watched right now, in everybody's list: popular / (dramas a viewer, on average) ** 2, beside a usual best
    # score of 1; where nobody is known well, the crowd knows best
    popular: float = 4.0

    # ALS, several fits side by side: they see different grains of the same watches
    factors: int = 64  # of each
    iterations: int = 10
    alpha: float = 40.0  # at most; less where viewers have watched much of all there is
    # one fit each, times the largest singular value of the weighted matrix: grows with the log as noise does
    regularizations: tuple[float, ...] = (0.12, 0.2)
    # one more whose rows are held down by their number of entries (Rendle et al., RecSys 2022); 0: none
    frequency_regularization: float = 0.03
    frequency_unseen: float = 0.01  # what not having watched weighs beside a watch
    seed: int = 7
    engine: Literal["implicit", "spark"] = "implicit"  # what fits them (docs/scale.md)

    # what content foretells of a drama with few watchers
    content_trust: float = 0.3  # of k watchers k / (k + content_trust) is learnt, the rest foretold
    content_rows: float = 8.0  # a drama of k watchers weighs k / (k + content_rows) where foretelling is learnt
    content_ridge: float = 0.1  # on each coefficient

    # a new drama: a number of viewers in its first hours, in a share of all pages; then what its viewers made of it
    cold_share: float = 0.04  # of what is shown, at most, to all new dramas together
    cold_viewers: int = 300  # guaranteed to each
    cold_hours: float = 24.0  # from its first viewer, within which it is guaranteed
    cold_aim: float = 0.8  # of these hours: when it should be there, so that a slow hour may come in between
    cold_minutes: int = 10  # between two orders
    cold_days: int = 7  # how long a drama is new at most
    cold_most: int = 1_200  # viewers after which it is decided in any case
    cold_known: int = 20  # viewers (about) before cold_days make a drama an old one
    cold_sample: int = 500_000  # pairs of viewer and drama, of all dramas, that rates of categories are taken from
    cold_prior: float = 20.0  # viewers that the rate of the category weighs beside a drama's own
    cold_graduate: float = 0.8  # chance of being above the category's median, from which the ordinary lists have it
    cold_retire: float = 0.1  # the same, below which it is shown no more

    def __post_init__(self) -> None:
        for name, value in msgspec.structs.asdict(self).items():
            for number in value if isinstance(value, tuple) else () if name == "engine" else (value,):
                least = 0 if isinstance(number, float) or name == "seed" else 1
                none = (name in DIVISORS and not number) or (name in SHARES and number > 1)
                if not math.isfinite(number) or number < least or none:
                    raise ValueError(f"weights: {name} = {value}")
        if self.skip > self.watched:
            raise ValueError(f"weights: skip = {self.skip}, and a watch is worth {self.watched}")
        edges = self.share_edges_ms
        if len(self.share_usual) != len(edges) + 1 or list(edges) != sorted(set(edges)):
            raise ValueError(f"weights: {len(self.share_usual)} shares for lengths between share_edges_ms = {edges}")


# what is divided by cannot be 0
DIVISORS = frozenset({"trend_half_life_hours", "trend_prior", "also_few", "most", "share_usual", "frequency_unseen"})
SHARES = frozenset({"ignored", "hub_share", "cold_share", "cold_graduate", "cold_retire"})  # of all, or chances
WEIGHTS = Weights()
