"""A queue of media jobs on a test's desk: the twin or MySQL, a clock of its own, and what a test asks of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import sqlalchemy as sa

from domain.media.record import decode
from domain.media.steps import JobState, Step, StepState
from domain.media.trouble import Failure, StepFailed
from infra.media.elsewhere import ElsewhereRows
from infra.media.job import Leased
from infra.media.port import Elsewhere, Jobs
from infra.media.queue import JobQueue
from infra.mysql.engine import engine_of
from infra.settings import Settings
from tests.memory_jobs import MemoryJobs

OURS = [Step.PROBE, Step.CHECK, Step.LADDER, Step.STORE, Step.CDN]
WECHAT = [Step.MEZZANINE, Step.PULL, Step.MEDIA_ID]
LIFE_MS = 30_000
HOUR_MS = 3_600_000
HASH, OTHER_HASH = 64 * "a", 64 * "b"
MEND = StepFailed(Failure.MEND, "no_audio", "请补上音轨")
AGAIN = StepFailed(Failure.AGAIN, "storage_away", "")
GIVE_UP = StepFailed(Failure.GIVE_UP, "gone", "")


class Clock:
    def __init__(self) -> None:
        self.now_ms = 1_795_000_000_000

    def __call__(self) -> int:
        return self.now_ms

    def pass_ms(self, ms: float) -> None:
        self.now_ms += int(ms)


class Desk(NamedTuple):
    """An empty queue, and its clock."""

    queue: Jobs
    clock: Clock
    elsewhere: Elsewhere

    def lease(self, step: Step, owner: str = "a") -> Leased:
        """The step that must be due now."""
        leased = self.queue.lease(owner, LIFE_MS, [step])
        assert leased is not None, f"{step} is not due"
        return leased

    def done(self, *steps: Step, **facts: Any) -> None:
        for step in steps:
            self.queue.finish(self.lease(step), facts, 10)

    def states(self, job_id: int) -> dict[Step, StepState]:
        return {row.step: row.state for row in self.queue.job(job_id).steps}

    def state(self, job_id: int) -> JobState:
        return self.queue.job(job_id).job.state

    def told(self) -> list[tuple[str, str, int]]:
        """Outcomes that wait for the log: (step, outcome, attempt)."""
        its = [decode(record.value) for record in self.queue.records(1_000)]
        return [(record.step, record.outcome, record.attempt) for record in its]


def in_memory() -> Desk:
    """The twin's."""
    clock = Clock()
    jobs = MemoryJobs(clock)
    return Desk(jobs, clock, jobs)


@contextmanager
def on_mysql(settings: Settings) -> Iterator[Desk]:
    """MySQL's, which is migrated: emptied before and after."""
    engine, clock = engine_of(settings, pool=2), Clock()
    emptied(engine)
    yield Desk(JobQueue(engine, clock, seed=1), clock, ElsewhereRows(engine))
    emptied(engine)
    engine.dispose()


def emptied(engine: sa.Engine) -> None:
    """No jobs, no steps, no records."""
    with engine.begin() as connection:
        for table in ("media_steps", "media_jobs", "media_records"):
            connection.exec_driver_sql(f"DELETE FROM {table}")
