"""The counters worker on the twin of its store: every event once, whatever the store and the group do to it."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import msgspec
import pytest

from domain import events
from domain.fold import Fold
from domain.topics import PULSE_KEY, partition_of
from infra.fold_store import FenceMissing, Place
from tests.counters_rig import PARTITIONS, Log, Rig, a_log, equals_ledger
from tests.ended import Ended
from tests.stream import Stream, shuffled


@pytest.mark.parametrize("size", [1, 37, 1000])
async def test_every_event_counts_once_however_it_is_handed_over(size: int) -> None:
    rig = Rig(a_log(500))
    await rig.join()
    await rig.drain(size)
    equals_ledger(rig)
    assert rig.dead.letters == []


@pytest.mark.parametrize("seed", range(5))
async def test_lost_calls_unanswered_calls_restarts_and_redelivery_change_nothing(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.waits.FIRST_S", 0.0)
    rnd = random.Random(seed)
    faults = iter(lambda: rnd.choice(["lost", "unanswered", *[None] * 4]), "never")
    rig = Rig(a_log(300, seed), faults)
    await rig.join()
    for _ in range(60):
        p = rnd.randrange(PARTITIONS)
        if rnd.random() < 0.2:
            rig.positions[p] = max(0, rig.positions[p] - rnd.randrange(100))  # delivered again
        if rnd.random() < 0.1:
            rig.start()
            await rig.join()
        await rig.fetch(p, rnd.randrange(1, 120))
    await rig.drain()
    equals_ledger(rig)


@pytest.mark.parametrize("seed", range(4))
async def test_two_workers_that_fold_the_same_partitions_count_every_event_once(seed: int) -> None:
    rnd, first = random.Random(seed), Rig(a_log(700, seed, users=6))  # so few that nearly all their state is held
    second = Rig(first.log, store=first.store)
    await first.join()
    await second.join()
    for _ in range(400):
        await rnd.choice([first, second]).fetch(rnd.randrange(PARTITIONS), rnd.randrange(1, 6))
    await first.drain()
    equals_ledger(first)


async def test_poison_is_buried_once_though_the_store_is_away_when_the_fence_should_pass_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("streams.waits.FIRST_S", 0.0)
    log = Log()
    log.append(0, b"1", b"{")
    rig = Rig(log, iter([None] * PARTITIONS + ["lost"] * 5))
    await rig.join()
    await rig.drain()
    assert [(p, offset) for p, offset, _ in rig.dead.letters] == [(0, 0)]


async def test_a_store_that_went_back_is_folded_forward_again() -> None:
    rig = Rig(a_log(900))
    await rig.join()
    for p in range(PARTITIONS):
        await rig.fetch(p, 60)
    kept = msgspec.msgpack.encode([(p, vars(rig.store.parts[1, p])) for p in range(PARTITIONS)], enc_hook=list)
    for p in range(PARTITIONS):
        await rig.fetch(p, 90)
    for p, values in msgspec.msgpack.decode(kept):
        values["bitmaps"] = {key: set(bits) for key, bits in values["bitmaps"].items()}
        vars(rig.store.parts[1, p]).update(values)
        rig.group.doubt(p)
        await rig.settle()
    await rig.drain()
    equals_ledger(rig)


async def test_a_namespace_that_moves_is_gone_on_with_at_its_own_fence() -> None:
    rig = Rig(a_log(500))
    await rig.join()
    for p in range(PARTITIONS):
        await rig.fetch(p, 50)
        rig.store.make(p, 2)
        rig.store.use(p, 2)
    await rig.drain()
    equals_ledger(rig)


async def test_poison_goes_to_the_dead_letters_and_the_stream_goes_on() -> None:
    rig = Rig(a_log(200))
    good = next(iter(rig.log.parts[1])).value or b""
    elsewhere = next(r for part in rig.log.parts[:1] for r in part)
    bad = {
        rig.log.append(1, b"1", b"{"): "undecodable",
        rig.log.append(1, b"1", b""): "undecodable",
        rig.log.append(1, b"1", b"\xff" + good): "undecodable",
        rig.log.append(1, b"1", b"[" * 100_000): "undecodable",
        rig.log.append(1, b"1", good.replace(b'"user_id":', b'"user_ix":')): "unstamped",
        rig.log.append(1, b"1", elsewhere.value or b""): "wrong partition",
    }
    await rig.join()
    for p in range(PARTITIONS):
        while rig.positions[p] < len(rig.log.parts[p]):
            await rig.fetch(p, 100)
    assert {(p, offset): reason.split(":")[0] for p, offset, reason in rig.dead.letters} == {
        (1, offset): reason for offset, reason in bad.items()
    }
    assert rig.fences() == [len(part) - 1 for part in rig.log.parts]


class Fussy(Fold):
    """A fold with a mistake: it raises at impressions of drama 1, which every log has."""

    def _take(self, record: Any, totals: Any) -> None:
        super()._take(record, totals)
        if isinstance(record[1], events.Impression) and record[1].drama_id == 1:
            raise ZeroDivisionError("a mistake")


async def test_a_record_whose_fold_raises_is_poison_and_its_batch_is_not_lost() -> None:
    rig = Rig(a_log(600), make_fold=Fussy)
    await rig.join()
    await rig.drain()
    fussy = {
        (p, r.offset)
        for p, part in enumerate(rig.log.parts)
        for r in part
        if b'"impression"' in (r.value or b"") and b'"drama_id":1,' in (r.value or b"")
    }
    want = rig.log.ledger().numbers()
    assert want.pop((1, "impressions"))
    buried = [(p, offset) for p, offset, reason in rig.dead.letters if "ZeroDivisionError" in reason]
    assert sorted(set(buried)) == sorted(buried)  # each once
    assert set(buried) <= fussy
    assert rig.numbers() == want


async def test_a_record_whose_effects_the_store_refuses_is_poison() -> None:
    rig = Rig(a_log(400))
    user_id = next(u for u in range(1, 99) if partition_of(u, PARTITIONS) == 2)
    bad = events.Heartbeat(
        event_id="e", seq=1, at_ms=1, user_id=user_id, session_id="s", ts_ms=1, received_at_ms=1, drama_id=5,
        episode_no=1, play_id="p", duration_ms=2**53, from_ms=0, to_ms=2**53 - 1,
    )  # fmt: skip
    want = rig.log.ledger()
    rig.log.put(bad)
    at = len(rig.log.parts[2]) - 1
    for event in shuffled(Stream(60, 20, 9), 300):
        rig.log.put(event)
        want.take(msgspec.json.decode(events.encode(event)))
    await rig.join()
    await rig.drain()
    assert [(p, offset, reason.split(":")[0]) for p, offset, reason in rig.dead.letters] == [(2, at, "refused")]
    assert rig.numbers() == want.numbers()


async def test_pulses_and_late_events_have_no_effect_but_the_fence_passes_them() -> None:
    rig = Rig(Log())
    rig.log.append(0, PULSE_KEY, b"")
    user_id = next(u for u in range(1, 99) if partition_of(u, PARTITIONS) == 0)
    late = events.Impression(
        event_id="e", seq=1, at_ms=1, user_id=user_id, session_id="s", ts_ms=1, received_at_ms=9, late=True, drama_id=5
    )
    rig.log.put(late)
    await rig.join()
    await rig.drain()
    assert rig.fences()[0] == 1
    assert rig.numbers() == {}
    assert rig.dead.letters == []


async def test_state_that_cannot_be_read_stops_the_process() -> None:
    rig = Rig(a_log(300))
    await rig.join()
    for p in range(PARTITIONS):
        await rig.fetch(p, 30)
    for cells in rig.store.parts[1, 0].hashes.values():
        for field in cells:
            cells[field] = "?" if field == "w" else cells[field]
    rig.start()
    await rig.join()
    with pytest.raises(Ended) as ended:
        await rig.fetch(0, 100)
    assert ended.value.args[0] == 72


async def test_a_broken_fence_is_waited_for_until_the_partition_was_made_anew() -> None:
    rig = Rig(a_log(10))
    rig.store.broken[1, 2] = "broken 5"
    joining = asyncio.create_task(rig.join())
    for _ in range(100):
        await asyncio.sleep(0)
    waits = rig.group.waits.now()
    assert (waits[2].store, waits[2].needs) == ("rebuild", "juliu rebuild redis")
    rig.store.broken.clear()
    await asyncio.wait_for(joining, 10)
    assert rig.group.held == {0, 1, 2, 3}
    assert not rig.group.waits.now()


async def test_a_partition_begins_behind_its_fence() -> None:
    rig = Rig(a_log(10))
    rig.store.parts[1, 3].fence = 41
    await rig.join()
    assert rig.positions == {0: 0, 1: 0, 2: 0, 3: 42}
    assert await rig.store.fence(3) == Place(1, 41)
    rig.store.lose_fence(3)
    with pytest.raises(FenceMissing):
        await rig.work.open(3)
