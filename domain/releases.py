"""When the episodes of a drama may be watched first: their moments in order, and the schedule that a person asks for.

Moments are Unix ms; 0: at once.  No episode comes before the one before it: it is released at the latest moment of
1..itself, so that what is out is always episodes 1..n.  Pure.
"""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

AT_ONCE = 0
DAY_MS = 86_400_000
MIN_MS, MAX_MS = 946_684_800_000, 4_102_444_800_000  # the years 2000 to 2100: seconds, or a year mistyped, are refused


class BadSchedule(ValueError):
    """These episodes cannot be released like this; the text says why, and what to do."""


class NeedsRecall(BadSchedule):
    """Viewers may watch some of them now, and that they are to lose it was not said."""


class Wanted(NamedTuple):
    """What a person asks for: `episodes` from episode `first` on (0: from the first that is not out yet).

    `from_ms` None: they come now, and the others as before.  Else they come then, and as many every `every_ms` after,
    to the last.  `recall`: also where viewers lose what they may watch now.
    """

    first: int = 0
    episodes: int = 1
    from_ms: int | None = None
    every_ms: int = DAY_MS
    recall: bool = False


class Plan(NamedTuple):
    """The moments of all episodes, set anew from `first` on; viewers lose those `taken_back`."""

    first: int
    moments: Sequence[int]
    taken_back: range

    @property
    def lost(self) -> str:
        """The episodes that viewers may watch now and then not any more."""
        return f"{self.taken_back.start} to {self.taken_back.stop - 1}"


class Schedule(NamedTuple):
    """From episode `first` on: `episodes` of them at `from_ms`, and as many every `every_ms` after it, to the last."""

    first: int
    from_ms: int
    every_ms: int
    episodes: int


def in_order(moments: Sequence[int]) -> Sequence[int]:
    """The moment of each episode, none before that of the one before it; () where all are out at once."""
    return tuple(itertools.accumulate(moments, max)) if any(moments) else ()


def how_many_out(moments: Sequence[int], now_ms: int) -> int:
    """How many episodes are out, of moments that are in order; each is from its very moment on."""
    return bisect_right(moments, now_ms)


def planned(moments: Sequence[int], wanted: Wanted, now_ms: int, *, shown: bool) -> Plan:
    """The one rule of `juliu catalogue release` and the API, for moments that are in order.

    `shown`: viewers may see what is out of the drama.  Raises BadSchedule, NeedsRecall.
    """
    first, out = wanted.first or _first_not_out(moments, now_ms, shown=shown), how_many_out(moments, now_ms)
    if wanted.from_ms is None:
        made = hurried(moments, first, wanted.episodes, now_ms)
    else:
        made = scheduled(moments, Schedule(first, wanted.from_ms, wanted.every_ms, wanted.episodes), now_ms)
    plan = Plan(first, made, range(how_many_out(made, now_ms) + 1, out + 1) if shown else range(0))
    if plan.taken_back and not wanted.recall:
        why = f"viewers may watch episodes {plan.lost} now, and some have paid"
        raise NeedsRecall(f"{why}: say recall (--recall) to take them back")
    return plan


def _first_not_out(moments: Sequence[int], now_ms: int, *, shown: bool) -> int:
    """The next to be released; of a drama that is not shown and has no schedule, the first."""
    out = how_many_out(moments, now_ms)
    if out < len(moments):
        return out + 1
    if shown:
        raise BadSchedule(f"all {out} episodes are out: say from which first (--first) one on they come anew")
    return 1


def scheduled(moments: Sequence[int], asked: Schedule, now_ms: int) -> list[int]:
    """The moments of all episodes as this schedule has them, of those that are in order now.  Raises BadSchedule."""
    _there(moments, asked.first)
    if asked.from_ms < now_ms:
        raise BadSchedule("that moment is over: say now (--now) to release episodes at once")
    before = moments[asked.first - 2] if asked.first > 1 else AT_ONCE
    if asked.from_ms < before:
        raise BadSchedule(f"episode {asked.first - 1} is released later than that, and none comes before it")
    later = range(len(moments) - asked.first + 1)
    made = [*moments[: asked.first - 1], *(asked.from_ms + n // asked.episodes * asked.every_ms for n in later)]
    if made[-1] > MAX_MS:
        raise BadSchedule(f"the last episode, {len(made)}, would be released after the year 2099")
    return made


def hurried(moments: Sequence[int], first: int, episodes: int, now_ms: int) -> list[int]:
    """Moments where `episodes` from `first` on are released now, and the later ones as before.  Raises BadSchedule."""
    _there(moments, first)
    if how_many_out(moments, now_ms) < first - 1:
        raise BadSchedule(f"episode {first - 1} is not released yet, and none comes before it")
    now = range(first - 1, first - 1 + episodes)
    return [min(moment, now_ms) if at in now else moment for at, moment in enumerate(moments)]


def _there(moments: Sequence[int], first: int) -> None:
    if not 1 <= first <= len(moments):
        raise BadSchedule(f"there is no episode {first}: they are 1..{len(moments)}")
