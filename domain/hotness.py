"""Heat by forward decay: weights grow with the time of the event, so that sums never have to be touched again.

Source: Cormode et al., Forward Decay, ICDE 2009.  Sums of floats depend, in the last bits, on how a log was cut into
runs: compare them to 1e-9 relative, never for equality.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

HOUR_MS = 3_600_000
HALF_HOUR_MS = 1_800_000
EPOCH_HALF_LIVES = 400  # a weight stays below 2 ** 400, far from the end of doubles at 2 ** 1024
TREND_SOFTENING = 20.0  # valid plays: a drama with fewer than about this many in a week cannot lead the trend by chance


@dataclass(frozen=True)
class Decay:
    """A decay: its name in keys, and the time in which what happened loses half its weight."""

    name: str
    half_life_ms: int

    @property
    def epoch_ms(self) -> int:
        """Length of an epoch; epoch n begins n lengths after 1970."""
        return EPOCH_HALF_LIVES * self.half_life_ms


HOT = Decay("hot", 24 * HOUR_MS)
SLOW = Decay("slow", 7 * 24 * HOUR_MS)
DECAYS = (HOT, SLOW)


def weight(ts_ms: int, decay: Decay) -> tuple[int, float]:
    """(epoch, weight in that epoch) of something that happened at `ts_ms` >= 0.

    1.0 at the epoch's beginning, 2.0 one half-life later.  The epoch's number is in the key of the score.
    """
    epoch, into_ms = divmod(ts_ms, decay.epoch_ms)
    return epoch, 2.0 ** (into_ms / decay.half_life_ms)


def merge(scores: Mapping[int, float], epoch: int) -> float:
    """One score, in weights of `epoch`, from the scores of several epochs.

    It ranks as it stands for as long as the epoch lasts.  Raises OverflowError when an epoch in `scores` is 2 or more
    after `epoch` (no event is stamped that far ahead).
    """
    return sum(score * 2.0 ** (EPOCH_HALF_LIVES * (at - epoch)) for at, score in scores.items())


def now(score: float, epoch: int, now_ms: int, decay: Decay) -> float:
    """What a score in weights of `epoch` is worth at `now_ms`: plays, each halved once every half-life."""
    return float(score * 2.0 ** ((epoch * decay.epoch_ms - now_ms) / decay.half_life_ms))


def trend(hot: float, slow: float) -> float:
    """How much faster than usual a drama is watched, from its HOT and SLOW heat as of now().

    Steady watching gives up to 1/7.
    """
    return hot / (slow + TREND_SOFTENING)
