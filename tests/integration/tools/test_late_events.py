"""`juliu late` on real servers: late events counted after all, each once, and only where nothing can count twice."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from domain import events, keys
from juliu.dead.replay import Replay
from juliu.dead.sending import Again, Sender
from juliu.late import rows
from juliu.late.replay import LateReplayer
from juliu.late.rows import LateCount, counts
from juliu.verify.period import EVER, Period
from juliu.verify.run import verify
from tests.operator_world import World

pytestmark = pytest.mark.servers
FULL = {
    "event_id": str(uuid.UUID(int=5)), "seq": 4, "request_id": "q1", "user_id": 7, "session_id": str(uuid.UUID(int=7)),
    "clock_reset": True, "app_id": "wx1", "platform": "weapp", "version": "1.2.0", "network": "wifi", "scene": 1001,
    "channel": "c", "drama_id": 3, "drama_index": 9, "episode_no": 2, "play_id": str(uuid.UUID(int=6)),
    "duration_ms": 90_000, "from_ms": 5_000, "to_ms": 7_000, "wall_ms": 2_100, "stalls": 1, "stall_ms": 120,
    "reason": "next", "first_frame_ms": 300, "qualified": True, "position": 3, "source": "hot", "arm": "b",
    "propensity": 0.25, "way": "coin", "paid_coins": 5, "bonus_coins": 6, "price_version": "v1", "rule": 1,
}  # fmt: skip


def of(kind: type[events.Event], **fields: Any) -> Any:
    """An event of this type with every field said."""
    names = {field.name for field in msgspec.structs.fields(kind)}
    now_ms = int(time.time() * 1000)
    times = {"at_ms": now_ms - 9 * 86_400_000, "ts_ms": now_ms - 8 * 86_400_000, "received_at_ms": now_ms - 3_600_000}
    return kind(**{name: value for name, value in (FULL | times | fields).items() if name in names})


def replay(world: World, period: Period = EVER) -> Replay:
    """What the command does; the workers work while it waits."""

    def met(sender: Sender, some: Sequence[Again]) -> None:
        world.pulse()
        asyncio.run(world.fold())
        sender.met(some, longest_s=0.2)

    servers = world.servers()
    try:
        return LateReplayer(servers, world.dead, met=met).replay(period, lambda _: None)
    finally:
        servers.close()


def counted(world: World) -> list[LateCount]:
    """What the list says."""
    servers = world.servers()
    found = counts(servers.clickhouse, EVER)
    servers.close()
    return found


def equal(world: World) -> None:
    """Log, ClickHouse and Redis agree."""
    servers = world.servers()
    report = verify(servers, dead=world.dead, say=lambda _: None)
    servers.close()
    assert report.ok, (report.differences, report.unknown)


def put(world: World, event: Any, **fields: Any) -> None:
    """As it stands."""
    event = msgspec.structs.replace(event, **fields)
    world.put(event, ts_ms=event.ts_ms, received_at_ms=event.received_at_ms)


def settle(world: World) -> None:
    """Both workers do what there is."""
    world.pulse()
    asyncio.run(world.fold())


def test_a_row_is_the_event_that_it_was_of_every_type(world: World) -> None:
    sent = [of(kind, seq=n, late=True) for n, kind in enumerate(events.ALL, 1)]
    for event in sent:
        put(world, event)
    settle(world)
    servers = world.servers()
    found = rows.page(servers.clickhouse, EVER, (0, -1), 100)
    assert rows.page(servers.clickhouse, Period(until_ms=1), (0, -1), 100) == []
    servers.close()
    dropped = {"ticket": None}  # a ticket never is in the log
    assert [row.event for row in found] == [
        msgspec.structs.replace(event, **dropped) if hasattr(event, "ticket") else event for event in sent
    ]


def test_late_events_count_once_however_often_they_came_and_however_often_one_asks(world: World) -> None:
    asyncio.run(world.settle(600))
    before = world.sql("SELECT count() FROM events")[0][0]
    late = sum(one.events for one in counted(world))
    assert late > 0
    assert world.sql("SELECT sum(events) FROM late_reasons")[0][0] == late
    assert world.sql("SELECT groupUniqArray(reason) FROM late_reasons")[0][0] == ["late"]
    done = replay(world)
    assert done.ok
    assert done.summary()["counters"] == done.summary()["store"] == {"counted": late}
    assert world.sql("SELECT count() FROM events")[0][0] == before + late
    equal(world)
    assert sum(one.counted for one in counted(world)) == late
    assert set(replay(world).summary()["refused"]) == {"counted before"}
    assert world.sql("SELECT count() FROM events")[0][0] == before + late


def test_an_event_that_was_counted_before_its_late_copy_came_is_passed_over(world: World) -> None:
    on_time = of(events.Shared, late=False)
    put(world, on_time)
    put(world, on_time, late=True)
    put(world, on_time, late=True, seq=5)
    settle(world)
    assert world.total("shares") == 1
    assert replay(world).summary() == {
        "refused": {"counted before": 1}, "counters": {"counted": 1}, "store": {"counted": 1},
    }  # fmt: skip
    assert world.total("shares") == 2
    equal(world)


def test_a_session_whose_state_expired_is_left_alone_and_one_that_is_wholly_late_is_not(world: World) -> None:
    watched = of(events.Heartbeat, seq=1, late=False)
    put(world, watched)
    put(world, watched, seq=2, late=True, from_ms=6_000, to_ms=9_000)
    other = {"session_id": str(uuid.UUID(int=8)), "late": True}
    put(world, watched, **other)
    put(world, watched, seq=2, from_ms=6_000, to_ms=9_000, **other)
    settle(world)
    with world.redis() as client:
        p = world.partition(7)
        client.expire(keys.session("store", 1, p, 7, watched.session_id), 60)
    done = replay(world)
    assert done.summary() == {
        "refused": {"its session's state has expired: content would count twice": 1},
        "counters": {"counted": 2}, "store": {"counted": 2},
    }  # fmt: skip
    assert world.total("content_ms") == 2_000 + 4_000
    equal(world)


def test_rows_say_when_they_were_let_in_and_when_it_happened(world: World) -> None:
    late = of(events.Shared, late=True)
    put(world, late)
    settle(world)
    began_ms = int(time.time() * 1000)
    replay(world)
    (row,) = world.sql("SELECT toUnixTimestamp64Milli(ts), toUnixTimestamp64Milli(received_at), late FROM events")
    assert row[0] == late.ts_ms
    assert began_ms <= row[1] <= time.time() * 1000
    assert not row[2]
    assert world.sql("SELECT count() FROM late_events")[0][0] == 1


def test_too_old_events_have_their_own_reason_and_are_not_sent(world: World) -> None:
    for seq in [*range(2, 160, 2), 1]:  # more gaps than a window keeps: seq 1 cannot be told apart
        put(world, of(events.Shared, seq=seq, late=False))
    settle(world)
    (one,) = counted(world)
    assert (one.reason, one.type, one.events, one.counted) == ("too_old", "shared", 1, 0)
    assert replay(world).records == []
    equal(world)
