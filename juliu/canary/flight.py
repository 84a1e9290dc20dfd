"""One canary: sent through the API, then looked for in every store until it is there or the time is over."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple, Protocol

import msgspec

from domain import canary
from infra.waiting import set_within

WITHIN_S = 20.0  # a worker that was killed has its partitions after 2 to 5 s, another takes them after 15
FIRST_LOOK_S, LOOK_S = 0.02, 0.5  # between two looks, doubled each time: the first ones measure, the later ones wait


class Stage(StrEnum):
    """How far a canary has come.  `accepted`: the API answered that it is in the log for good."""

    ACCEPTED = "accepted"
    COUNTED = "counted"
    STORED = "stored"


class Failure(StrEnum):
    """Where it was lost sight of.  `unknown`: no answer, or one that says to try again."""

    REFUSED = "refused"
    UNKNOWN = "unknown"
    NOT_COUNTED = "not_counted"
    NOT_STORED = "not_stored"


MISSED = {Stage.COUNTED: Failure.NOT_COUNTED, Stage.STORED: Failure.NOT_STORED}


class Bird(NamedTuple):
    """The canary of one partition, sent at `at_ms` by the clock of who sends it."""

    partition: int
    user_id: int
    session_id: str
    seq: int
    at_ms: int

    @classmethod
    def of(cls, partition: int, partitions: int, at_ms: int) -> Bird:
        """The one that leaves then.  Raises ValueError where there is no such partition."""
        user_id = canary.user_of(partition, partitions)
        return cls(partition, user_id, canary.session_of(user_id, at_ms), canary.seq_at(at_ms), at_ms)

    def body(self) -> bytes:
        """What it posts."""
        event = {
            "type": str(canary.EVENT.__struct_config__.tag), "event_id": str(uuid.uuid4()), "seq": self.seq,
            "at_ms": self.at_ms, "drama_id": canary.DRAMA_ID, "source": "canary",
        }  # fmt: skip
        batch = {"session_id": self.session_id, "sent_at_ms": self.at_ms, "client": {"platform": "canary"}}
        return msgspec.json.encode({**batch, "events": [event]})


class Refused(Exception):
    """The API will never take it as it is: 4xx, or rejected in a 202."""


class Unknown(Exception):
    """It may or may not be in the log."""


class Away(Exception):
    """A store does not answer."""


class Gate(Protocol):
    """The API."""

    async def send(self, bird: Bird) -> None:
        """Return when it was accepted.  Raises Refused, Unknown."""


class Place(Protocol):
    """A store where it must arrive.  Both calls end in bounded time and may raise Away."""

    async def before(self, bird: Bird) -> None:
        """Remember how things stand before it is sent."""

    async def has(self, bird: Bird) -> bool:
        """Whether its effects are there."""


class Flight(msgspec.Struct, frozen=True):
    """What became of a canary: seconds from sending to each stage that it reached, and where it was lost sight of.

    `silent`: somebody did not answer, so that nothing is known of what the event met behind it.
    """

    partition: int
    user_id: int
    seconds: dict[Stage, float]
    failures: list[Failure] = []
    detail: str = ""
    silent: bool = False

    def sentence(self) -> str:
        """For people."""
        reached = ", ".join(f"{stage} {seconds:.3f} s" for stage, seconds in self.seconds.items())
        lost = ", ".join(failure.replace("_", " ") for failure in self.failures)
        why = f" ({self.detail})" if self.detail else ""
        return f"partition {self.partition}: {'; '.join(filter(None, (reached, lost)))}{why}"


async def fly(
    bird: Bird, gate: Gate, places: Mapping[Stage, Place], stop: asyncio.Event, within_s: float = WITHIN_S
) -> Flight | None:
    """Send it and follow it for `within_s` at most; None when `stop` was set meanwhile."""
    for place in places.values():
        await _before(place, bird)
    began_s = time.monotonic()
    try:
        if not await _sent(bird, gate, stop):
            return None
    except Refused as error:
        return Flight(bird.partition, bird.user_id, {}, [Failure.REFUSED], str(error))
    except Unknown as error:
        return Flight(bird.partition, bird.user_id, {}, [Failure.UNKNOWN], str(error), silent=True)
    accepted_s = time.monotonic() - began_s
    looks = [_follow(bird, place, began_s, began_s + within_s, stop) for place in places.values()]
    found = dict(zip(places, await asyncio.gather(*looks), strict=True))
    if stop.is_set() and any(isinstance(arrival, str) for arrival in found.values()):
        return None
    return _followed(bird, accepted_s, found)


def _followed(bird: Bird, accepted_s: float, found: Mapping[Stage, float | str]) -> Flight:
    """The flight of one that was accepted; `found`: what _follow says of each stage behind that."""
    seconds = {Stage.ACCEPTED: accepted_s}
    seconds |= {stage: arrival for stage, arrival in found.items() if isinstance(arrival, float)}
    lost = {stage: arrival for stage, arrival in found.items() if isinstance(arrival, str)}
    detail = "; ".join(dict.fromkeys(filter(None, lost.values())))
    rounded = {stage: round(taken, 4) for stage, taken in seconds.items()}
    return Flight(bird.partition, bird.user_id, rounded, [MISSED[stage] for stage in lost], detail, bool(detail))


async def _sent(bird: Bird, gate: Gate, stop: asyncio.Event) -> bool:
    """True when it was accepted, False when `stop` was set first.  Raises Refused, Unknown."""
    sending, stopping = asyncio.create_task(gate.send(bird)), asyncio.create_task(stop.wait())
    await asyncio.wait({sending, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if sending.done():
        sending.result()
        return True
    sending.cancel()
    await asyncio.wait({sending})
    return False


async def _before(place: Place, bird: Bird) -> None:
    try:
        await place.before(bird)
    except Away:
        return  # said by the looks that follow


async def _follow(bird: Bird, place: Place, began_s: float, until_s: float, stop: asyncio.Event) -> float | str:
    """Seconds until it was there; otherwise why nothing is known, empty where it is known not to be there."""
    pause_s, trouble = FIRST_LOOK_S, ""
    while time.monotonic() < until_s and not stop.is_set():
        try:
            if await place.has(bird):
                return time.monotonic() - began_s
            trouble = ""
        except Away as error:
            trouble = str(error)
        await set_within(stop, pause_s)
        pause_s = min(2 * pause_s, LOOK_S)
    return trouble
