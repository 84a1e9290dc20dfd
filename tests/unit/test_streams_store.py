"""The store worker on the twins of its stores: every event a row once, whatever the stores and the group do to it."""

from __future__ import annotations

import random

import msgspec
import pytest

from domain import keys
from domain.blocks import Cutter, encode_format
from domain.topics import PULSE_KEY, partition_of
from infra.fold_store import Wait
from tests.store_rig import PARTITIONS, Log, Rig, a_log, a_rig
from tests.stream import Stream


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.waits.FIRST_S", 0.0)


def is_exact(rig: Rig) -> None:
    """Each event is one row; the blocks follow each other and tell how many rows they put in."""
    assert rig.stored() == rig.log.identities()
    for p in range(PARTITIONS):
        ends = [-1, *(last for _, last in rig.blocks(p))]
        assert [first for first, _ in rig.blocks(p)] == [end + 1 for end in ends[:-1]]
    assert sum(stored.rows for _, _, stored in rig.rows.blocks) == rig.stored().total()


@pytest.mark.parametrize("size", [1, 37, 5000])
async def test_each_event_is_one_row_however_the_log_is_handed_over(size):
    rig = await a_rig(a_log())
    await rig.drain(size)
    is_exact(rig)


async def test_blocks_do_not_depend_on_how_the_log_is_handed_over():
    cut = []
    for size in (1, 37, 5000):
        rig = await a_rig(a_log())
        await rig.drain(size)
        cut.append([rig.blocks(p) for p in range(PARTITIONS)])
    assert cut[0] == cut[1] == cut[2]
    assert len(cut[0][0]) > 5


@pytest.mark.parametrize("limit", [1, 2, 10])
async def test_blocks_are_those_of_the_cutter(limit):
    log = a_log(200)
    rig = await a_rig(log)
    kept = {keys.block_format(1, p): {keys.BLOCK_FORMAT: encode_format(limit)} for p in range(PARTITIONS)}
    for p in range(PARTITIONS):
        rig.windows.parts[1, p].hashes.update(kept)
    rig.start()
    await rig.join()
    await rig.drain(31)
    for p, part in enumerate(log.parts):
        cutter = Cutter(0, limit)
        cut = [cutter.take(record.offset, record.key == PULSE_KEY) for record in part]
        assert rig.blocks(p) == [(block.first, block.last) for block in cut if block is not None]


@pytest.mark.parametrize("seed", range(10))
async def test_lost_calls_unanswered_calls_restarts_and_forgotten_tokens_change_nothing(seed):
    rnd = random.Random(seed)

    def trouble(what: str) -> None:
        if rnd.random() < 0.15:
            raise Wait("clickhouse", what)

    rig = Rig(a_log(seed=seed), iter(lambda: rnd.choice(["lost", "unanswered", *[None] * 6]), "never"))
    rig.rows.trouble = trouble
    await rig.join()
    for _ in range(80):
        p = rnd.randrange(PARTITIONS)
        if rnd.random() < 0.15:
            rig.positions[p] = max(0, rig.positions[p] - rnd.randrange(100))  # delivered again
        if rnd.random() < 0.15:
            rig.start()
            await rig.join()
        if rnd.random() < 0.2:
            rig.rows.tokens.clear()
        await rig.fetch(p, rnd.randrange(1, 80))
    await rig.drain()
    is_exact(rig)


async def test_an_insert_whose_answer_was_lost_is_asked_for_before_it_is_sent_again():
    rig = await a_rig(a_log(60))
    lost = iter(["after insert"])

    def trouble(what: str) -> None:
        if what == "after insert" and next(lost, None):
            rig.rows.tokens.clear()
            raise Wait("clickhouse", what)

    rig.rows.trouble = trouble
    await rig.drain()
    is_exact(rig)


async def test_without_that_question_rows_would_double(monkeypatch):
    monkeypatch.setattr("domain.fences.must_ask", lambda doubt, rows: False)
    rig = await a_rig(a_log(60))
    lost = iter(["after insert"])

    def trouble(what: str) -> None:
        if what == "after insert" and next(lost, None):
            rig.rows.tokens.clear()
            raise Wait("clickhouse", what)

    rig.rows.trouble = trouble
    await rig.drain()
    assert rig.stored().total() > rig.log.identities().total()


async def test_the_question_is_asked_after_an_assignment_and_not_for_every_block():
    rig = await a_rig(a_log())
    await rig.drain()
    asked = rig.rows.calls.count("holds")
    assert asked == PARTITIONS
    assert rig.rows.calls.count("close") > 3 * asked


async def test_a_zombie_that_stores_the_same_log_adds_nothing():
    rig = await a_rig(a_log())
    zombie, positions = rig.group, dict(rig.positions)
    rig.start()
    await rig.join()
    for at in range(0, 200, 40):
        for p in range(PARTITIONS):
            await rig.fetch(p, 40)
            zombie.put(p, rig.log.parts[p][positions[p] + at : positions[p] + at + 25], lambda: None)
            for task in list(zombie._tasks.values()):
                await task
    await rig.drain()
    is_exact(rig)


async def test_windows_that_went_back_are_folded_forward_without_new_rows():
    rig = await a_rig(a_log())
    for p in range(PARTITIONS):
        await rig.fetch(p, 100)
    kept = msgspec.msgpack.encode([vars(rig.windows.parts[1, p]) for p in range(PARTITIONS)], enc_hook=list)
    for p in range(PARTITIONS):
        await rig.fetch(p, 100)
    for p, values in enumerate(msgspec.msgpack.decode(kept)):
        vars(rig.windows.parts[1, p]).update(values)
    rig.start()
    await rig.join()
    await rig.drain()
    is_exact(rig)


async def test_a_limit_that_a_pulse_brings_holds_from_the_next_block_on_also_after_a_restart():
    rig = Rig(Log())
    stream = Stream(1, 5)
    p = partition_of(stream.next().user_id, PARTITIONS)
    for _ in range(5):
        rig.log.put(stream.next())
    rig.log.pulse(p, b"1,7")
    for _ in range(20):
        rig.log.put(stream.next())
    await rig.join()
    await rig.fetch(p, 10)
    rig.start()
    await rig.join()
    await rig.drain()
    assert rig.blocks(p)[:3] == [(0, 5), (6, 12), (13, 19)]
    assert [stored.next_limit for at, _, stored in rig.rows.blocks if at == p] == [7] * len(rig.blocks(p))


async def test_poison_is_in_the_dead_letters_once_and_its_block_goes_on():
    rig = await a_rig(a_log(100))
    bad = {(0, rig.log.append(0, b"1", b"{")), (0, rig.log.append(0, b"1", b"")), (1, rig.log.append(1, b"1", b"[]"))}
    lost = iter(["close"])

    def trouble(what: str) -> None:
        if what == next(lost, None):
            raise Wait("clickhouse", what)

    rig.rows.trouble = trouble
    good = rig.log.parts
    await rig.drain()
    assert (set(rig.dead.offsets), len(rig.dead.offsets)) == (bad, len(bad))
    assert sum(stored.poison for _, _, stored in rig.rows.blocks) == 3
    rig.log.parts = [[r for r in part if (p, r.offset) not in bad] for p, part in enumerate(good)]
    assert rig.stored() == rig.log.identities()


async def test_late_events_and_those_too_old_to_tell_have_a_table_of_their_own():
    stream, log = Stream(1, 5), Log()
    first = stream.next()
    told = [msgspec.structs.replace(first, seq=seq) for seq in range(2, 90, 2)]  # 44 gaps: the lowest are closed
    old, late = msgspec.structs.replace(first, seq=1), msgspec.structs.replace(first, seq=3000, late=True)
    for event in (*told, old, late):
        log.put(event)
    rig = await a_rig(log)
    await rig.drain()
    assert sorted(seq for _, _, seq in rig.stored()) == [event.seq for event in told]
    assert sorted(seq for _, _, seq in rig.stored("late_events")) == [1, 3000]
    assert sum(stored.late for _, _, stored in rig.rows.blocks) == 2


async def test_a_block_over_two_months_is_an_insert_for_each():
    stream, log = Stream(1, 5), Log()
    day_ms, event = 86_400_000, stream.next()
    for seq in range(1, 61):
        log.put(msgspec.structs.replace(event, seq=seq, received_at_ms=event.received_at_ms + seq % 40 * day_ms))
    rig = await a_rig(log)
    await rig.drain()
    assert rig.rows.calls.count("insert") in (2, 3)
    is_exact(rig)


async def test_an_open_block_is_told_to_the_pulse_clock_once_it_has_an_event():
    log = Log()
    rig = await a_rig(log)
    log.pulse(0)
    await rig.fetch(0, 1)
    assert rig.work.open_blocks() == {}
    log.append(0, b"1", b"{")
    await rig.fetch(0, 1)
    assert rig.work.open_blocks()[0].first == 0
    log.pulse(0)
    await rig.fetch(0, 1)
    assert rig.work.open_blocks() == {}


async def test_a_worker_that_another_has_overtaken_sends_nothing():
    rig = await a_rig(a_log())
    zombie, positions = rig.group, dict(rig.positions)
    rig.start()
    await rig.join()
    await rig.drain()
    rig.rows.calls.clear()
    zombie.put(0, rig.log.parts[0][positions[0] : positions[0] + 60], lambda: None)
    while zombie._tasks:
        await next(iter(zombie._tasks.values()))
    assert {"insert", "close"}.isdisjoint(rig.rows.calls)


async def test_a_worker_whose_windows_were_not_applied_begins_again():
    late = msgspec.structs.replace(Stream(1, 5).next(), late=True)  # needs no windows, so nothing else tells
    log, p = Log([late]), partition_of(late.user_id, PARTITIONS)
    rig = await a_rig(log)
    zombie, opened = rig.group, rig.work.opened
    log.pulse(p)
    rig.windows.parts[1, p].fence = 1
    before = opened[p]
    zombie.put(p, log.parts[p], lambda: None)
    while zombie._tasks:
        await next(iter(zombie._tasks.values()))
    assert opened[p] is not before


async def test_a_block_that_is_being_stored_is_not_behind_the_known_fence_yet():
    """Else the watchdog would take every block for a store that went back, and have it fetched again."""
    rig = await a_rig(a_log())
    known: list[bool] = []
    rig.rows.trouble = lambda _: known.append([*rig.group.fences().values()] == rig.fences())
    await rig.drain()
    assert len(known) > 5
    assert all(known)
