"""What both benchmarks do while they measure: send when each request is due, and follow the fences."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager

from infra.namespaces import GROUPS
from juliu.bench.latency import POLL_S, Sample
from juliu.load.positions import Fences

BEHIND = 500  # requests in flight past which a rate is not kept

Samples = dict[str, list[Sample]]  # by group


class TooSlow(RuntimeError):
    """The rate at which latencies are to be taken cannot be kept."""


async def at_rate(count: int, per_s: float, send: Callable[[int, float], Coroutine[None, None, None]]) -> None:
    """Begin `send(n, due_s)` for each n below `count` when it is due (monotonic), whatever the answers do; await all.

    Raises TooSlow, in a group.
    """
    began, flying = time.monotonic(), set[asyncio.Task[None]]()
    async with asyncio.TaskGroup() as tasks:
        for n in range(count):
            due_s = began + n / per_s
            await asyncio.sleep(max(0.0, due_s - time.monotonic()))
            task = tasks.create_task(send(n, due_s))
            flying.add(task)
            task.add_done_callback(flying.discard)
            if len(flying) > BEHIND:
                raise TooSlow(f"{len(flying)} requests in flight at {per_s:g} a second")


@asynccontextmanager
async def sampled(fences: Fences) -> AsyncIterator[Samples]:
    """The fences of both groups, read every POLL_S inside the block and once more at its end."""
    samples: Samples = {group: [] for group in GROUPS}
    done = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_sample(fences, samples, done))
        try:
            yield samples
        finally:
            done.set()  # no cancel(): wait_for of Python 3.11, which redis-py sends with, may swallow it


async def _sample(fences: Fences, samples: Samples, done: asyncio.Event) -> None:
    last = False
    while not last:
        last = done.is_set()
        for group in GROUPS:
            at = await fences.read(group)
            samples[group].append(Sample(time.time() * 1000, at))
        await asyncio.sleep(POLL_S)
