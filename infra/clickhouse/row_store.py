"""The port behind the store of rows: a block's rows, its row in `blocks`, and the fence that those rows tell.

The order of a block's effects, and what to do in doubt, is the caller's (streams.store); the rules are domain.fences.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal, Protocol

import msgspec

from domain import fences
from domain.blocks import LIMIT, Block
from domain.events import AnyEvent
from domain.topics import EVENTS

Table = Literal["events", "late_events"]

PAGE = 1_000  # blocks of one answer, about 30 kB

_FIRST_MS, _LAST_MS = -2_209_017_600_000, 253_402_271_999_999  # 1900 to 9999 in Shanghai: what DateTime64 holds


class Insert(msgspec.Struct, frozen=True):
    """The rows that a block puts into one month of one table: one part in ClickHouse, so it lands whole or not at all.

    `rows` are offset and value of records that domain.events decodes, in the log's order, at least one.
    """

    table: Table
    partition: int
    block: Block
    month: int
    rows: Sequence[tuple[int, bytes]]

    @property
    def token(self) -> str:
        """insert_deduplication_token: the same for every worker that cuts this block."""
        return fences.token(EVENTS.name, self.partition, self.block, self.month)


class Stored(msgspec.Struct, frozen=True):
    """What a block's records became; what is missing to their number were control records.

    `next_limit` is the limit of the block after it: a log that was told nothing else has LIMIT.
    """

    rows: int
    late: int
    repeats: int
    poison: int
    next_limit: int = LIMIT


class RowStore(Protocol):
    """Every call may raise fold_store.Wait: what was asked may yet happen, so wait and ask again."""

    async def block_fence(self, partition: int) -> int:
        """The last offset whose block is stored, -1 before the first.

        Raises WentBack where a block is missing between others: rows are lost, a person has to come.
        """

    async def holds(self, insert: Insert) -> bool:
        """Whether the insert is there: its first row is, asked for by primary key."""

    async def told(self, partition: int, first: int) -> Sequence[tuple[Block, Stored]]:
        """The stored blocks from the one that begins at `first` on, in order, PAGE of them at most."""

    async def lacks(self, partition: int, read: Sequence[AnyEvent], upto: int) -> int:
        """How many of these events (each another one) have no row in `events` at an offset up to `upto`."""

    async def rows_at(self, partition: int, offsets: Sequence[int]) -> int:
        """How many of these offsets have a row in `events`: it reads where all rows of the partition came from."""

    async def insert(self, insert: Insert) -> bool:
        """All of its rows, once, however often it is asked for.

        False, and nothing is stored, where the block fence is not the end of the block before.
        """

    async def close(self, partition: int, block: Block, stored: Stored) -> bool:
        """Move the block fence to the block's end.

        False, and nothing moves, where the block fence is not the end of the block before.
        """


def month(received_at_ms: int) -> int:
    """toYYYYMM(received_at), the partition of the tables.  A time that ClickHouse cannot hold is the first or last."""
    ms = min(max(received_at_ms, _FIRST_MS), _LAST_MS)
    at = datetime(1970, 1, 1, 8) + timedelta(milliseconds=ms)  # noqa: DTZ001  Asia/Shanghai, UTC+8 all year since 1991
    return at.year * 100 + at.month
