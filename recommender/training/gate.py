"""What must not be published: nothing, nonsense, what is worse than before or than the crowd's list, odd amounts.

`check` is for what nobody may publish; `doubts` are what a person may overrule (`juliu train --overrule`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from recommender.errors import Refused
from recommender.learning.model import Recommendations
from recommender.training.exam import ITEM_HIT, OVER_TREND, TREND
from recommender.training.history import History
from recommender.training.limits import Limits
from recommender.training.measured import Measured
from recommender.training.reach import COVERAGE, LISTED, TOP_ITEM, USUAL, VOLUME
from recommender.training.scores import lists_told_apart, rows_of_nothing

QUALITY = ("recall@50", "ndcg@20", ITEM_HIT)
AGAINST_TREND = ("recall@50", "ndcg@20")
HANDFUL = 20  # of viewers or lists: fewer may well have only dramas that are watched alike, or none


class Served(NamedTuple):
    """How large the version is that is served now; 0 for none."""

    viewers: int = 0
    dramas: int = 0


def check(made: Recommendations, with_something_left: int = 0) -> None:
    """Raises Refused for what no viewer should be served.

    `with_something_left`: viewers who have not seen everything; of a handful it may be what they do not want to see.
    """
    if not made.whole:
        raise Refused("a score is not a number")
    if not len(made.viewers):
        raise Refused("no viewers")
    if with_something_left >= HANDFUL and not made.personal.any():
        raise Refused(f"nobody's list has anything in it, and {with_something_left:,} viewers have not seen everything")
    nothing = rows_of_nothing(made)  # of a few, whom nobody is like, there may be nothing to know
    if 2 * nothing > len(made.viewers):
        raise Refused(f"{nothing:,} of {len(made.viewers):,} viewers have a vector of nothing but 0: all one list")
    lists, apart = lists_told_apart(made)
    if lists >= HANDFUL and not apart:
        raise Refused("all scores of a list are equal, in every list: their order is chance")


def doubts(made: Recommendations, served: Served, measured: Measured, past: History, limits: Limits) -> list[str]:
    """A sentence each; none where all is well.  What was not measured raises none.

    Where nothing is served, what is worse than before is better than nothing, so only what stands by itself counts.
    """
    found = [*_below_trend(measured), *_listed(measured, limits)]
    if not served.viewers:
        return found
    return [*_shrunk(made, served, limits), *_worse(measured, past, limits), *found,
            *_narrower(measured, past, limits), *_volume(measured, past, limits)]  # fmt: skip


def _shrunk(made: Recommendations, served: Served, limits: Limits) -> Iterator[str]:
    if len(made.viewers) < limits.of_served * served.viewers:
        yield f"{len(made.viewers):,} viewers, fewer than half of the {served.viewers:,} that are served now"
    if made.dramas < limits.of_served * served.dramas:
        yield f"{made.dramas:,} dramas with watchers, fewer than half of the {served.dramas:,} that are served now"


def _worse(measured: Measured, past: History, limits: Limits) -> Iterator[str]:
    """Than the last accepted: the whole interval lies below."""
    for name in (*QUALITY, "uauc"):
        usual, ends = past.usual(name), measured.intervals.get(name)
        if not usual or not ends:
            continue
        fair = usual[0] * _hardness(name, measured, past, limits)
        least = fair - limits.uauc_fall if name == "uauc" else fair * limits.of_accepted
        if ends[1] < least:
            yield (
                f"{name} of the last full day is {_with_ends(measured, name)}, all of it below {least:.4f}:"
                f" the {_last(usual[1])} had {usual[0]:.4f}"
            )


def _hardness(name: str, measured: Measured, past: History, limits: Limits) -> float:
    """1, or less where the trend list, too, found less than on the days of the accepted ones: it was a harder day."""
    usual, trend = past.usual(TREND + name), measured.values.get(TREND + name)
    if usual is None or trend is None or usual[0] <= 0:
        return 1
    return min(1, max(limits.hardest, trend / usual[0]))


def _below_trend(measured: Measured) -> Iterator[str]:
    for name in AGAINST_TREND:
        ends = measured.intervals.get(OVER_TREND + name)
        if ends and ends[1] < 0:
            yield (
                f"{name} of the last full day is {measured.values[name]:.4f}, that of the trend list, which everybody"
                f" could be shown, is higher by {-ends[1]:.4f} to {-ends[0]:.4f}"
            )


def _listed(measured: Measured, limits: Limits) -> Iterator[str]:
    listed = measured.values.get(LISTED, 1)
    if listed < limits.listed:
        yield f"only {listed:.1%} of the active viewers who have something left to see have a list"


def _narrower(measured: Measured, past: History, limits: Limits) -> Iterator[str]:
    usual, coverage = past.usual(COVERAGE), measured.values.get(COVERAGE)
    if usual and coverage is not None and coverage < limits.coverage_of_accepted * usual[0]:
        yield (
            f"{coverage:.1%} of the dramas stand in anybody's first 20, far fewer than the {usual[0]:.1%} of the"
            f" {_last(usual[1])}"
        )
    usual, top = past.usual(TOP_ITEM), measured.values.get(TOP_ITEM, 0)
    if usual and top > max(limits.top_item, limits.top_item_of_accepted * usual[0]):
        yield (
            f"one drama stands in the first ten of {top:.1%} of the lists, far more than the {usual[0]:.1%} of the"
            f" {_last(usual[1])}"
        )


def _volume(measured: Measured, past: History, limits: Limits) -> Iterator[str]:
    """Off from a usual day, and from the last that a person has called right."""
    if VOLUME not in measured.values:
        return
    volume, usual = measured.values[VOLUME], measured.values[USUAL]
    right = past.overruled.values.get(VOLUME) if past.overruled else None
    if not any(_like(volume, each, limits) for each in (usual, right) if each):
        yield f"{volume:,.0f} watches on the last full day; a usual one of the week before had {usual:,.0f}"


def _like(volume: float, usual: float, limits: Limits) -> bool:
    return limits.volume_least * usual <= volume <= limits.volume_most * usual


def _last(count: int) -> str:
    return "last accepted one" if count == 1 else f"last {count} accepted ones (median)"


def _with_ends(measured: Measured, name: str) -> str:
    low, high = measured.intervals[name]
    return f"{measured.values[name]:.4f} ({low:.4f} to {high:.4f})"
