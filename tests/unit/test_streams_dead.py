"""Poison: what a dead letter says, what comes before the fence may pass, and what ends the process."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from domain import events
from domain.topics import PULSE_KEY, partition_of
from infra import exits
from infra.fold_store import Wait
from streams import records
from streams.dead import LETTERS, Dead, code_version
from streams.log_writer import Letter
from streams.waits import Waits
from tests.ended import Ended, ends
from tests.log_records import FakeRecord


class Budget:
    """streams.dead.Budget with a number of its own."""

    def __init__(self, left: int) -> None:
        self.left = left

    async def allows(self, poison: int) -> bool:
        """See Budget."""
        return poison <= self.left

    async def spend(self, poison: int) -> None:
        """See Budget."""
        self.left -= poison


class Box:
    """Letters that arrived; the first `away` writes fail."""

    def __init__(self, away: int = 0) -> None:
        self.letters: list[Letter] = []
        self.away, self.largest = away, 0

    async def write(self, letters: Sequence[Letter]) -> None:
        """See Letters."""
        if self.away:
            self.away -= 1
            raise Wait("kafka", "away")
        self.largest = max(self.largest, len(letters))
        self.letters += letters


def a_dead(box: Box, left: int = 10_000) -> tuple[Dead, Budget]:
    """Dead letters of the counters group."""
    budget = Budget(left)
    return Dead("counters", box, budget, "v1", ends), budget  # type: ignore[arg-type]


async def test_a_dead_letter_keeps_the_bytes_and_says_where_they_were_and_why() -> None:
    box = Box()
    dead, _ = a_dead(box)
    await dead.bury(3, [(FakeRecord(77, b"12", b"\xff{"), "undecodable: byte 0")])
    (letter,) = box.letters
    assert (letter.topic, letter.key, letter.value) == ("juliu.dead", b"12", b"\xff{")
    assert dict(letter.headers) == {
        "topic": b"juliu.events", "partition": b"3", "offset": b"77", "group": b"counters",
        "reason": b"undecodable: byte 0", "version": b"v1",
    }  # fmt: skip


async def test_until_a_dead_letter_is_acknowledged_the_caller_waits_and_nothing_is_spent() -> None:
    box = Box(away=1)
    dead, budget = a_dead(box)
    with pytest.raises(Wait):
        await dead.bury(3, [(FakeRecord(1, b"1", b"x"), "bad")])
    assert budget.left == 10_000
    await dead.bury(3, [(FakeRecord(1, b"1", b"x"), "bad")])
    assert budget.left == 9_999


async def test_past_the_budget_the_process_ends_before_a_letter_is_written() -> None:
    box = Box()
    dead, _ = a_dead(box, left=2)
    await dead.bury(3, [(FakeRecord(i, b"1", b"x"), "bad") for i in range(2)])
    with pytest.raises(Ended, match=str(exits.POISONED)):
        await dead.bury(3, [(FakeRecord(2, b"1", b"x"), "bad")])
    assert len(box.letters) == 2


async def test_many_letters_are_written_in_bounded_batches() -> None:
    box = Box()
    dead, _ = a_dead(box)
    await dead.bury(3, [(FakeRecord(i, b"1", b"x"), "bad" * 500) for i in range(LETTERS * 2 + 1)])
    assert len(box.letters) == LETTERS * 2 + 1
    assert box.largest == LETTERS
    assert len(dict(box.letters[0].headers)["reason"]) == records.MAX_REASON


def test_the_code_version_is_that_of_the_code() -> None:
    assert code_version() == code_version()
    assert len(code_version()) == 12


def an_event(**fields: Any) -> events.Impression:
    """A stamped impression."""
    known: dict[str, Any] = {
        "event_id": "e", "seq": 1, "at_ms": 1, "user_id": 7, "session_id": "s", "received_at_ms": 5, "drama_id": 3,
    }  # fmt: skip
    return events.Impression(**(known | fields))


def test_a_stamped_event_in_its_partition_is_read() -> None:
    event = an_event()
    record = FakeRecord(0, b"7", events.encode(event))
    pulse = FakeRecord(1, PULSE_KEY, b"")
    assert records.read_all([record, pulse], partition_of(7, 4), 4) == ([event, None], [])


@pytest.mark.parametrize(
    "value",
    [
        b"", None, b"{}", b"null", b"[]", b"\xff", b"\x00", b'{"type":"nothing"}', b"[" * 200_000, b'{"type":' * 50_000,
        msgspec.json.encode({"type": "impression", "drama_id": 3}),
        events.encode(an_event(user_id=0)), events.encode(an_event(session_id="")),
        events.encode(an_event(received_at_ms=0)), events.encode(an_event(user_id=8)),
        events.encode(an_event()).replace(b'"seq":1', b'"seq":NaN'),
        events.encode(an_event()).replace(b'"seq":1', b'"seq":0'),
        events.encode(an_event()).replace(b'"drama_id":3', b'"drama_id":99999999999999999999'),
    ],
    ids=lambda value: repr(value)[:30],
)  # fmt: skip
def test_what_cannot_be_an_event_is_poison(value: bytes | None) -> None:
    p = partition_of(7, 4)
    assert partition_of(8, 4) != p
    bad, good = FakeRecord(0, b"7", value), FakeRecord(1, b"7", events.encode(an_event()))
    read, poison = records.read_all([bad, good], p, 4)
    assert read == [None, an_event()]
    assert [record for record, _ in poison] == [bad]


async def test_waits_are_declared_until_they_are_over() -> None:
    waits = Waits()
    await waits.pause(2, Wait("clickhouse", "away"))
    assert {p: (w.store, w.times) for p, w in waits.now().items()} == {2: ("clickhouse", 1)}
    await asyncio.gather(waits.pause(2, Wait("redis", "away")), waits.pause(1, Wait("redis", "away")))
    assert {p: (w.store, w.times) for p, w in waits.now().items()} == {2: ("redis", 2), 1: ("redis", 1)}
    waits.done(2)
    assert set(waits.now()) == {1}
    waits.keep(frozenset({2, 3}))
    assert waits.now() == {}


async def test_a_wait_that_nobody_repeats_is_no_excuse(monkeypatch: pytest.MonkeyPatch) -> None:
    waits = Waits()
    await waits.pause(2, Wait("redis", "away"))
    monkeypatch.setattr("streams.waits.FRESH_S", -1.0)
    assert waits.now() == {}
