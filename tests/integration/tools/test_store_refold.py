"""On real servers: Redis went back to the beginning, and ClickHouse says of a block what another version made of it."""

from __future__ import annotations

import asyncio
import uuid

import pytest

from domain import events
from infra import namespaces
from infra.fold_store import Broken
from tests.operator_world import World

pytestmark = pytest.mark.servers

SESSION = str(uuid.UUID(int=7))


def settled(world: World) -> None:
    """A load in stores, and in it a share, sent twice in different blocks."""
    for seed in (1, 2):
        world.put(
            events.Shared(
                event_id=str(uuid.UUID(int=7)), at_ms=1, seq=1, user_id=7, session_id=SESSION, drama_id=5, episode_no=2
            ),
            ts_ms=1_795_000_000_000,
        )
        world.pulse()
        asyncio.run(world.settle(300, seed))


def was_a_letter(world: World) -> tuple[int, int]:
    """An older version buried the share's first record, says ClickHouse: partition and offset."""
    p, offset = world.sql(f"SELECT partition, toInt64(offset) FROM events WHERE session_id = '{SESSION}'")[0]
    world.command(
        "ALTER TABLE blocks UPDATE rows = rows - 1, poison = poison + 1"
        f" WHERE partition = {p} AND first <= {offset} AND last >= {offset}"
    )
    return p, offset


def went_back(world: World) -> None:
    """An empty Redis, as it was at the log's beginning."""
    with world.redis() as client:
        client.flushdb()
    namespaces.create(world.settings)


def test_a_redis_that_went_back_is_folded_forward(world: World) -> None:
    settled(world)
    went_back(world)
    before = world.sql("SELECT count() FROM events")
    asyncio.run(world.fold("store"))
    assert world.sql("SELECT count() FROM events") == before


def test_a_letter_of_before_that_has_no_row_stops_the_store(world: World) -> None:
    settled(world)
    was_a_letter(world)
    world.command(f"DELETE FROM events WHERE session_id = '{SESSION}'")
    went_back(world)
    with pytest.raises(Broken, match="juliu rebuild redis --no-compare"):
        asyncio.run(world.fold("store"))


def test_a_letter_of_before_whose_event_another_record_brought_stops_nobody(world: World) -> None:
    settled(world)
    p, offset = was_a_letter(world)
    repeat = f"(SELECT min(first) FROM blocks WHERE partition = {p} AND first > {offset})"
    world.command(
        f"INSERT INTO events SELECT * REPLACE ({repeat} AS offset) FROM events WHERE session_id = '{SESSION}'"
    )
    world.command(f"DELETE FROM events WHERE session_id = '{SESSION}' AND offset = {offset}")
    assert world.sql(f"SELECT count() FROM events WHERE session_id = '{SESSION}'") == [(1,)]
    went_back(world)
    asyncio.run(world.fold("store"))
