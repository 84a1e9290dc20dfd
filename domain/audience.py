"""Who may be shown what: a drama's regions and least age against what a viewer's token says.

A drama's `region` is empty (everywhere) or the regions where it may be shown, separated by commas ("CN,TW"); its
`min_age` is the least age in years.  What is not known of a viewer is settled by the settings, not here.
"""

from __future__ import annotations

import functools
from typing import NamedTuple, Protocol

MOST_YEARS = 150
MOST_REGION = 17  # letters and digits of a region that a token may say


class Audience(NamedTuple):
    """A viewer as these rules see them.  An empty `region` is not known, and no region is held against it."""

    region: str = ""
    age_years: int = MOST_YEARS


ANYBODY = Audience()


class Rated(Protocol):
    """What of a drama decides."""

    @property
    def region(self) -> str: ...
    @property
    def min_age(self) -> int: ...


def fits(drama: Rated, audience: Audience) -> bool:
    """Whether this audience may be shown the drama."""
    if drama.min_age > audience.age_years:
        return False
    return not audience.region or not drama.region or audience.region.upper() in _regions(drama.region)


@functools.lru_cache(maxsize=1_024)
def _regions(text: str) -> frozenset[str]:
    return frozenset(word.strip().upper() for word in text.split(","))
