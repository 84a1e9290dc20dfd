"""From async code to calls that block: how many, how long, and what a call that hangs costs the others."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from ingest_api.errors import MoneyUnavailable
from ingest_api.threads import Threads

SHORT_S, LONG_S = 0.05, 30.0


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """Calls that wait at it end when it is set, at the latest with the test."""
    made = threading.Event()
    yield made
    made.set()


def threads(within_s: float = LONG_S, at_once: int = 2, waiting: int = 3) -> Threads:
    return Threads("test", MoneyUnavailable, at_once, waiting, within_s)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not true():  # noqa: ASYNC110 - it is told by threads
            await asyncio.sleep(0.001)


async def test_a_call_answers_or_raises_what_it_raised() -> None:
    one = threads()
    assert await one.run(partial(divmod, 7, 2)) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        await one.run(partial(divmod, 7, 0))
    with pytest.raises(TimeoutError, match="the call's own"):
        await one.run(partial(raises, TimeoutError("the call's own")))
    await one.close()


def raises(error: Exception) -> None:
    raise error


async def test_no_more_calls_run_at_once_than_there_are_threads(gate: threading.Event) -> None:
    one, lock, now, most = threads(), threading.Lock(), 0, 0

    def call() -> None:
        nonlocal now, most
        with lock:
            now, most = now + 1, max(most, now + 1)
        gate.wait(LONG_S)
        with lock:
            now -= 1

    calls = [asyncio.create_task(one.run(call)) for _ in range(5)]
    await until(lambda: now == 2)
    gate.set()
    await asyncio.gather(*calls)
    assert most == 2


async def test_past_the_queues_end_a_caller_is_sent_away_at_once(gate: threading.Event) -> None:
    one = threads()
    calls = [asyncio.create_task(one.run(partial(gate.wait, LONG_S))) for _ in range(5)]
    await asyncio.sleep(0)
    with pytest.raises(MoneyUnavailable):
        await one.run(int)
    gate.set()
    await asyncio.gather(*calls)
    assert await one.run(int) == 0


async def test_who_waits_too_long_is_sent_away_and_calls_not_begun_are_not_made(gate: threading.Event) -> None:
    one, made = threads(within_s=SHORT_S), list[int]()
    calls = [one.run(partial(gate.wait, LONG_S)) for _ in range(2)] + [one.run(partial(made.append, n)) for n in (1, 2)]
    outcomes = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [MoneyUnavailable] * 4
    gate.set()
    await one.close()
    assert made == []


async def test_calls_that_hang_keep_their_places_though_their_callers_have_gone(gate: threading.Event) -> None:
    one, begun = threads(within_s=SHORT_S), list[int]()

    def hang() -> None:
        begun.append(1)
        gate.wait(LONG_S)

    outcomes = await asyncio.gather(*(one.run(hang) for _ in range(40)), return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {MoneyUnavailable}
    with pytest.raises(MoneyUnavailable):
        await one.run(int)
    assert len(begun) == 2  # two threads hang, however many came
    gate.set()
    again = [0.0]

    def free() -> bool:
        return again == [1.0]

    async def ask() -> None:
        while not free():
            try:
                await one.run(partial(again.__setitem__, 0, 1.0))
            except MoneyUnavailable:
                await asyncio.sleep(0.001)

    async with asyncio.timeout(20):
        await ask()


async def test_after_the_end_there_is_no_call_and_no_error_but_busy() -> None:
    one = threads()
    await one.close()
    with pytest.raises(MoneyUnavailable):
        await one.run(int)
    await one.close()
