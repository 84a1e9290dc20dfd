"""The memory twin of infra.clickhouse.row_store.RowStore, with hands for what goes wrong.

`tables` holds (partition, offset) -> value; a part is a whole insert, and a token that is remembered stops another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from domain import events, fences
from domain.blocks import Block
from infra.clickhouse.row_store import PAGE, Insert, Stored
from infra.fold_store import Wait


@dataclass
class MemoryRowStore:
    """`trouble` is asked before and after each call, by name: it may raise Wait, or end the worker."""

    rows: dict[str, list[tuple[int, int, bytes]]] = field(default_factory=lambda: {"events": [], "late_events": []})
    blocks: list[tuple[int, Block, Stored]] = field(default_factory=list)
    tokens: set[tuple[str, str]] = field(default_factory=set)
    calls: list[str] = field(default_factory=list)
    trouble: Callable[[str], None] = lambda _: None

    async def block_fence(self, partition: int) -> int:
        """See RowStore."""
        self._before("block_fence")
        mine = [(block.first, block.last) for p, block, _ in self.blocks if p == partition]
        return fences.contiguous_end(mine, min((first for first, _ in mine), default=0) - 1)

    async def holds(self, insert: Insert) -> bool:
        """See RowStore."""
        self._before("holds")
        offset, _ = insert.rows[0]
        return any((p, at) == (insert.partition, offset) for p, at, _ in self.rows[insert.table])

    async def told(self, partition: int, first: int) -> Sequence[tuple[Block, Stored]]:
        """See RowStore."""
        self._before("told")
        mine = [(block, stored) for p, block, stored in self.blocks if p == partition and block.first >= first]
        return sorted(mine, key=lambda each: each[0].first)[:PAGE]

    async def lacks(self, partition: int, read: Sequence[events.AnyEvent], upto: int) -> int:
        """See RowStore."""
        self._before("lacks")
        mine = (value for p, at, value in self.rows["events"] if p == partition and at <= upto)
        there = {_identity(events.decode(value)) for value in mine}
        return sum(_identity(event) not in there for event in read)

    async def rows_at(self, partition: int, offsets: Sequence[int]) -> int:
        """See RowStore."""
        self._before("rows_at")
        return len({at for p, at, _ in self.rows["events"] if p == partition} & set(offsets))

    async def insert(self, insert: Insert) -> bool:
        """See RowStore."""
        self._before("insert")
        for _, value in insert.rows:
            events.decode(value)
        if not self._is_next(insert.partition, insert.block):
            return False
        if (insert.table, insert.token) not in self.tokens:
            self.tokens.add((insert.table, insert.token))
            self.rows[insert.table] += [(insert.partition, offset, value) for offset, value in insert.rows]
        self.trouble("after insert")
        return True

    async def close(self, partition: int, block: Block, stored: Stored) -> bool:
        """See RowStore."""
        self._before("close")
        if not self._is_next(partition, block):
            return False
        self.blocks.append((partition, block, stored))
        self.trouble("after close")
        return True

    def _before(self, call: str) -> None:
        self.calls.append(call)
        self.trouble(call)

    def _is_next(self, partition: int, block: Block) -> bool:
        last = max((held.last for p, held, _ in self.blocks if p == partition), default=fences.NOTHING)
        return fences.still_next(block, last)


def _identity(event: events.AnyEvent) -> tuple[int, str, int]:
    return event.user_id, event.session_id, event.seq


class Trouble:
    """Raises Wait at the n-th time that one thing happens."""

    def __init__(self, at: str, times: int = 1) -> None:
        self.at, self.left = at, times

    def __call__(self, what: str) -> None:
        if what == self.at and self.left:
            self.left -= 1
            raise Wait("clickhouse", what)
