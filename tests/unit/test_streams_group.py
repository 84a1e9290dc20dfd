"""The group pattern: what is queued, paused, opened again, fetched again, and how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from infra import exits
from infra.fold_store import Broken, NamespaceMoved, Wait
from streams import group
from streams.group import Moved
from tests.ended import Ended
from tests.group_rig import Rig, Taking, Working
from tests.log_records import FakeRecord


@pytest.fixture
async def rig(monkeypatch: pytest.MonkeyPatch) -> Rig:
    """A group whose back-off is nothing."""
    monkeypatch.setattr("streams.waits.FIRST_S", 0.0)
    rig = Rig()
    assert await rig.group.positions([0]) == {0: 0}
    return rig


async def test_runs_are_taken_in_order_and_acknowledged(rig: Rig) -> None:
    rig.put(0, 3)
    rig.put(4, 4)
    await rig.settle()
    rig.put(5, 9)
    await rig.settle()
    assert rig.work.took == list(range(10))
    assert rig.acked == [3, 4, 9]


async def test_what_piles_up_is_taken_at_once(rig: Rig) -> None:
    rig.work.gate.clear()
    rig.put(0, 0)
    await asyncio.sleep(0)
    for i in range(1, 6):
        rig.put(i, i)
    taken: list[int] = []
    rig.work.gate.set()
    await rig.settle()
    assert rig.work.took == list(range(6))
    assert rig.acked == list(range(6))
    assert taken == []


async def test_a_partition_with_too_much_queued_is_paused_until_it_was_taken(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group, "MAX_QUEUED", 10)
    rig.work.gate.clear()
    rig.put(0, 4)
    await asyncio.sleep(0)
    rig.put(5, 12)
    assert not rig.flow.paused
    rig.put(13, 16)
    assert rig.flow.paused == {0}
    rig.work.gate.set()
    await rig.settle()
    assert not rig.flow.paused
    assert rig.work.took == list(range(17))


async def test_a_new_assignment_forgets_what_was_queued_and_resumes_what_was_paused(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group, "MAX_QUEUED", 3)
    rig.work.gate.clear()
    rig.put(0, 0)
    await asyncio.sleep(0)
    rig.put(1, 9)
    assert rig.flow.paused == {0}
    await rig.group.positions([0])
    assert not rig.flow.paused
    rig.work.gate.set()
    await rig.settle()
    assert set(rig.work.took) == {0}  # maybe twice: a store refuses the second, by its fence


async def test_records_before_the_position_are_passed_over(rig: Rig) -> None:
    rig.work.fence = 4
    await rig.group.positions([0])
    rig.put(2, 7)
    await rig.settle()
    assert rig.work.took == [5, 6, 7]


async def test_a_run_that_a_seek_brought_twice_is_taken_once(rig: Rig) -> None:
    rig.put(0, 4)
    rig.put(0, 4)
    rig.put(3, 6)
    await rig.settle()
    assert rig.work.took == [0, 1, 2, 3, 4, 5, 6]
    assert rig.acked == [4, 4, 6]


async def test_runs_from_before_a_seek_do_not_spoil_those_after_it(rig: Rig) -> None:
    rig.put(8, 9)
    rig.put(0, 4)
    await rig.settle()
    assert rig.work.took == [0, 1, 2, 3, 4]
    assert rig.flow.sought == [(0, 0)]


async def test_what_lies_behind_a_gap_between_runs_is_fetched_again(rig: Rig) -> None:
    rig.put(0, 4)
    rig.put(8, 9)
    await rig.settle()
    assert rig.work.took == [0, 1, 2, 3, 4]
    assert rig.flow.sought == [(0, 5)]


async def test_a_run_with_a_hole_ends_the_process(rig: Rig) -> None:
    rig.group.put(0, [FakeRecord(i, b"1", b"x") for i in (0, 1, 3)], lambda: None)
    with pytest.raises(Ended, match=str(exits.UNFORESEEN)):
        await next(iter(rig.group._tasks.values()))


async def test_records_behind_a_gap_are_fetched_again(rig: Rig) -> None:
    rig.put(3, 7)
    await rig.settle()
    assert rig.flow.sought == [(0, 0)]
    assert rig.work.took == []


@pytest.mark.parametrize("error", [Moved("elsewhere"), NamespaceMoved("2"), Wait("redis", "away")])
async def test_after_an_error_that_passes_the_partition_is_opened_again(rig: Rig, error: Exception) -> None:
    rig.work.errors = [error]
    rig.put(0, 3)
    await rig.settle()
    assert rig.work.opened == 2
    assert rig.work.took == [0, 1, 2, 3]
    assert rig.group.waits.now() == {}


async def test_a_store_that_went_back_is_fed_from_there(rig: Rig) -> None:
    rig.put(0, 9)
    await rig.settle()
    rig.work.fence, rig.work.errors = 3, [Moved("went back")]
    rig.put(10, 12)
    await rig.settle()
    assert rig.flow.sought == [(0, 4)]


async def test_an_idle_partition_whose_store_went_back_is_fed_from_there(rig: Rig) -> None:
    rig.put(0, 9)
    await rig.settle()
    rig.work.fence = 3
    rig.group.doubt(0)
    await rig.settle()
    assert rig.flow.sought == [(0, 4)]


async def test_a_doubt_without_reason_changes_nothing(rig: Rig) -> None:
    rig.put(0, 9)
    await rig.settle()
    rig.group.doubt(0)
    rig.group.doubt(7)
    await rig.settle()
    assert rig.flow.sought == []


async def test_what_waits_says_so(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[dict[int, str]] = []
    rig.work.errors = [Wait("redis", "away")]

    async def fails_once(p: int) -> Taking:
        told.append({at: waiting.store for at, waiting in rig.group.waits.now().items()})
        return Taking(rig.work, 0)

    monkeypatch.setattr(rig.work, "open", fails_once)
    rig.put(0, 3)
    await rig.settle()
    assert told == [{0: "redis"}]


async def test_opening_waits_for_the_store(rig: Rig) -> None:
    rig.work.open_errors = [Wait("redis", "away"), Wait("redis", "away")]
    assert await rig.group.positions([0, 1]) == {0: 0, 1: 0}
    assert rig.work.opened == 5
    assert rig.group.waits.now() == {}  # though nothing has come to be taken


async def test_records_of_a_partition_that_was_lost_are_dropped(rig: Rig) -> None:
    await rig.group.positions([])
    rig.put(0, 3)
    await rig.settle()
    assert rig.work.took == []
    assert rig.group.positioned
    assert rig.group.held == frozenset()


def broken(work: Working) -> None:
    """The store is broken."""
    work.errors = [Broken("fence")]


def mistaken(work: Working) -> None:
    """A mistake of ours."""
    work.errors = [KeyError("a mistake")]


def lazy(work: Working) -> None:
    """A partition that takes nothing would be asked for ever."""
    work.step = -100


@pytest.mark.parametrize(
    ("wrong", "code"), [(broken, exits.STORE_BROKEN), (mistaken, exits.UNFORESEEN), (lazy, exits.UNFORESEEN)]
)
async def test_what_cannot_go_on_ends_the_process(rig: Rig, wrong: Callable[[Working], None], code: int) -> None:
    wrong(rig.work)
    rig.put(0, 3)
    with pytest.raises(Ended, match=str(code)):
        await next(iter(rig.group._tasks.values()))


async def test_a_broken_store_at_assignment_ends_the_process(rig: Rig) -> None:
    rig.work.open_errors = [Broken("fence")]
    with pytest.raises(Ended, match=str(exits.STORE_BROKEN)):
        await rig.group.positions([0])


async def test_a_stop_lets_what_is_being_applied_finish(rig: Rig) -> None:
    rig.put(0, 3)
    await asyncio.sleep(0)
    await rig.group.close()
    assert rig.work.took == [0, 1, 2, 3]
    assert not rig.group._tasks
