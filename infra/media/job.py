"""Media jobs as their readers see them: what is submitted, what a worker holds, what is shown; and the errors.

Times are milliseconds since 1970, UTC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

from domain.media.steps import JobState, Kind, Step, StepState
from domain.media.trouble import Failure
from infra.fold_store import Wait

Facts: TypeAlias = Mapping[str, Any]  # JSON; of one step at most MAX_FACTS bytes
MAX_FACTS = 65_536
ELSEWHERE = "ci"  # key of facts: work that a step has begun at a service, which goes on without the step
MAX_LISTED = 200
MAX_SOURCE, MAX_TITLE, MAX_EPISODE = 300, 200, 65_535


class AlreadyActive(Exception):
    """There is an active job of this episode or drama: `job_id`."""

    def __init__(self, job_id: int) -> None:
        super().__init__(f"job {job_id} is active")
        self.job_id = job_id


class AlreadyDone(Exception):
    """Job `job_id` has done this very file for this episode; submit with `again` to do it anyway."""

    def __init__(self, job_id: int) -> None:
        super().__init__(f"job {job_id} has done the same file")
        self.job_id = job_id


class UnknownJob(Exception):
    """There is no such job."""


class NotNow(Exception):
    """Not as the job stands: what ended is not cancelled; what is done, active or ended long ago is not retried."""


class TidiedAway(Wait):
    """Files of this episode are being deleted, or were since its source was put there: put it again, then submit."""

    def __init__(self, drama_id: int, episode_no: int) -> None:
        super().__init__("mysql", f"old files of episode {drama_id}/{episode_no} are being deleted: again in a minute")


class Submission(NamedTuple):
    """What is to be done.

    `source`: key in storage, or a path (<= 300 characters; empty for a drama).  `episode_no`: 0 for a drama.
    `content_hash`: SHA-256 in hex where it is known, else empty.  `again`: also what is done already.
    `tidied`: what Jobs.tidied said before the source was put into storage; None: it lies there for other reasons.
    """

    kind: Kind
    drama_id: int
    episode_no: int
    source: str
    title: str
    wechat: bool = False
    content_hash: str = ""
    again: bool = False
    tidied: int | None = None


class Job(NamedTuple):
    """A job; `rounds`: how often a person has said "again"."""

    job_id: int
    kind: Kind
    drama_id: int
    episode_no: int
    source: str
    title: str
    wechat: bool
    state: JobState
    content_hash: str
    rounds: int
    created_ms: int
    updated_ms: int


class StepRow(NamedTuple):
    """A step as it is shown.

    `attempt`: how often it has been begun in this round.  `due_ms`: READY: not before; LEASED: until; else None.
    `owner`, `token`: of the latest lease.  `failure`, `reason`, `text`: of the latest failed attempt, until a success.
    `ready_ms`, `started_ms`: since when this attempt could begin, and when it did (a step that is asked again later is
    still in the same attempt).  `first_ms`: when the first one of this round began.  `cpu_ms`: of all attempts.
    """

    job_id: int
    step: Step
    state: StepState
    attempt: int
    due_ms: int | None
    owner: str
    token: int
    progress_permille: int
    failure: Failure | None
    reason: str
    text: str
    facts: Facts
    ready_ms: int | None
    first_ms: int | None
    started_ms: int | None
    finished_ms: int | None
    cpu_ms: int


class JobView(NamedTuple):
    """A job with its steps, in the order of steps_of."""

    job: Job
    steps: Sequence[StepRow]


class Leased(NamedTuple):
    """A step that a worker holds until its lease runs out.

    `facts`: of each step of the job that has any; its own are what an earlier attempt noted (also of earlier rounds:
    note `rounds` where that matters).  `attempt`: 1, 2, ...
    """

    job: Job
    step: Step
    token: int
    owner: str
    attempt: int
    facts: Mapping[Step, Facts]
    life_ms: int

    @property
    def job_id(self) -> int:
        """Of the job."""
        return self.job.job_id

    @property
    def own(self) -> Facts:
        """What this very step noted before."""
        return self.facts.get(self.step, {})


class Standing(NamedTuple):
    """What a holder learns when it renews: whether the job was cancelled, and until when the lease holds."""

    cancelled: bool
    until_ms: int


class JobFilter(NamedTuple):
    """Which jobs; None: any."""

    state: JobState | None = None
    kind: Kind | None = None
    drama_id: int | None = None
    episode_no: int | None = None


class Record(NamedTuple):
    """A record of juliu.media that waits to be sent; `value` as it goes there (domain.media.record)."""

    record_id: int
    job_id: int
    value: bytes


class Depth(NamedTuple):
    """How much there is to do: steps that could be leased now, by step; leased ones; since when the oldest waits."""

    ready: Mapping[Step, int]
    leased: int
    oldest_due_ms: int | None
    records: int
