"""Replays a part of the log through the API, with a progress bar and live rates of the API and both workers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from redis.exceptions import RedisError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from infra.namespaces import GROUPS
from juliu.load.client import Client, Request, Sent
from juliu.load.positions import Fences, Stuck

SHOWN_EVERY_S = 0.5
LINE_EVERY_S = 10.0  # where there is no terminal


@dataclass
class Rates:
    """Events a second over the last moment: acknowledged, and folded by each group (pulses included)."""

    at_s: float
    counts: dict[str, int]

    def since(self, before: Rates) -> str:
        """The rates in words."""
        seconds = max(self.at_s - before.at_s, 1e-3)
        per_s = {name: (count - before.counts[name]) / seconds for name, count in self.counts.items()}
        return " · ".join(f"{name} {rate:,.0f}/s" for name, rate in per_s.items())


async def replay(
    client: Client, fences: Fences, requests: Iterable[Request], *, events: int, name: str, console: Console
) -> Sent:
    """Send all requests (`events` in all); what came of it.  Raises GaveUp, in a group."""
    sent, done = Sent(), asyncio.Event()
    with _bar(console, name, events) as bar:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_show(bar, sent, fences, done))
            try:
                await client.send(requests, sent)
            finally:
                done.set()  # no cancel(): wait_for of Python 3.11, which redis-py sends with, may swallow it
        bar.tell(sent.accepted, "")
    return sent


class _Bar:
    """A progress bar on a terminal, a line now and then elsewhere."""

    def __init__(self, console: Console, name: str, events: int, progress: Progress) -> None:
        self._console, self._name, self._events, self._progress = console, name, events, progress
        self._task = progress.add_task(name, total=events, rates="")
        self._said_at_s = time.monotonic()

    def tell(self, done: int, rates: str) -> None:
        self._progress.update(self._task, completed=done, rates=rates)
        if not self._console.is_terminal and time.monotonic() - self._said_at_s > LINE_EVERY_S:
            self._said_at_s = time.monotonic()
            self._console.print(f"  {self._name}: {done:,} of {self._events:,} events · {rates}")


@contextmanager
def _bar(console: Console, name: str, events: int) -> Iterator[_Bar]:
    columns = (
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), MofNCompleteColumn(),
        TextColumn("{task.fields[rates]}"), TimeRemainingColumn(),
    )  # fmt: skip
    with Progress(*columns, console=console) as progress:
        yield _Bar(console, name, events, progress)


async def _show(bar: _Bar, sent: Sent, fences: Fences, done: asyncio.Event) -> None:
    before = await _rates(sent, fences)
    while not done.is_set():
        with suppress(TimeoutError):
            await asyncio.wait_for(done.wait(), SHOWN_EVERY_S)
        try:
            now = await _rates(sent, fences)
        except (RedisError, OSError, Stuck):  # nothing to show while Redis is away or rebuilt; the events go on
            continue
        bar.tell(sent.accepted, now.since(before))
        before = now


async def _rates(sent: Sent, fences: Fences) -> Rates:
    folded = {group: sum(await fences.read(group)) for group in GROUPS}
    return Rates(time.monotonic(), {"accepted": sent.accepted, **folded})
