"""A canary's flight: followed stage by stage, told where it was lost; and whose turn it is."""

from __future__ import annotations

import asyncio
import itertools
import json
import uuid

import msgspec
import pytest
from prometheus_client import REGISTRY

from domain import canary
from domain.topics import partition_of
from juliu.canary.flight import Away, Bird, Failure, Flight, Refused, Stage, Unknown, fly
from juliu.canary.places import judge
from juliu.canary.turns import Turns, keep_flying, note, one_round

AT_MS = 1_790_000_000_000
BIRD = Bird.of(1, 4, AT_MS)
SHORT_S = 0.05


class GateTwin:
    """Takes everything, or says what it was told to."""

    def __init__(self, says: Exception | None = None, hangs: bool = False) -> None:
        self.says, self.hangs, self.sent = says, hangs, asyncio.Event()

    async def send(self, bird: Bird) -> None:
        self.sent.set()
        if self.hangs:
            await asyncio.Event().wait()
        if self.says:
            raise self.says


class PlaceTwin:
    """Has it at the look number `at_look`, never where that is 0; or is away."""

    def __init__(self, at_look: int = 1, away: bool = False) -> None:
        self.at_look, self.away, self.looks = at_look, away, 0

    async def before(self, bird: Bird) -> None:
        if self.away:
            raise Away("nobody at home")

    async def has(self, bird: Bird) -> bool:
        await self.before(bird)
        self.looks += 1
        return self.looks == self.at_look


async def flown(gate: GateTwin, counted: PlaceTwin, stored: PlaceTwin) -> Flight:
    places = {Stage.COUNTED: counted, Stage.STORED: stored}
    flight = await fly(BIRD, gate, places, asyncio.Event(), SHORT_S)
    assert flight is not None
    return flight


def test_it_says_what_the_api_wants_to_hear():
    batch = json.loads(BIRD.body())
    (event,) = batch["events"]
    assert batch["session_id"] == str(uuid.UUID(BIRD.session_id))
    assert (event["type"], event["drama_id"], event["seq"]) == ("impression", canary.DRAMA_ID, BIRD.seq)
    assert partition_of(BIRD.user_id, 4) == 1


async def test_it_arrives():
    flight = await flown(GateTwin(), PlaceTwin(1), PlaceTwin(2))
    assert list(flight.seconds) == [Stage.ACCEPTED, Stage.COUNTED, Stage.STORED]
    assert flight.seconds[Stage.ACCEPTED] <= flight.seconds[Stage.COUNTED] <= flight.seconds[Stage.STORED]
    assert (flight.failures, flight.silent) == ([], False)


@pytest.mark.parametrize(
    ("says", "failure", "silent"),
    [(Refused("401"), Failure.REFUSED, False), (Unknown("503"), Failure.UNKNOWN, True)],
)
async def test_what_the_api_does_not_take_is_not_looked_for(says, failure, silent):
    counted = PlaceTwin()
    flight = await flown(GateTwin(says), counted, PlaceTwin())
    assert (flight.failures, flight.detail, flight.silent) == ([failure], str(says), silent)
    assert (flight.seconds, counted.looks) == ({}, 0)


@pytest.mark.parametrize(
    ("counted", "stored", "failures"),
    [(0, 1, [Failure.NOT_COUNTED]), (1, 0, [Failure.NOT_STORED]), (0, 0, [Failure.NOT_COUNTED, Failure.NOT_STORED])],
)
async def test_where_it_does_not_come_is_told_by_stage(counted, stored, failures):
    flight = await flown(GateTwin(), PlaceTwin(counted), PlaceTwin(stored))
    assert (flight.failures, flight.silent) == (failures, False)
    assert Stage.ACCEPTED in flight.seconds


async def test_a_store_that_does_not_answer_is_told_apart():
    flight = await flown(GateTwin(), PlaceTwin(away=True), PlaceTwin())
    assert (flight.failures, flight.silent, flight.detail) == ([Failure.NOT_COUNTED], True, "nobody at home")
    assert "nobody at home" in flight.sentence()


@pytest.mark.parametrize("hangs", [True, False])
async def test_it_is_let_go_when_the_process_stops(hangs):
    gate, stop = GateTwin(hangs=hangs), asyncio.Event()
    flight = asyncio.create_task(fly(BIRD, gate, {Stage.COUNTED: PlaceTwin(0)}, stop, 600.0))
    await gate.sent.wait()
    stop.set()
    async with asyncio.timeout(5):
        assert await flight is None


def test_all_partitions_have_their_turn():
    turns = Turns(3)
    assert list(itertools.islice(turns, 7)) == [0, 1, 2, 0, 1, 2, 0]


def a_flight(partition: int, *failures: Failure) -> Flight:
    seconds = {} if failures else {Stage.ACCEPTED: 0.01, Stage.COUNTED: 0.02, Stage.STORED: 1.0}
    return Flight(partition, 1, seconds, list(failures))


def test_one_that_failed_is_tried_again_between_the_others():
    turns = Turns(4)
    turns.took(a_flight(2, Failure.NOT_COUNTED))
    assert list(itertools.islice(turns, 6)) == [2, 0, 2, 1, 2, 2]
    turns.took(a_flight(3, Failure.UNKNOWN))
    assert set(itertools.islice(turns, 4)) >= {2, 3}
    turns.took(a_flight(2))
    turns.took(a_flight(3))
    assert turns.failing == []


async def test_they_fly_until_stopped_and_every_one_is_told():
    stop, told = asyncio.Event(), list[int]()

    async def send(partition: int) -> Flight | None:
        if len(told) == 5:
            stop.set()
            return None
        return a_flight(partition)

    async with asyncio.timeout(5):
        await keep_flying(send, Turns(2), lambda flight: told.append(flight.partition), 0.0, stop, first_after_s=0.0)
    assert told == [0, 1, 0, 1, 0]


async def test_a_round_is_one_to_every_partition():
    async def send(partition: int) -> Flight | None:
        return a_flight(partition)

    assert [flight.partition for flight in await one_round(send, 20)] == list(range(20))


def sample(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def test_what_became_of_it_is_in_the_metrics():
    before = {failure: sample("juliu_canary_failures_total", failure=failure) for failure in Failure}
    stored = sample("juliu_canary_seconds_count", stage="stored")
    note(a_flight(0, Failure.NOT_STORED), 1)
    assert sample("juliu_canary_failures_total", failure="not_stored") == before[Failure.NOT_STORED] + 1
    assert sample("juliu_canary_failing_partitions") == 1
    note(a_flight(0), 0)
    assert sample("juliu_canary_seconds_count", stage="stored") == stored + 1
    assert sample("juliu_canary_failing_partitions") == 0
    assert sample("juliu_canary_arrived_at_seconds") > AT_MS / 1000


def test_it_can_be_read_by_programs():
    told = json.loads(msgspec.json.encode(a_flight(3, Failure.UNKNOWN)))
    assert told["partition"] == 3
    assert told["failures"] == ["unknown"]


@pytest.mark.parametrize(
    ("status", "text", "raises"),
    [
        (202, b'{"accepted":1,"rejected":0}', None),
        (202, b'{"accepted":0,"rejected":1,"results":[{"reason":"unknown_drama"}]}', Refused),
        (401, b'{"error":{"code":"token_invalid"}}', Refused),
        (404, b"<html>a proxy</html>", Refused),
        (429, b"", Unknown),
        (500, b"{}", Unknown),
        (503, b'{"error":{"code":"log_unavailable"}}', Unknown),
        (202, b"half an answ", Unknown),
    ],
)
def test_what_the_api_answers_is_taken_at_its_word(status, text, raises):
    if raises is None:
        judge(status, text)
        return
    with pytest.raises(raises, match=str(status)):
        judge(status, text)
