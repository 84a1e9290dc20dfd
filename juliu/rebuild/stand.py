"""Where ClickHouse stands: each partition's block fence, what its rows are, and when they were stored."""

from __future__ import annotations

import bisect
from collections.abc import Mapping
from dataclasses import dataclass, field

from clickhouse_connect.driver.client import Client

from domain import fences, keys
from domain.blocks import LIMIT
from infra.clickhouse.chains import HOLE, chains
from infra.clickhouse.totals import UPTO, bounds, rows_of
from juliu.rebuild.refused import Refused

HOUR_S = 3_600

# by hour, what was stored by its end
_HOURS = """
SELECT partition, toInt64(max(last)), toUnixTimestamp(toStartOfHour(at)) AS hour FROM blocks
GROUP BY partition, hour ORDER BY partition, hour
"""
# rows that blocks tell of; blocks of months that are gone may have been dropped by hand
_ROWS = f"""
SELECT partition, count() FROM events
WHERE {UPTO} AND toInt64(offset) >= {{begin:Array(Int64)}}[partition + 1] GROUP BY partition
"""  # noqa: S608


@dataclass
class Part:
    """One partition up to its block fence."""

    fence: int = fences.NOTHING
    next_limit: int = LIMIT  # of the block after it
    begin: int = 0  # first offset of its blocks
    rows: int = 0  # that its blocks put into `events`
    _lasts: list[int] = field(default_factory=list)  # ascending, the last offset that was stored by ...
    _hours: list[int] = field(default_factory=list)  # ... the end of this hour, seconds since 1970

    def stored_by(self, offset: int) -> int:
        """When the record at `offset` was certainly in the store, seconds since 1970: at most an hour too late."""
        at = bisect.bisect_left(self._lasts, offset)
        return self._hours[min(at, len(self._hours) - 1)] + HOUR_S

    def stored_since(self, at_s: int) -> int:
        """An offset behind which lies all that was stored at `at_s` or later."""
        at = bisect.bisect_left(self._hours, at_s - HOUR_S)
        return self._lasts[at - 1] + 1 if at else 0

    def add_hour(self, last: int, hour_s: int) -> None:
        """Hours come ascending.  A clock that was set back does not lower an offset."""
        self._lasts.append(max(last, self._lasts[-1] if self._lasts else last))
        self._hours.append(hour_s)


@dataclass
class Stand:
    """All partitions."""

    parts: dict[int, Part]

    @property
    def upto(self) -> dict[int, int]:
        """The block fences."""
        return {p: part.fence for p, part in self.parts.items()}

    @property
    def rows(self) -> int:
        """In `events`, up to the fences."""
        return sum(part.rows for part in self.parts.values())

    def alive_from(self, now_s: int) -> list[int]:
        """Of each partition, an offset behind which every session lies that can still go on."""
        return [part.stored_since(now_s - keys.SESSION_LIFE_S) for _, part in sorted(self.parts.items())]


@dataclass(frozen=True)
class Target:
    """What is made: the state as of `at`, in these namespaces (partition -> number), at this time."""

    at: Stand
    namespaces: Mapping[int, int]
    now_s: int

    def life_s(self, p: int, last: int, life_s: int) -> int:
        """How long a key has still to live that lives so long after its last event, at offset `last`, was stored."""
        return self.at.parts[p].stored_by(last) + life_s - self.now_s


def stand(client: Client, partitions: int) -> Stand:
    """Where ClickHouse stands now.

    Raises Refused where blocks are missing between others, or belong to partitions that are not ours.
    """
    parts = {p: Part() for p in range(partitions)}
    for chain in chains(client):
        p = chain.partition
        if p not in parts:
            raise Refused(f"ClickHouse has blocks of partition {p}, the settings say {partitions} partitions")
        if not chain.whole():
            _check_holes(client, p)
        parts[p] = Part(chain.last, chain.next_limit, chain.first, chain.rows)
    for p, last, hour_s in rows_of(client, _HOURS, {}):
        parts[p].add_hour(last, hour_s)
    return Stand(parts)


def missing_rows(client: Client, at: Stand) -> Mapping[int, int]:
    """By partition, how many rows `blocks` tells of that `events` lacks (less than 0: more than it tells of)."""
    begin = [part.begin for _, part in sorted(at.parts.items())]
    there = {p: n for p, n in rows_of(client, _ROWS, bounds(at.upto) | {"begin": begin})}
    return {p: part.rows - there.get(p, 0) for p, part in at.parts.items() if part.rows != there.get(p, 0)}


def _check_holes(client: Client, p: int) -> None:
    for first, before in rows_of(client, HOLE, {"p": p}):
        raise Refused(
            f"partition {p}: a block begins at {first}, those before it end at {before}: rows are lost; bring them back"
            " first (`juliu rebuild clickhouse`)"
        )
