"""`juliu dead` on real servers: a record counts where it was missed, once, and nothing is done twice by itself."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from confluent_kafka import Producer

from domain import events, keys
from infra import exits
from infra.log_reader import LogReader
from juliu.dead import letters
from juliu.dead.letters import Case
from juliu.dead.replay import Replay, Replayer
from juliu.dead.sending import Again, Sender
from juliu.dead.summary import kinds
from juliu.verify.found import Report
from juliu.verify.run import verify
from streams.dead import AT_LEAST
from tests.ended import Ended
from tests.operator_world import Unfolding, World

pytestmark = pytest.mark.servers


def cases(world: World, **which: str) -> list[Case]:
    """What lies in the topic of letters."""
    with LogReader(world.settings, world.dead) as reader:
        return list(letters.cases(letters.entries(reader, None), **which).values())


def replay(world: World, again: bool = False, wall: Any = time.time, folding: Any = None) -> Replay:
    """What the command does; the workers (or `folding`) work while it waits."""

    def met(sender: Sender, some: Sequence[Again]) -> None:
        world.pulse()
        asyncio.run(world.fold() if folding is None else folding())
        sender.met(some, longest_s=0.2)

    servers = world.servers()
    try:
        return Replayer(servers, world.dead, "v2", wall, met).replay(cases(world), again, lambda _: None)
    finally:
        servers.close()


def drop(world: World, some: Sequence[Case]) -> None:
    """Put away."""
    servers = world.servers()
    Sender(servers, world.dead).settle([(case, None) for case in some], "dropped", "seen", "v2")
    servers.close()


def a_share(user_id: int, seq: int = 1, **fields: Any) -> events.Shared:
    """A viewer shares an episode."""
    base = {
        "event_id": str(uuid.UUID(int=user_id * 1_000 + seq)),
        "at_ms": 1,
        "session_id": str(uuid.UUID(int=user_id)),
    }
    return events.Shared(
        **base | {"seq": seq, "user_id": user_id, "drama_id": 5, "drama_index": 15, "episode_no": 2} | fields
    )


def verified(world: World) -> Report:
    """What log, ClickHouse and Redis say of each other."""
    servers = world.servers()
    try:
        return verify(servers, dead=world.dead, say=lambda _: None)
    finally:
        servers.close()


def equal(world: World) -> None:
    """They agree."""
    report = verified(world)
    assert report.ok, (report.differences, report.unknown)


def buried_by_counters_alone(world: World, viewers: int = 6) -> None:
    """Shares that a version of the counters worker cannot fold, though the store does."""
    for user_id in range(1, 1 + viewers):
        world.put(a_share(user_id))
        world.put(a_share(user_id, 2).__class__(**msgspec.structs.asdict(a_share(user_id, 2))))
    world.pulse()
    asyncio.run(world.fold("counters", make_fold=Unfolding))
    asyncio.run(world.fold("store"))


def test_what_one_group_buried_counts_there_once_and_is_a_repeat_in_the_other(world: World) -> None:
    buried_by_counters_alone(world)
    assert world.total("shares") == 0
    assert world.sql("SELECT count() FROM events")[0][0] == 12
    open_ = cases(world)
    assert {tuple(case.groups) for case in open_} == {("counters",)}
    report = verified(world)
    assert {difference.rule for difference in report.differences} == {"counter"}
    assert any("juliu dead list --group counters" in note for note in report.notes)
    assert report.notes
    done = replay(world)
    assert done.ok
    assert done.summary() == {"counters": {"counted": 12}, "store": {"was there already": 12}}
    assert world.total("shares") == 12
    assert world.sql("SELECT count(), uniqExact(event_id) FROM events") == [(12, 12)]
    equal(world)


def test_a_second_replay_does_nothing_and_again_harms_nothing(world: World) -> None:
    buried_by_counters_alone(world, viewers=2)
    replay(world)
    (kind,) = kinds(cases(world))
    assert (kind.open, kind.replayed, kind.dropped) == (0, 4, 0)
    with LogReader(world.settings, world.log) as log:
        ends = [log.bounds(p).end for p in range(4)]
        second = replay(world)
        assert second.summary() == {"refused": {"replayed before": 4}}
        assert ends == [log.bounds(p).end for p in range(4)]
    third = replay(world, again=True)
    assert third.summary() == {"counters": {"was there already": 4}, "store": {"was there already": 4}}
    assert world.total("shares") == 4
    equal(world)


def test_a_replay_that_died_before_it_wrote_down_what_it_had_sent_is_repeated_without_harm(world: World) -> None:
    buried_by_counters_alone(world, viewers=1)
    with LogReader(world.settings, world.dead) as reader:
        sent = [Again("", case.first.partition, e.key, e.value or b"") for case in cases(world)
                for e in reader.records(0, case.first.number, case.first.number + 1)]  # fmt: skip
    servers = world.servers()
    Sender(servers, world.dead).send(sent)
    servers.close()
    world.pulse()
    asyncio.run(world.fold())
    assert world.total("shares") == 2
    assert replay(world).summary() == {"counters": {"was there already": 2}, "store": {"was there already": 2}}
    assert world.total("shares") == 2
    equal(world)


def test_the_bytes_the_key_and_the_partition_are_the_original_ones(world: World) -> None:
    value = b'{"type":"liked","user_id":"\xff\x00'
    world.put_raw(3, b"the key", value)
    world.pulse()
    asyncio.run(world.fold())
    (case,) = cases(world)
    assert case.groups == ["counters", "store"]
    done = replay(world)
    (one,) = done.records
    assert one.became == {"counters": "dead again", "store": "dead again"}
    with LogReader(world.settings, world.log) as log:
        entry = log.first_record(3, one.to, one.to + 1)
    assert entry is not None
    assert (entry.key, entry.value) == (b"the key", value)
    assert not done.ok
    assert {case.ref: case.done is None for case in cases(world)} == {
        "juliu.events:3:0": False,
        f"juliu.events:3:{one.to}": True,
    }


def test_a_replay_before_the_code_is_mended_stops_early(world: World) -> None:
    for i in range(60):
        world.put_raw(i % 4, b"1", b"not an event")
    world.pulse()
    asyncio.run(world.fold())
    done = replay(world)
    assert "dead again" in done.stopped
    assert len(done.records) == 20


def test_late_ones_and_those_that_were_counted_meanwhile_are_told_apart(world: World) -> None:
    event = a_share(7)
    p = world.partition(7)
    world.put(event)
    world.put(a_share(7, 9, late=True))
    world.pulse()
    asyncio.run(world.fold("counters", make_fold=Unfolding))
    asyncio.run(world.fold("store"))
    world.put(world.written[0])  # the client sends it again by itself
    world.pulse()
    asyncio.run(world.fold())
    assert world.total("shares") == 1
    done = replay(world)
    assert [one.became for one in done.records] == [{"counters": "was there already", "store": "was there already"}]
    assert {case.first.partition for case in cases(world)} == {p}
    equal(world)


def test_what_was_received_too_long_ago_is_refused(world: World) -> None:
    buried_by_counters_alone(world, viewers=1)
    done = replay(world, wall=lambda: time.time() + 22 * 86_400)
    assert list(done.summary()["refused"]) == [
        "received too long ago: its windows may be gone, and it would count twice"
    ]
    assert world.total("shares") == 0
    assert all(case.done is None for case in cases(world))


def test_workers_that_stand_still_are_said_and_the_letter_counts_as_replayed(world: World) -> None:
    buried_by_counters_alone(world, viewers=1)

    async def nothing() -> None:
        """No worker runs."""

    done = replay(world, folding=nothing)
    assert not done.ok
    assert done.summary() == {"counters": {"not yet known": 2}, "store": {"not yet known": 2}}
    world.pulse()
    asyncio.run(world.fold())
    assert replay(world).summary() == {"refused": {"replayed before": 2}}
    assert world.total("shares") == 2


def test_dropped_letters_are_open_no_more(world: World) -> None:
    buried_by_counters_alone(world, viewers=2)
    drop(world, cases(world)[:1])
    (kind,) = kinds(cases(world))
    assert (kind.open, kind.dropped) == (3, 1)
    assert replay(world).summary()["refused"] == {"dropped before": 1}


def test_samples_of_the_api_are_listed_and_never_sent(world: World) -> None:
    producer = Producer({"bootstrap.servers": world.settings.kafka, "log_level": 0})
    says = {
        "topic": "juliu.events",
        "partition": "-1",
        "offset": "-1",
        "group": "api",
        "reason": "bad_seq",
        "version": "1",
    }
    for n in range(2):
        producer.produce(world.dead, b"sample %d" % n, b"7", 0, headers=[(k, v.encode()) for k, v in says.items()])
    producer.flush(10)
    found = cases(world)
    assert [case.ref for case in found] == ["juliu.dead:0:0", "juliu.dead:0:1"]
    assert replay(world).summary() == {"refused": {"it never was in the log": 2}}
    drop(world, found[1:])
    assert [case.done is None for case in cases(world)] == [True, False]
    assert cases(world, group="store") == []
    assert len(cases(world, reason="seq")) == 2


def test_a_bad_deploy_stops_at_its_budget_and_the_mended_version_counts_everything(world: World) -> None:
    """Poison end to end: budget in Redis, by code version; letters; the way back."""
    left, shares = 10, 25
    with world.redis() as client:
        minute = int(client.time()[0]) // 60  # type: ignore[index]
        client.hset(keys.poison_budget("counters", "v1", minute), "poison", AT_LEAST - left)
    for user_id in range(1, 1 + shares):
        world.put(a_share(user_id))
    world.pulse()
    for _ in range(2):  # started again by the supervisor: the budget is not renewed
        with pytest.raises(Ended, match=str(exits.POISONED)):
            asyncio.run(world.fold("counters", make_fold=Unfolding))
        assert len(cases(world)) == left
    asyncio.run(world.fold("store"))
    asyncio.run(world.fold("counters", version="mended"))
    counted = world.total("shares")  # also what was buried while its fence had not passed
    assert shares - left <= counted < shares
    done = replay(world)
    missed = shares - counted
    assert done.summary()["counters"] == {"counted": missed, "was there already": left - missed}
    assert done.summary()["store"] == {"was there already": left}
    assert world.total("shares") == shares
    equal(world)
