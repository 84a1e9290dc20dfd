"""The loop of a media worker: a step leased, done, told; one at a time, because one fills the machine.

    worker = Worker(jobs, bodies, context, place, "media-1")
    worker.run(stop)                               # until `stop` is set; raises what nobody foresaw in the loop itself

What a step's body raises ends the step, never the worker.  What became of it is told until MySQL has heard it or the
lease is over; then the next holder finds what is there already, and tells it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from domain.media.steps import Step
from domain.media.trouble import Cancelled, Failure, LeaseLost, StepFailed
from infra import failpoints, logs, metrics
from infra.fold_store import Wait
from infra.media.job import Leased
from infra.media.port import Jobs
from media_jobs import endings
from media_jobs.context import Body, StepContext
from media_jobs.endings import Ending, cpu_ms
from media_jobs.hold import Hold
from media_jobs.workplace import Workplace

FIRST_S, LONGEST_S = 0.2, 5.0  # back-off while MySQL is away
LOG_EVERY_S = 10.0
DISK = "disk"  # what is waited for, in place of a server
LAST_WORD_S = 5.0  # how long a process that is asked to end goes on telling what it did

log = logs.get(__name__)


class MakeContext(Protocol):
    """Ports for one run of a step, in this folder, under this lease."""

    def __call__(self, leased: Leased, work: Path, hold: Hold) -> StepContext: ...


@dataclass(frozen=True)
class Pace:
    """How often, and how much."""

    poll_s: float = 1.0  # between looks into an empty queue
    lease_ms: int = 30_000
    work_bytes: int = 20 << 30  # of the folder of one step
    reserve_bytes: int = 1 << 30  # of the disk, left to others


@dataclass
class Told:
    """What /livez and /readyz say.  `at`: when the queue last answered, `beat`: when the loop last turned (clock)."""

    waits: str = ""
    at: float | None = None
    beat: float = 0.0
    step: str = ""
    hold: Hold | None = None


@dataclass
class Worker:
    """One worker.  `clock` is monotonic, in seconds; `pause` waits so many of them."""

    jobs: Jobs
    bodies: Mapping[Step, Body]
    context: MakeContext
    place: Workplace
    owner: str
    pace: Pace = Pace()
    clock: Callable[[], float] = time.monotonic
    pause: Callable[[float], None] = time.sleep
    told: Told = field(default_factory=Told)
    _stop: threading.Event = field(default_factory=threading.Event)
    _logged: float = float("-inf")

    def run(self, stop: threading.Event) -> None:
        """Turn until `stop`; while MySQL is away it is waited for, with back-off."""
        self._stop, pause_s = stop, FIRST_S
        while not stop.is_set():
            self.told.beat = self.clock()
            try:
                wait_s, pause_s = 0.0 if self.turn() else self.pace.poll_s, FIRST_S
            except Wait as error:
                wait_s, pause_s = pause_s, min(LONGEST_S, 2 * pause_s)
                self._waits(error)
            stop.wait(wait_s)

    def turn(self) -> bool:
        """One step, or none where none is due; whether there was one.  Raises Wait, also where the disk is full."""
        if fault := self._full():
            raise Wait(DISK, fault)
        taken = self.clock()
        leased = self.jobs.lease(self.owner, self.pace.lease_ms, tuple(self.bodies))
        self.told.waits, self.told.at = "", self.clock()
        if leased is None:
            return False
        failpoints.reached("media.after_lease")
        log.info("begins", job=leased.job_id, step=leased.step, attempt=leased.attempt, lease=leased.token)
        self.told.step = leased.step
        try:
            outcome = self._one(leased, taken)
        finally:
            self.told.step, self.told.hold, self.told.at = "", None, self.clock()
        metrics.MEDIA_STEPS.labels(leased.step, outcome).inc()
        metrics.MEDIA_STEP_SECONDS.labels(leased.step).observe(self.clock() - taken)
        log.info("ended", job=leased.job_id, step=leased.step, outcome=outcome, seconds=round(self.clock() - taken, 2))
        return True

    def _one(self, leased: Leased, taken: float) -> str:
        """How the step ended: a word of `endings`, or lost, or cancelled."""
        name = f"{leased.job_id}-{leased.step}-{leased.token}"
        with Hold(self.jobs, leased, self._stop, room=self._room, clock=self.clock, taken=taken) as hold:
            self.told.hold = hold
            try:
                return self._tell(self._done(leased, name, hold), hold)
            except Cancelled:
                return "cancelled"
            except LeaseLost as error:
                log.warning("lease lost", job=leased.job_id, step=leased.step, error=str(error)[:300])
                return "lost"

    def _done(self, leased: Leased, name: str, hold: Hold) -> Ending:
        """Run the body in a folder of this name; how it ended.  Raises LeaseLost."""
        cpu = cpu_ms()
        try:
            with self.place.folder(name) as work:
                facts = self.bodies[leased.step](self.context(leased, work, hold), leased)
        except LeaseLost:
            raise
        except Exception as error:
            return endings.of_error(self.jobs, leased, error, cpu_ms() - cpu)
        failpoints.reached("media.before_finish")
        return endings.of_facts(self.jobs, leased, facts, cpu_ms() - cpu)

    def _tell(self, ending: Ending, hold: Hold) -> str:
        """Say it until MySQL has heard; how the step ended.  Raises LeaseLost."""
        pause_s, ends = FIRST_S, float("inf")
        while True:
            try:
                return ending()
            except Wait as error:
                self._waits(error)
            if self._stop.is_set():
                ends = min(ends, self.clock() + LAST_WORD_S)
            if self.clock() >= ends:
                raise LeaseLost("asked to end before MySQL heard it")
            hold.held()
            self.pause(pause_s)
            pause_s = min(LONGEST_S, 2 * pause_s)

    def _full(self) -> str:
        """Why nothing may be begun: others have filled the disk, and may empty it.  Empty: there is room."""
        free = self.place.free_bytes()
        text = f"{free >> 20} MB are free below {self.place.path}: make room there, or move JULIU_MEDIA_WORK"
        return text if free < self.pace.reserve_bytes else ""

    def _room(self) -> None:
        """Raises StepFailed where the step's folder or the disk has grown too full.  Called with every renewal."""
        used = self.place.used_bytes()
        metrics.MEDIA_WORK_BYTES.set(used)
        if used > self.pace.work_bytes:
            text = f"the step wrote {used >> 20} MB into its folder; JULIU_MEDIA_WORK_MB lets it have more"
            raise StepFailed(Failure.GIVE_UP, "work_too_large", text)
        if fault := self._full():
            raise StepFailed(Failure.AGAIN, "disk_full", fault)

    def _waits(self, error: Wait) -> None:
        self.told.waits = error.store
        metrics.MEDIA_WAITS.labels(error.store).inc()
        if self.clock() - self._logged >= LOG_EVERY_S:
            self._logged = self.clock()
            log.warning("waiting", store=error.store, error=str(error)[:300])
