"""Runs tasks on their periods, each as a child process: its memory goes back, its crash stays its own.

Of several schedules one has the duty of a task; when that one is gone another takes it over.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import NamedTuple, Protocol

from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.interval import IntervalTrigger
from redis.exceptions import RedisError

from infra import logs, metrics
from infra.waiting import set_within
from recommender.duty import KEEP_S, Duty
from recommender.errors import BUSY, DONE, REFUSED, TROUBLE

RETRY_S = 60.0  # after a failure, doubled with each that follows, up to the interval
STOP_S = 10.0  # from SIGTERM to SIGKILL
OUTCOMES = {DONE: "done", REFUSED: "refused", TROUBLE: "trouble", BUSY: "busy"}
STUCK, ELSEWHERE = "stuck", "elsewhere"

log = logs.get(__name__)


class Task(NamedTuple):
    """What is done every `interval_s` (0: never), first after `first_s`; ended when it takes `longest_s`."""

    name: str
    interval_s: int
    longest_s: float
    first_s: float


class Work(Protocol):
    """One run of a task."""

    async def run(self, longest_s: float) -> int | None:
        """Its exit code; None where it did not end in time and was stopped.  Cancelled: it is stopped."""


@dataclass
class State:
    """What happened to a task so far, for whoever asks."""

    runs: int = 0
    failures: int = 0  # since the last that was done
    last: str = "none yet"
    done_at_s: float = 0.0

    def took(self, code: int | None, now_s: float) -> None:
        """Remember how a run ended."""
        self.runs += 1
        self.last = STUCK if code is None else OUTCOMES.get(code, "died")
        self.failures = 0 if code == DONE else self.failures + 1
        if code == DONE:
            self.done_at_s = now_s

    def pause_s(self, interval_s: float) -> float:
        """How long to wait for the next run."""
        if not self.failures:
            return interval_s
        return float(min(interval_s, RETRY_S * 2 ** min(self.failures - 1, 20)))


class Child:
    """A command as a task's run; it says what it has to say to our own stdout and stderr."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = command

    async def run(self, longest_s: float) -> int | None:
        """See Work."""
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


@dataclass
class Schedule:
    """Tasks, who does them, and whether it is on us to do them."""

    tasks: Sequence[Task]
    work: Callable[[Task], Work]
    duty: Duty
    states: dict[str, State] = field(default_factory=dict)
    _running: set[asyncio.Task[None]] = field(default_factory=set)
    _failed: list[Exception] = field(default_factory=list)
    _stop: asyncio.Event = field(default_factory=asyncio.Event)
    _scheduler: AsyncIOScheduler = field(default_factory=partial(AsyncIOScheduler, timezone=UTC))

    async def run(self, stop: asyncio.Event) -> None:
        """Run every task on its period until `stop`; what is running then is stopped.  Raises what nobody foresaw."""
        self._stop = stop
        for task in self.tasks:
            if task.interval_s:
                self._add(task)
        self._scheduler.start()
        try:
            while not await set_within(stop, KEEP_S):
                await self.duty.keep()
                self._mind_the_clock()
        finally:
            self._scheduler.shutdown(wait=False)
            await _cancelled(self._running)
            await self.duty.give_back()
        for error in self._failed:
            raise error

    def _add(self, task: Task) -> None:
        """One run at a time; of those that were missed the last; later than a period after its time, none."""
        self.states[task.name] = State()
        self._scheduler.add_job(
            self._turn, IntervalTrigger(seconds=task.interval_s, timezone=UTC), args=[task], id=task.name,
            next_run_time=_after(min(task.first_s, task.interval_s)),
            max_instances=1, coalesce=True, misfire_grace_time=task.interval_s,
        )  # fmt: skip

    def _mind_the_clock(self) -> None:
        """No run is further away than its period, or the clock was put back: it is not waited for to come round."""
        for task in self.tasks:
            job = self._scheduler.get_job(task.name)
            if job is not None and job.next_run_time > _after(task.interval_s + KEEP_S):
                log.warning("the clock was put back", task=task.name, next_run=str(job.next_run_time))
                self._scheduler.modify_job(task.name, next_run_time=_after(0))

    async def _turn(self, task: Task) -> None:
        """What APScheduler calls.  A surprise ends the schedule instead of being logged once an hour."""
        this = asyncio.current_task()
        assert this is not None
        self._running.add(this)
        try:
            await self._run(task)
        except Exception as error:
            self._failed.append(error)
            self._stop.set()
        finally:
            self._running.discard(this)

    async def _run(self, task: Task) -> None:
        state = self.states[task.name]
        try:
            ours = await self.duty.ours(task.name)
        except RedisError as error:
            log.warning("nobody knows whose duty it is", task=task.name, error=str(error)[:200])
            state.took(TROUBLE, time.time())
        else:
            if not ours:
                state.last = ELSEWHERE
                return
            state.took(await self.work(task).run(task.longest_s), time.time())
        pause_s = state.pause_s(task.interval_s)
        if pause_s < task.interval_s:
            self._scheduler.modify_job(task.name, next_run_time=_after(pause_s))
        tell(task, state, pause_s)


def tell(task: Task, state: State, pause_s: float) -> None:
    """Into metrics and log: how a run ended."""
    if task.name == "train":
        metrics.TRAININGS.labels("published" if state.last == OUTCOMES[DONE] else state.last).inc()
        metrics.TRAINED_AT.set(state.done_at_s)
    else:
        metrics.REFRESHES.labels(task.name, state.last).inc()
        metrics.REFRESHED_AT.labels(task.name).set(state.done_at_s)
    say = log.info if not state.failures else log.warning
    say("ran", task=task.name, outcome=state.last, failures=state.failures, runs=state.runs, next_in_s=pause_s)


def _after(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


async def _cancelled(running: set[asyncio.Task[None]]) -> None:
    """Stop them, and wait until their children have ended."""
    ending = list(running)
    for each in ending:
        each.cancel()
    await asyncio.gather(*ending, return_exceptions=True)
