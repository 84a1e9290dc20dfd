"""`juliu offsets` on real servers: how far behind and how old, and each fence that is not sound by name."""

from __future__ import annotations

import time

import pytest

from domain import keys
from juliu.verify.offsets import gather
from tests.operator_world import World, a_block_missing

pytestmark = pytest.mark.servers


async def test_offsets_tell_how_far_behind_and_how_old(world: World) -> None:
    await world.settle(300)
    servers = world.servers()
    caught_up = gather(servers)
    assert [one.behind for one in caught_up] == [0] * 8
    assert {one.oldest_s for one in caught_up} == {None}
    world.pulse()
    only_pulses = gather(servers)
    assert {(one.behind, one.oldest_s) for one in only_pulses} == {(1, None)}
    world.put(world.written[0])
    world.pulse()
    waiting = gather(servers, wall=lambda: time.time() + 100)
    p = world.partition(world.written[0].user_id)
    assert {one.partition for one in waiting if one.oldest_s is not None and one.oldest_s >= 100} == {p}
    assert all(one.room == one.fence + 1 for one in waiting if one.fence is not None)
    assert all(6 * 86_400 < one.room_s <= 7 * 86_400 - 99 for one in waiting if one.room_s is not None)
    servers.close()


async def test_offsets_name_fences_that_are_not_sound(world: World) -> None:
    await world.settle(300)
    with world.redis() as client:
        client.set(keys.fence("counters", 1, 0), "broken 5")
        client.delete(keys.fence("counters", 1, 1))
        client.set(keys.fence("store", 1, 2), 10**9)
    a_block_missing(world, 2)
    servers = world.servers()
    wrong = {(one.partition, one.group): one.wrong for one in gather(servers) if one.wrong}
    servers.close()
    assert wrong[0, "counters"] == ["fence: broken 5"]
    assert wrong[1, "counters"] == ["fence: missing"]
    assert any("ends at" in line for line in wrong[2, "store"])
    assert any("begins at" in line for line in wrong[2, "store"])
    assert any("went back" in line for line in wrong[2, "store"])
