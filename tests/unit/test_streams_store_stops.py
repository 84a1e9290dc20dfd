"""What stops the store worker, for a person to look: rows or blocks that are not as it left them."""

from __future__ import annotations

import pytest

from domain.blocks import Block
from infra import exits
from infra.clickhouse.row_store import Stored
from tests.ended import Ended
from tests.store_rig import PARTITIONS, Log, Rig, a_log, a_rig
from tests.stream import Stream, shuffled


async def test_rows_that_went_back_stop_the_worker():
    rig = await a_rig(a_log())
    for p in range(PARTITIONS):
        await rig.fetch(p, 150)
    del rig.rows.blocks[-1]
    rig.start()
    with pytest.raises(Ended) as ended:
        await rig.join()
    assert ended.value.args[0] == exits.STORE_BROKEN


async def test_a_hole_between_blocks_stops_the_worker():
    rig = await a_rig(a_log())
    for p in range(PARTITIONS):
        await rig.fetch(p, 150)
    rig.rows.blocks = [held for i, held in enumerate(rig.rows.blocks) if i != 1]
    rig.start()
    with pytest.raises(Ended) as ended:
        await rig.join()
    assert ended.value.args[0] == exits.STORE_BROKEN


async def test_a_block_that_was_first_cut_otherwise_stops_the_worker():
    rig = Rig(Log(shuffled(Stream(60, 20), 60)))
    rig.rows.blocks.append((0, Block(0, 3), Stored(4, 0, 0, 0)))
    await rig.join()
    with pytest.raises(Ended) as ended:
        await rig.drain()
    assert ended.value.args[0] == exits.STORE_BROKEN


async def test_a_format_of_a_later_version_stops_the_worker():
    rig = await a_rig(a_log(40))
    rig.log.pulse(0, b"2,7")
    with pytest.raises(Ended) as ended:
        await rig.drain()
    assert ended.value.args[0] == exits.STORE_BROKEN
