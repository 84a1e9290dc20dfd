"""Trains again and again, one at a time, as a child process: its memory goes back, its crash stays its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from infra import logs, metrics
from infra.waiting import set_within

FIRST_AFTER_S = 120.0  # servers, workers and whoever started them have their own work to do first
RETRY_S = 60.0  # after a failure, doubled with each that follows, up to the interval
LONGEST_S = 2_400.0  # a training waits for another, and then has its lock for so long; then it is stopped
STOP_S = 10.0  # from SIGTERM to SIGKILL
OUTCOMES = {0: "published", 3: "refused", 4: "trouble", 5: "busy"}
STUCK = "stuck"

log = logs.get(__name__)


class Training(Protocol):
    """One training."""

    async def run(self, longest_s: float) -> int | None:
        """Its exit code; None where it did not end in time and was stopped.  Cancelled: it is stopped."""


@dataclass
class State:
    """What happened so far, for whoever asks."""

    trainings: int = 0
    failures: int = 0  # since the last that published
    last: str = "none yet"
    published_at_s: float = 0.0

    def took(self, code: int | None, now_s: float) -> None:
        """Remember how a training ended."""
        self.trainings += 1
        self.last = STUCK if code is None else OUTCOMES.get(code, "died")
        self.failures = 0 if code == 0 else self.failures + 1
        if code == 0:
            self.published_at_s = now_s

    def pause_s(self, interval_s: float) -> float:
        """How long to wait for the next training."""
        if not self.failures:
            return interval_s
        return float(min(interval_s, RETRY_S * 2 ** min(self.failures - 1, 20)))


class Child:
    """A command as a training; it says what it has to say to our own stdout and stderr."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command

    async def run(self, longest_s: float) -> int | None:
        """See Training."""
        process = await asyncio.create_subprocess_exec(*self._command, stdin=asyncio.subprocess.DEVNULL)
        try:
            async with asyncio.timeout(longest_s):
                return await process.wait()
        except TimeoutError:
            return None
        finally:
            if process.returncode is None:
                await _end(process)


async def _end(process: asyncio.subprocess.Process) -> None:
    process.terminate()
    try:
        async with asyncio.timeout(STOP_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


async def keep_training(training: Training, state: State, interval_s: float, stop: asyncio.Event) -> None:
    """Train every `interval_s`, sooner after a failure, until `stop`; what is running then is stopped."""
    pause_s = min(FIRST_AFTER_S, interval_s)
    while not await set_within(stop, pause_s):
        running = asyncio.create_task(training.run(LONGEST_S))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        if not running.done():
            running.cancel()
            await asyncio.wait({running})
            return
        state.took(running.result(), time.time())
        pause_s = state.pause_s(interval_s)
        _tell(state, pause_s)


def _tell(state: State, pause_s: float) -> None:
    metrics.TRAININGS.labels(state.last).inc()
    metrics.TRAINED_AT.set(state.published_at_s)
    say = log.info if not state.failures else log.warning
    say("trained", outcome=state.last, failures=state.failures, trainings=state.trainings, next_in_s=pause_s)
