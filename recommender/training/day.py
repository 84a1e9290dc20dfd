"""The last full day before a moment, as people of the product count days."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NamedTuple

from recommender.learning.asked import DAY_MS

SHANGHAI_MS = 8 * 3_600_000  # no summer time since 1991


class Span(NamedTuple):
    """From the first moment of a day of Asia/Shanghai to the first of the next."""

    from_ms: int
    to_ms: int

    def __str__(self) -> str:
        return datetime.fromtimestamp((self.from_ms + SHANGHAI_MS) / 1000, UTC).strftime("%Y-%m-%d")


def last_full_day(as_of_ms: int) -> Span:
    """The latest day that was over at that moment."""
    end = (as_of_ms + SHANGHAI_MS) // DAY_MS * DAY_MS - SHANGHAI_MS
    return Span(end - DAY_MS, end)
