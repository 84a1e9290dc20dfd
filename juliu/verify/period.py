"""A stretch of time that an operator asks about."""

from __future__ import annotations

from typing import NamedTuple

FIRST_MS, LAST_MS = 0, 4_102_444_800_000  # 2100


class Period(NamedTuple):
    """From `since_ms` to `until_ms`, ms since 1970, both inside; None is without an end."""

    since_ms: int | None = None
    until_ms: int | None = None

    @property
    def whole(self) -> bool:
        """Whether it is everything."""
        return self.since_ms is None and self.until_ms is None

    def asked(self) -> dict[str, int]:
        """As query parameters of ClickHouse."""
        return {
            "since": FIRST_MS if self.since_ms is None else self.since_ms,
            "until": LAST_MS if self.until_ms is None else self.until_ms,
        }


EVER = Period()
