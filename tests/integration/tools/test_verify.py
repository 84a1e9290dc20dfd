"""`juliu verify` on real servers: silent where all is equal, and each kind of damage named."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import TopicPartition

from domain import counters, keys
from infra.fold_store import connect as connect_redis
from juliu.verify import merged
from juliu.verify.found import Report
from juliu.verify.offsets import gather
from juliu.verify.period import EVER, Period
from juliu.verify.run import stored, verify
from streams.merge import Merger
from tests.operator_world import World, a_block_missing

pytestmark = pytest.mark.servers


def verified(world: World, period: Period = EVER) -> Report:
    """What the command finds."""
    servers = world.servers()
    try:
        return verify(servers, period, dead=world.dead, say=lambda _: None)
    finally:
        servers.close()


def rules(report: Report, p: int | None = None) -> set[str]:
    """The rules that do not hold (in this partition)."""
    return {difference.rule for difference in report.differences if p in (None, difference.partition)}


async def test_a_world_in_order_has_no_difference_and_the_numbers_are_told(world: World) -> None:
    await world.settle(1_500)
    world.put_raw(1, b"9", b"not an event")
    world.pulse()
    await world.fold()
    report = verified(world)
    assert report.ok, report.differences
    types = [count for one in report.partitions for count in one.types.values()]
    assert sum(count.records for count in types) == len(world.written)
    rows = world.sql("SELECT count() FROM events")[0][0]
    assert sum(count.distinct for count in types) == sum(count.rows for count in types) == rows
    assert sum(one.rows for one in report.partitions) == rows
    assert sum(count.repeats for count in types) > 0
    assert sum(count.late for count in types) == world.sql("SELECT count() FROM late_events")[0][0] > 0
    assert sum(one.poison for one in report.partitions) == 1
    assert sum(one.counters["starts"] for one in report.partitions) == world.total("starts") > 0


async def test_a_world_of_nothing_is_in_order(world: World) -> None:
    assert verified(world).ok


def a_row_deleted(world: World, p: int) -> None:
    """One start of the partition."""
    world.command(
        "ALTER TABLE events DELETE WHERE (partition, offset) IN"
        f" (SELECT partition, offset FROM events WHERE partition = {p} AND event_type = 'play_started' LIMIT 1)"
    )


def a_row_doubled(world: World, p: int) -> None:
    """The same row once more."""
    world.command(f"INSERT INTO events SELECT * FROM events WHERE partition = {p} ORDER BY offset LIMIT 1")


def an_event_doubled(world: World, p: int) -> None:
    """A repeat that was stored under its own offset, as a broken window would."""
    repeats = f"SELECT first + repeats FROM blocks WHERE partition = {p} AND repeats > 0 LIMIT 1"
    world.command(
        f"INSERT INTO events SELECT * REPLACE (({repeats}) AS offset) FROM events WHERE partition = {p}"
        " ORDER BY offset DESC LIMIT 1"
    )


def a_late_row_deleted(world: World, p: int) -> None:
    """One of the partition."""
    world.command(
        "ALTER TABLE late_events DELETE WHERE (partition, offset) IN"
        f" (SELECT partition, offset FROM late_events WHERE partition = {p} LIMIT 1)"
    )


def a_row_changed(world: World, p: int) -> None:
    """One row of the partition is of another drama."""
    world.command(
        f"INSERT INTO events SELECT * REPLACE (drama_id + 1 AS drama_id) FROM events WHERE partition = {p}"
        " ORDER BY offset LIMIT 1"
    )
    world.command(
        f"ALTER TABLE events DELETE WHERE partition = {p} AND (offset, drama_id) IN"
        f" (SELECT offset, min(drama_id) FROM events WHERE partition = {p} GROUP BY offset HAVING count() = 2)"
    )


def a_counter_off_by_one(world: World, p: int) -> None:
    """One number of one drama in the partition."""
    name = min(name for name in world.numbers(p) if name.endswith(b":starts"))
    with world.redis() as client:
        client.hincrby(keys.counters_part(1, p), name, 1)


def a_counter_lost(world: World, p: int) -> None:
    """All numbers of the partition."""
    with world.redis() as client:
        client.delete(keys.counters_part(1, p))


def a_block_doubled(world: World, p: int) -> None:
    """The second block of the partition is there twice."""
    world.command(f"INSERT INTO blocks SELECT * FROM blocks WHERE partition = {p} ORDER BY first LIMIT 1 OFFSET 1")


def a_block_that_lies(world: World, p: int) -> None:
    """It says one repeat more than there were, and one control record fewer."""
    world.command(
        f"ALTER TABLE blocks UPDATE repeats = repeats + 1 WHERE partition = {p} AND first IN"
        f" (SELECT first FROM blocks WHERE partition = {p} ORDER BY first LIMIT 1)"
    )


def windows_ahead(world: World, p: int) -> None:
    """ClickHouse went back: its last block is gone."""
    world.command(
        f"ALTER TABLE blocks DELETE WHERE partition = {p} AND first IN"
        f" (SELECT max(first) FROM blocks WHERE partition = {p})"
    )


def a_fence_broken(world: World, p: int) -> None:
    """A script died half-way."""
    with world.redis() as client:
        client.set(keys.fence("counters", 1, p), "broken 5")


DAMAGES: tuple[dict[Callable[[World, int], None], set[str]], ...] = (  # of one world each, a partition for each damage
    {
        a_row_deleted: {"rows of a block", "row missing", "counter"},
        a_row_doubled: {"rows of a block", "rows twice", "event twice"},
        an_event_doubled: {"rows of a block", "event twice"},
        a_late_row_deleted: {"late rows of a block", "row missing"},
    },
    {
        a_row_changed: {"row says something else"},
        a_counter_off_by_one: {"counter"},
        a_counter_lost: {"counter"},
        a_block_missing: {"block missing", "rows in no block"},
    },
    {
        a_block_doubled: {"blocks overlap"},
        a_block_that_lies: {"repeats of a block"},
        windows_ahead: {"fence"},
        a_fence_broken: {"fence"},
    },
)


@pytest.mark.parametrize("damages", DAMAGES, ids=("rows", "numbers", "positions"))
async def test_each_kind_of_damage_is_named_with_its_partition(
    world: World, damages: dict[Callable[[World, int], None], set[str]]
) -> None:
    await world.settle(1_500)
    for p, damage in enumerate(damages):
        damage(world, p)
    report = verified(world)
    for p, (damage, named) in enumerate(damages.items()):
        assert named <= rules(report, p), (damage.__name__, report.differences)


async def test_a_change_of_one_counter_is_named_to_the_drama(world: World) -> None:
    await world.settle(600)
    a_counter_off_by_one(world, 2)
    (difference,) = verified(world).differences
    name = min(name for name in world.numbers(2) if name.endswith(b":starts"))
    n = world.numbers(2)[name]
    assert difference.where == f"drama {name.decode().split(':')[0]}, starts"
    assert (difference.found, difference.expected) == (f"Redis {n}", f"ClickHouse {n - 1}")


async def merge(world: World) -> None:
    """As the counters worker of partition 0 does it."""
    client = connect_redis(world.settings.redis_url)
    assert await Merger(client, "counters", world.settings.partitions).merge() == "full"
    await client.aclose()


async def test_what_readers_are_told_is_the_sum_of_the_parts(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merged, "ROUNDS", 2)
    monkeypatch.setattr(merged, "PAUSE_S", 0.01)
    await world.settle(600)
    assert any("never merged" in note for note in verified(world).notes)
    await merge(world)
    in_order = verified(world)
    assert in_order.ok
    assert not in_order.notes
    with world.redis() as client:
        rows: Any = client.hgetall(keys.COUNTERS)
        drama, row = min(rows.items())
        client.hset(keys.COUNTERS, drama, counters.encode([9, *list(counters.decode(row).values())[1:]]))
        client.hset(keys.COUNTERS, "77777", counters.encode([1]))
    found = {one.where for one in verified(world).differences if one.rule == "merged number"}
    assert found == {f"drama {drama.decode()}, impressions", "drama 77777, impressions"}
    await merge(world)
    await world.settle(90, seed=4)
    behind = verified(world)
    assert not behind.differences
    assert any("nobody merges" in why for why in behind.unknown)


async def test_a_row_of_which_only_a_number_was_changed_is_named(world: World) -> None:
    await world.settle(300)
    for p, column in enumerate(("episode_no", "to_ms", "drama_index", "duration_ms")):
        world.command(
            f"ALTER TABLE events UPDATE {column} = {column} + 1 WHERE partition = {p} AND event_type = 'heartbeat'"
        )
    report = verified(world)
    assert all("row says something else" in rules(report, p) for p in range(4))


async def test_poison_whose_letter_is_gone_is_named(world: World) -> None:
    await world.settle(300)
    world.put_raw(3, b"9", b"not an event")
    world.pulse()
    await world.fold()
    world.dead = world.log  # no letters there
    assert "letter missing" in rules(verified(world))


async def test_a_period_limits_what_is_compared_one_by_one(world: World) -> None:
    await world.settle(600)
    since_ms = int(time.time() * 1000)
    before = len(world.written)
    await world.settle(300, seed=2)
    report = verified(world, Period(since_ms=since_ms))
    assert report.ok, report.differences
    compared = sum(count.records for one in report.partitions for count in one.types.values())
    assert 0 < compared <= len(world.written) - before
    a_row_deleted(world, 2)
    assert "row missing" not in rules(verified(world, Period(since_ms=int(time.time() * 1000))))


async def test_what_only_counters_have_is_waited_for_and_then_said(world: World) -> None:
    await world.settle(300)
    world.load(90, seed=3)
    world.pulse()
    await world.fold("counters")
    servers = world.servers()
    assert not stored(servers, 0, servers.log.bounds(0).end - 1, longest_s=0.2)
    await world.fold("store")
    world.pulse()
    await world.fold("counters")  # a pulse alone: no block will ever hold it until an event comes
    assert stored(servers, 0, servers.log.bounds(0).end - 1, longest_s=0.2)
    servers.close()
    assert verified(world).ok


async def test_what_retention_has_taken_is_not_compared_one_by_one_and_a_fence_behind_it_is_named(
    world: World, kafka_admin: Any
) -> None:
    await world.settle(600)
    gone = TopicPartition(world.log, 2, 60)
    for future in kafka_admin.delete_records([gone]).values():
        future.result(30)
    report = verified(world)
    assert report.ok, report.differences
    assert (report.partitions[2].log_from or 0) >= 60
    assert report.partitions[1].log_from == 0
    with world.redis() as client:
        client.set(keys.fence("counters", 1, 2), 10)
    servers = world.servers()
    (wrong,) = [one for one in gather(servers) if one.wrong]
    servers.close()
    assert wrong.wrong == ["the log begins at 60, 11 is gone"]
    assert wrong.room == -49
