"""What a version must hold to be published: one versioned set of numbers, kept with each decision of the gate."""

from __future__ import annotations

import msgspec


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """A number at its limit passes.  Chosen on the sample log (docs/decisions/0016); change the version with any."""

    version: int = 1

    # enough to measure: below, the measure is left out, and the registry says so
    viewers: int = 300  # who are asked, or listed: of fewer an interval is as wide as the number
    seeds: int = 300  # pairs of (a positive, the next one of its session)
    dramas: int = 50  # with watchers: of fewer, everybody's first ten are much the same
    watches_a_day: int = 1_000  # the median day: below, a day is half of another by chance
    days: int = 3  # before the last full day
    learnt_hours: int = 40  # before that day: of one day alone the crowd's list is as good, and a day later it is not

    # bounds of the work
    asked_most: int = 20_000  # viewers, drawn by chance
    draws: int = 1_000
    seed: int = 7

    # against the median of the last accepted ones
    accepted: int = 7
    of_accepted: float = 0.97  # of quality: the whole interval below is a fall
    hardest: float = 0.5  # and less by as much as the trend list fell: days differ; but by no more than this
    uauc_fall: float = 0.02  # it differs by .03 from day to day
    coverage_of_accepted: float = 0.4  # it fell to .54 of itself within days of sound trainings
    top_item: float = 0.9  # of the lists: the same drama in the first ten of more, and
    top_item_of_accepted: float = 1.25  # of more than so many times as many lists; in first days it stands in all

    # by themselves
    listed: float = 0.95  # of the viewers who were active
    volume_least: float = 0.5  # of the median of the days before
    volume_most: float = 2.0
    of_served: float = 0.5  # of the viewers, and of the dramas, of the version that is served


LIMITS = Limits()
