"""Canaries again and again: a partition each time, all of them in turn, and what is known of them as metrics."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field

from infra import logs, metrics
from infra.waiting import set_within
from juliu.canary.flight import WITHIN_S, Bird, Flight, fly
from juliu.canary.places import Sky

AT_ONCE = 8
FIRST_AFTER_S = 10.0  # who starts everything at once starts the API too

log = logs.get(__name__)


@dataclass
class Turns:
    """Which partition is next: all in turn, and between two of them one whose last canary did not arrive."""

    partitions: int
    failing: list[int] = field(default_factory=list)
    _next: int = 0
    _again: bool = False

    def __iter__(self) -> Iterator[int]:
        return self

    def __next__(self) -> int:
        self._again = bool(self.failing) and not self._again
        if self._again:
            self.failing.append(self.failing.pop(0))
            return self.failing[-1]
        self._next, p = (self._next + 1) % self.partitions, self._next
        return p

    def took(self, flight: Flight) -> None:
        """Remember how it went."""
        if flight.partition in self.failing:
            self.failing.remove(flight.partition)
        if flight.failures:
            self.failing.append(flight.partition)


def note(flight: Flight, failing: int) -> None:
    """Into the metrics, and into the log what did not arrive; `failing` partitions did not of late."""
    for stage, seconds in flight.seconds.items():
        metrics.CANARY_SECONDS.labels(stage.value).observe(seconds)
    for failure in flight.failures:
        metrics.CANARY_FAILURES.labels(failure.value).inc()
    metrics.CANARY_FAILING.set(failing)
    if not flight.failures:
        metrics.CANARY_ARRIVED_AT.set(time.time())
        return
    failures = [failure.value for failure in flight.failures]
    log.warning("a canary did not arrive", partition=flight.partition, failures=failures, detail=flight.detail)


Tell = Callable[[Flight], object]
Send = Callable[[int], Awaitable[Flight | None]]


def sender(sky: Sky, partitions: int, stop: asyncio.Event, within_s: float = WITHIN_S) -> Send:
    """Sends one to a partition and follows it; None when `stop` was set meanwhile."""

    async def send(partition: int) -> Flight | None:
        bird = Bird.of(partition, partitions, time.time_ns() // 1_000_000)
        return await fly(bird, sky.gate, sky.places, stop, within_s)

    return send


async def keep_flying(
    send: Send, turns: Turns, tell: Tell, every_s: float, stop: asyncio.Event, *, first_after_s: float = FIRST_AFTER_S
) -> None:
    """Send one every `every_s`, or right after the one before where that took longer, until `stop`."""
    pause_s = min(first_after_s, every_s)
    while not await set_within(stop, pause_s):
        began_s = time.monotonic()
        flight = await send(next(turns))
        if flight is None:
            return
        turns.took(flight)
        tell(flight)
        pause_s = max(0.0, every_s - (time.monotonic() - began_s))


async def one_round(send: Send, partitions: int) -> list[Flight]:
    """One to every partition, some at once, in the order of the partitions."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(partition: int) -> Flight | None:
        async with turns:
            return await send(partition)

    flights = await asyncio.gather(*map(one, range(partitions)))
    return [flight for flight in flights if flight is not None]
