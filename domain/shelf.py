"""Words of the feed: what sources there are, the shelves that they fill, and a place of a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from domain.audience import ANYBODY, Audience
from domain.catalogue import NO_INDEX


class Source(StrEnum):
    """What put a drama into a page."""

    PERSONAL = "personal"
    ALSO_WATCHED = "also_watched"
    HOT = "hot"
    TREND = "trend"
    COLD = "cold"  # new dramas that have to be shown before anything is known of them
    EXPLORE = "explore"  # anything: a little of it while no pool of new dramas is published
    RANDOM = "random"  # drawn evenly from everything that was free for the viewer: data without bias
    AGAIN = "again"


class Shelf(NamedTuple):
    """One source's dense indexes, best first.  `because`: the drama that led to them, else NO_INDEX."""

    source: Source
    indexes: Sequence[int]
    because: int = NO_INDEX


class Viewed(NamedTuple):
    """A viewer before a page.  Bitmaps by dense index: dramas that they had a valid play of, and were served of late.

    `disliked` never comes; `cooling` (skipped again and again) comes when nothing else but what was seen is left.
    """

    seen: bytes = b""
    served: bytes = b""
    disliked: frozenset[int] = frozenset()
    cooling: frozenset[int] = frozenset()
    audience: Audience = ANYBODY


class Pick(NamedTuple):
    """One place of a page: a dense index, what put it there, and the chance with which it did.

    With E the share of places that are left to chance, and n the dramas that were free for the viewer when this place
    was filled: E / n where chance drew it, 1 - E where the shelves chose it (docs/feed.md).
    """

    drama_index: int
    source: Source
    because: int = NO_INDEX
    propensity: float = 1.0


class Passed(NamedTuple):
    """A candidate that a full category, or its series, kept out when `place` places were filled."""

    pick: Pick
    place: int
    rule: str  # "category" or "series"


class Composed(NamedTuple):
    """A page (and what may step in), what the quotas passed over on the way, and how much was free for the viewer."""

    picks: list[Pick]
    passed: list[Passed]
    free: int


class Mix(NamedTuple):
    """What a page is made of: each source's share, the chance of a random place, and what the viewer is tired of.

    `tired`: category -> how many times its quota is halved.  `newcomer`: nothing is known of the viewer, so that the
    first ten places go through the categories.
    """

    shares: Mapping[Source, float]
    random_share: float = 0.0
    tired: Mapping[str, float] = {}
    newcomer: bool = False
