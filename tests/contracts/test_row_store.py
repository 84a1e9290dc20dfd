"""The promises of RowStore, kept by the memory twin and by ClickHouse alike."""

from __future__ import annotations

import itertools
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

import msgspec
import pytest

from domain import events
from domain.blocks import Block
from domain.fences import WentBack
from infra.clickhouse.clickhouse_row_store import ClickHouseRowStore
from infra.clickhouse.client import connect
from infra.clickhouse.http import Http
from infra.clickhouse.migrate import migrate
from infra.clickhouse.row_store import Insert, RowStore, Stored, Table, month
from infra.settings import Settings
from tests.memory_row_store import MemoryRowStore

DECEMBER = int(time.time() * 1000)  # now, and a month that is not this one: what is older than the TTL vanishes
JANUARY = DECEMBER + 35 * 86_400_000
partitions = itertools.count(10, 10)
STORED = Stored(rows=1, late=0, repeats=0, poison=0)


class Memory:
    """The twin, and what the tests do to it behind its back; `p` is the partition of this test."""

    def __init__(self, p: int) -> None:
        self.p = p
        self.store: RowStore = MemoryRowStore()
        self._twin: Any = self.store

    def count(self, table: Table = "events") -> int:
        return len(self._twin.rows[table])

    def forget_tokens(self) -> None:
        self._twin.tokens.clear()

    def lose_block(self, first: int) -> None:
        self._twin.blocks = [held for held in self._twin.blocks if held[1].first != first]


class Real:
    """ClickHouse, and what the tests do to it behind its back; `p` is the partition of this test alone."""

    def __init__(self, p: int, client: Any, http: Http) -> None:
        self.p = p
        self.store: RowStore = ClickHouseRowStore(http)
        self._client = client

    def count(self, table: Table = "events") -> int:
        return int(self._client.command(f"SELECT count() FROM {table} WHERE partition = {self.p}"))

    def forget_tokens(self) -> None:
        for window in (0, 100_000):
            self._client.command(f"ALTER TABLE events MODIFY SETTING non_replicated_deduplication_window = {window}")

    def lose_block(self, first: int) -> None:
        self._client.command(f"DELETE FROM blocks WHERE partition = {self.p} AND first = {first}")


@pytest.fixture(scope="module")
def migrated(stack: Settings) -> Iterator[Settings]:
    settings = stack.model_copy(update={"clickhouse_database": "row_store"})
    migrate(settings)
    with connect(settings) as client:
        client.command("SYSTEM STOP MERGES events")  # a double must stay to be counted
    yield settings
    with connect(stack) as client:
        client.command("DROP DATABASE row_store SYNC")


@pytest.fixture(params=["memory", pytest.param("clickhouse", marks=pytest.mark.servers)])
async def side(request: pytest.FixtureRequest) -> AsyncIterator[Memory | Real]:
    if request.param == "memory":
        yield Memory(next(partitions))
        return
    settings = request.getfixturevalue("migrated")
    http = Http(settings)
    with connect(settings) as client:
        yield Real(next(partitions), client, http)
    await http.close()


def a_record(p: int, offset: int, received_at_ms: int = JANUARY, **fields: Any) -> tuple[int, bytes]:
    event = events.Liked(
        event_id=str(uuid.UUID(int=offset)), seq=offset + 1, at_ms=received_at_ms, ts_ms=received_at_ms,
        received_at_ms=received_at_ms, user_id=p + 1, session_id=str(uuid.UUID(int=1)), drama_id=3, episode_no=1,
        **fields,
    )  # fmt: skip
    return offset, events.encode(event)


def an_insert(p: int, first: int, last: int, at_ms: int = JANUARY, table: Table = "events") -> Insert:
    rows = [a_record(p, offset, at_ms) for offset in range(first, last + 1)]
    return Insert(table, p, Block(first, last), month(at_ms), rows)


async def test_before_the_first_block_the_fence_is_minus_one(side):
    assert await side.store.block_fence(side.p) == -1


async def test_rows_land_once_however_often_they_are_sent(side):
    for _ in range(3):
        assert await side.store.insert(an_insert(side.p, 0, 4))
    assert side.count() == 5


async def test_an_insert_is_held_once_it_landed(side):
    assert not await side.store.holds(an_insert(side.p, 0, 4))
    await side.store.insert(an_insert(side.p, 0, 4))
    assert await side.store.holds(an_insert(side.p, 0, 4))
    assert not await side.store.holds(an_insert(side.p, 5, 9))
    assert not await side.store.holds(an_insert(side.p + 1, 0, 4))


async def test_an_insert_is_held_although_its_token_is_forgotten(side):
    await side.store.insert(an_insert(side.p, 0, 4))
    side.forget_tokens()
    assert await side.store.holds(an_insert(side.p, 0, 4))
    await side.store.insert(an_insert(side.p, 0, 4))
    assert side.count() == 10, "the token was not forgotten, so this test shows nothing"


async def test_each_month_of_a_block_is_held_by_itself(side):
    block = Block(0, 4)
    old = Insert("events", side.p, block, month(DECEMBER), [a_record(side.p, offset, DECEMBER) for offset in (0, 2)])
    new = Insert("events", side.p, block, month(JANUARY), [a_record(side.p, offset, JANUARY) for offset in (1, 3, 4)])
    await side.store.insert(old)
    assert (await side.store.holds(old), await side.store.holds(new)) == (True, False)
    await side.store.insert(new)
    assert (await side.store.holds(old), await side.store.holds(new)) == (True, True)
    assert side.count() == 5


async def test_late_rows_have_a_table_of_their_own(side):
    await side.store.insert(an_insert(side.p, 0, 4))
    late = an_insert(side.p, 5, 6, table="late_events")
    late = Insert("late_events", side.p, Block(0, 4), late.month, late.rows)
    assert not await side.store.holds(late)
    for _ in range(2):
        assert await side.store.insert(late)
    assert await side.store.holds(late)
    assert (side.count(), side.count("late_events")) == (5, 2)


async def test_closing_blocks_moves_the_fence(side):
    assert await side.store.close(side.p, Block(0, 4), STORED)
    assert await side.store.close(side.p, Block(5, 5), STORED)
    assert await side.store.close(side.p + 1, Block(0, 9), STORED)
    assert [await side.store.block_fence(side.p + i) for i in range(3)] == [5, 9, -1]


async def test_a_block_is_closed_once(side):
    assert await side.store.close(side.p, Block(0, 4), STORED)
    assert not await side.store.close(side.p, Block(0, 4), STORED)
    assert await side.store.block_fence(side.p) == 4


async def test_nothing_is_stored_of_a_block_that_is_not_the_next(side):
    await side.store.close(side.p, Block(0, 4), STORED)
    for first, last in ((0, 4), (6, 9), (3, 7)):
        assert not await side.store.insert(an_insert(side.p, first, last))
        assert not await side.store.close(side.p, Block(first, last), STORED)
    assert side.count() == 0
    assert await side.store.insert(an_insert(side.p, 5, 9))


async def test_a_zombies_insert_after_its_block_was_closed_is_empty(side):
    await side.store.insert(an_insert(side.p, 0, 4))
    await side.store.close(side.p, Block(0, 4), STORED)
    side.forget_tokens()
    assert not await side.store.insert(an_insert(side.p, 0, 4))
    assert side.count() == 5


async def test_a_missing_block_is_noticed(side):
    for first in (0, 10, 20):
        await side.store.close(side.p, Block(first, first + 9), STORED)
    side.lose_block(10)
    with pytest.raises(WentBack, match="20"):
        await side.store.block_fence(side.p)


async def test_lost_last_blocks_lower_the_fence(side):
    for first in (0, 10):
        await side.store.close(side.p, Block(first, first + 9), STORED)
    side.lose_block(10)
    assert await side.store.block_fence(side.p) == 9


async def test_months_that_were_dropped_by_hand_are_no_hole(side):
    for first in (0, 10):
        await side.store.close(side.p, Block(first, first + 9), STORED)
    side.lose_block(0)
    assert await side.store.block_fence(side.p) == 19


LIKED = b'{"type":"liked","event_id":"e","seq":1,"at_ms":1,"drama_id":1,"episode_no":1,"received_at_ms":%d' % JANUARY


@pytest.mark.parametrize(
    "value",
    [
        b" \n" + LIKED + b"}",
        LIKED + b',"seq":2}',
        LIKED + b',"partition":9,"offset":"x"}',
        LIKED + b',"scene":-1,"user_id":-5}',
        LIKED + b',"user_id":99999999999999999999}',
        LIKED + b',"ts_ms":-99999999999999999}',
        LIKED + b',"ts_ms":99999999999999999}',
        LIKED + b',"new":{"a":[1,null,1e999,"\\u0000"]},"type":"liked"}',
        LIKED + ',"session_id":"\\u0000\\t\\\\\\n剧"}'.encode(),
    ],
)
async def test_whatever_the_decoder_takes_is_stored(side, value):
    value = value.replace(b'"drama_id":1', b'"drama_id":%d' % side.p)  # each test has keys of its own: they merge
    events.decode(value)
    insert = Insert("events", side.p, Block(0, 1), month(JANUARY), [(0, value), a_record(side.p, 1)])
    assert await side.store.insert(insert)
    assert side.count() == 2
    assert await side.store.holds(insert)


async def test_blocks_are_told_as_they_were_closed_from_one_on(side):
    stored = [Stored(1, 0, 0, 0), Stored(2, 3, 4, 5, next_limit=77), Stored(0, 0, 0, 0)]
    blocks = [Block(0, 4), Block(5, 9), Block(10, 10)]
    for block, what in zip(blocks, stored, strict=True):
        assert await side.store.close(side.p, block, what)
    assert list(await side.store.told(side.p, 5)) == list(zip(blocks[1:], stored[1:], strict=True))
    assert list(await side.store.told(side.p, 11)) == []
    assert list(await side.store.told(side.p + 1, 0)) == []


async def test_an_event_lacks_its_row_until_it_was_inserted_at_whatever_offset(side):
    known = [events.decode(value) for _, value in an_insert(side.p, 0, 4).rows]
    others = [events.decode(value) for _, value in an_insert(side.p, 5, 6).rows]
    assert await side.store.lacks(side.p, known, upto=99) == 5
    await side.store.insert(an_insert(side.p, 0, 4))
    assert await side.store.lacks(side.p, [*known, *others], upto=99) == 2
    assert await side.store.lacks(side.p, known, upto=2) == 2
    assert await side.store.lacks(side.p + 1, known, upto=99) == 5
    assert await side.store.lacks(side.p, [], upto=99) == 0


async def test_offsets_have_a_row_where_events_has_one_of_just_this_partition(side):
    assert await side.store.rows_at(side.p, [3, 4]) == 0
    await side.store.insert(an_insert(side.p, 0, 4))
    late = an_insert(side.p, 5, 6, table="late_events")
    await side.store.insert(Insert("late_events", side.p, Block(0, 4), late.month, late.rows))
    assert await side.store.rows_at(side.p, [1, 3, 5, 7]) == 2
    assert await side.store.rows_at(side.p + 1, [1, 3]) == 0
    assert await side.store.rows_at(side.p, []) == 0


async def test_more_offsets_than_one_question_holds(side):
    await side.store.insert(an_insert(side.p, 0, 12_000))
    assert await side.store.rows_at(side.p, range(1, 200_000, 2)) == 6_000


async def test_more_events_than_one_question_holds_of_sessions_with_odd_names(side):
    odd = ["it's", "back\\slash", "tab\t", "剧" * 36, "('a',1)"]
    made = [
        msgspec.structs.replace(events.decode(value), session_id=odd[offset % len(odd)] + "x" * 36)
        for offset, value in an_insert(side.p, 0, 1_200).rows
    ]
    rows = [(offset, events.encode(event)) for offset, event in enumerate(made)]
    assert await side.store.lacks(side.p, made, upto=9_999) == 1_201
    assert await side.store.insert(Insert("events", side.p, Block(0, 1_200), month(JANUARY), rows))
    assert await side.store.lacks(side.p, made, upto=9_999) == 0
