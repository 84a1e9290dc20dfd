"""Blocks that ClickHouse has, folded again behind a Redis that went back: which differences stop the worker.

What a version of the code cannot read are bytes that nobody can; that another can read them is a log of other bytes.
"""

from __future__ import annotations

import pytest

from domain import events
from domain.topics import partition_of
from infra import exits
from infra.clickhouse.row_store import Stored
from tests.ended import Ended
from tests.log_records import FakeRecord
from tests.store_rig import PARTITIONS, Log, Rig, a_rig
from tests.stream import Stream

STREAM = Stream(1, 5)
EVENTS = [events.encode(STREAM.next()) for _ in range(4)]
P = partition_of(events.decode(EVENTS[0]).user_id, PARTITIONS)
UNREADABLE = b"{"


async def stored(*values: bytes) -> Rig:
    """A worker that has stored these records as the first block."""
    log = Log()
    for value in values:
        log.append(P, b"1", value)
    rig = await a_rig(log)
    await rig.drain()
    return rig


def reads(rig: Rig, offset: int, value: bytes) -> None:
    """The code is another now, and reads this of a record."""
    rig.log.parts[P][offset] = FakeRecord(offset, b"1", value)


async def folded_again(rig: Rig, fence: int = -1) -> None:
    """Redis goes back to this fence, knowing nothing; a new process goes on from there, and stores one event more."""
    rig.windows.make(P, 1, fence)
    rig.start()
    await rig.join()
    rig.log.append(P, b"1", EVENTS[3])
    await rig.drain()


async def test_a_block_that_folds_as_it_did_is_passed():
    rig = await stored(EVENTS[0], EVENTS[1], UNREADABLE, EVENTS[0])
    await folded_again(rig)
    assert rig.stored().total() == 3
    assert not {"lacks", "rows_at"} & set(rig.rows.calls)


async def test_a_dead_letter_that_can_be_read_now_and_has_no_row_stops_the_worker():
    rig = await stored(EVENTS[0], UNREADABLE)
    reads(rig, 1, EVENTS[1])
    with pytest.raises(Ended, match=str(exits.STORE_BROKEN)) as ended:
        await folded_again(rig)
    assert "juliu rebuild redis --no-compare" in str(ended.value.fields["error"])
    assert rig.fences()[P] == -1  # the windows have not learned of it


async def test_a_dead_letter_that_was_sent_again_and_stored_stops_nobody():
    rig = await stored(EVENTS[0], UNREADABLE)
    rig.log.append(P, b"1", EVENTS[1])
    await rig.drain()
    reads(rig, 1, EVENTS[1])
    await folded_again(rig)
    assert rig.stored() == rig.log.identities()


async def test_a_dead_letter_that_was_sent_again_and_is_not_stored_yet_stops_the_worker():
    rig = await stored(EVENTS[0], UNREADABLE)
    rig.log.append(P, b"1", EVENTS[1])
    reads(rig, 1, EVENTS[1])
    with pytest.raises(Ended, match=str(exits.STORE_BROKEN)):
        await folded_again(rig)


async def test_a_dead_letter_of_an_event_that_another_record_brought_stops_nobody():
    rig = await stored(UNREADABLE, EVENTS[0], EVENTS[1])
    reads(rig, 0, EVENTS[1])
    await folded_again(rig)
    assert rig.stored() == rig.log.identities()


async def test_a_version_that_cannot_read_what_has_a_row_stops():
    rig = await stored(EVENTS[0], EVENTS[1])
    reads(rig, 1, UNREADABLE)
    with pytest.raises(Ended, match=str(exits.STORE_BROKEN)):
        await folded_again(rig)
    assert rig.fences()[P] == -1


async def test_a_letter_without_a_row_stops_although_a_replayed_one_is_a_repeat_now():
    """As many rows as are stored: one event is new, and another that has its row here is new in the block before."""
    rig = await stored(UNREADABLE)
    for value in (EVENTS[0], b"[", EVENTS[1]):  # another letter, and the first one sent again
        rig.log.append(P, b"1", value)
    await rig.drain()
    letter = next(record.offset for record in rig.log.parts[P] if record.value == b"[")
    reads(rig, 0, EVENTS[1])
    reads(rig, letter, EVENTS[2])
    with pytest.raises(Ended, match=str(exits.STORE_BROKEN)) as ended:
        await folded_again(rig)
    assert "1 of its records" in str(ended.value.fields["error"])
    assert rig.fences()[P] == rig.blocks(P)[0][1]


async def test_what_has_a_row_and_cannot_be_read_stops_although_a_repeat_is_new_now():
    rig = await stored(EVENTS[0], EVENTS[1])
    for value in (EVENTS[0], EVENTS[2]):
        rig.log.append(P, b"1", value)
    await rig.drain()
    reads(rig, next(record.offset for record in rig.log.parts[P] if record.value == EVENTS[2]), UNREADABLE)
    fence = rig.blocks(P)[0][1]
    with pytest.raises(Ended, match=str(exits.STORE_BROKEN)) as ended:
        await folded_again(rig, fence=fence)
    assert "cannot read 1 of its rows" in str(ended.value.fields["error"])
    assert rig.fences()[P] == fence


async def test_two_letters_that_were_mended_do_not_hide_a_row_that_cannot_be_read():
    rig = await stored(EVENTS[0], UNREADABLE, b"[")
    for value in (EVENTS[1], EVENTS[2]):
        rig.log.append(P, b"1", value)
    await rig.drain()
    for offset, value in enumerate((UNREADABLE, EVENTS[1], EVENTS[2])):
        reads(rig, offset, value)
    with pytest.raises(Ended, match=str(exits.STORE_BROKEN)):
        await folded_again(rig)


async def test_the_way_out_is_a_redis_at_the_block_fence_and_then_the_letter_counts():
    rig = await stored(EVENTS[0], UNREADABLE)
    reads(rig, 1, EVENTS[1])
    rig.log.append(P, b"1", EVENTS[1])
    await folded_again(rig, fence=rig.blocks(P)[-1][1])
    assert rig.stored() == rig.log.identities()


async def test_a_version_that_cannot_read_a_repeat_goes_on():
    rig = await stored(EVENTS[0], EVENTS[1], EVENTS[1])
    reads(rig, 2, UNREADABLE)
    await folded_again(rig)
    assert rig.stored().total() == 3


async def test_windows_that_decide_otherwise_stop_nobody():
    """Their life was over, or Redis was rebuilt in between: what they call new again has its row."""
    rig = await stored(EVENTS[0], EVENTS[1])
    rig.log.append(P, b"1", EVENTS[0])
    await rig.drain()
    await folded_again(rig, fence=rig.blocks(P)[0][1])
    assert rig.stored().total() == 3


async def test_an_empty_block_that_a_person_put_there_stops_nobody():
    rig = await stored(EVENTS[0], UNREADABLE, EVENTS[1])
    p, block, _ = rig.rows.blocks[-1]
    rig.rows.blocks[-1] = (p, block, Stored(0, 0, 0, 0))
    await folded_again(rig)
    assert rig.stored().total() == 3
