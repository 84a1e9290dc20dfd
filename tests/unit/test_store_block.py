"""One block on its way into the store of rows, where somebody else has stored it meanwhile."""

from __future__ import annotations

import pytest

from domain.blocks import Block
from infra.clickhouse.row_store import Insert, Stored
from streams import store_block
from streams.group import Moved
from tests.memory_row_store import MemoryRowStore

BLOCK = Block(0, 1)
WHAT = store_block.Content([Insert("events", 0, BLOCK, 202611, [(0, b"{}")])], Stored(1, 0, 0, 0))


class Refusing(MemoryRowStore):
    """Says no to one call."""

    def __init__(self, call: str) -> None:
        super().__init__()
        self.refuses = call

    async def insert(self, insert: Insert) -> bool:
        self.calls.append("insert")
        return self.refuses != "insert"

    async def close(self, partition: int, block: Block, stored: Stored) -> bool:
        self.calls.append("close")
        return self.refuses != "close"


@pytest.mark.parametrize(("refused", "calls"), [("insert", ["insert"]), ("close", ["insert", "close"])])
async def test_a_refusal_ends_the_block_at_once(refused, calls):
    rows = Refusing(refused)
    with pytest.raises(Moved):
        await store_block.write(rows, 0, BLOCK, WHAT, doubt=False)
    assert rows.calls == calls
