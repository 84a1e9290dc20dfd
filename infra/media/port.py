"""The queue of media jobs as its callers see it.  Kept by JobQueue (MySQL) and by the twin in tests.memory_jobs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from domain.media.orders import By
from domain.media.steps import Step
from domain.media.trouble import StepFailed
from infra.media.job import Depth, Facts, JobFilter, JobView, Leased, Record, Standing, Submission


class Jobs(Protocol):
    """Blocks; call it in a thread.  Every call may raise Wait (infra.fold_store), and may be repeated then.

    A step has one holder: who leases it gets a token that grows with each lease, and every write of a holder is refused
    with LeaseLost (Cancelled where the job was cancelled) once another token has been given.  What a holder repeats
    because an answer was lost is done once.

    `by`: who orders it; the order's record (domain.media.orders) is written in the same transaction, none where nothing
    was done.  None: no person did, as in a test, and there is no record.
    """

    def submit(self, what: Submission, by: By | None = None) -> int:
        """The id of a new job.  Raises AlreadyActive, AlreadyDone, ValueError (a field out of its bounds).

        TidiedAway, a Wait: old files of the episode are being deleted, or were since `what.tidied` was asked.
        """

    def tidied(self, drama_id: int, episode_no: int) -> int:
        """How often old files of this episode were deleted: ask before a source is put, and submit with it."""

    def lease(self, owner: str, life_ms: int, steps: Collection[Step]) -> Leased | None:
        """A step that is due, of these steps: what is furthest along first, then what waits longest.  None: none is.

        A lease that ran out is due: taken over with a higher token.  One that ran out MAX_ATTEMPTS times fails.
        """

    def renew(self, leased: Leased, progress_permille: int) -> Standing:
        """Hold it for its life from now.  Raises LeaseLost; that the job was cancelled is told, not raised."""

    def note(self, leased: Leased, facts: Facts) -> None:
        """Keep these facts of the step beside those it has, before an effect outside.

        Raises LeaseLost, ValueError (more than MAX_FACTS bytes in all).
        """

    def finish(self, leased: Leased, facts: Facts, cpu_ms: int) -> None:
        """The step is done: keep its facts, make ready what depends on it, write its record; one transaction.

        The fact `content_hash` becomes the job's; `usage` and `content_ms` go into the record (domain.media.record).
        Raises LeaseLost, ValueError (more than MAX_FACTS bytes in all, or nonsense in one of those three).
        """

    def fail(self, leased: Leased, trouble: StepFailed, cpu_ms: int = 0) -> None:
        """The attempt failed: AGAIN makes it due later, MAX_ATTEMPTS times; else it has failed.  Raises LeaseLost."""

    def later(self, leased: Leased, after_s: float) -> None:
        """Not done yet: due again after `after_s`; no attempt was used.  0 gives it back.  Raises LeaseLost.

        A step that was begun MAX_WAIT_MS ago fails instead.
        """

    def wake(self, job_id: int, step: Step) -> None:
        """A hint that asking again is worth it: what was put off by `later` is due now.  Anything else: nothing."""

    def cancel(self, job_id: int, by: By | None = None) -> None:
        """End the job; who holds a step of it hears so at the next write.  Raises UnknownJob, NotNow (it has ended)."""

    def retry(self, job_id: int, by: By | None = None) -> None:
        """Do once more what failed or was cancelled.  Raises UnknownJob, AlreadyActive (another one is), TidiedAway.

        NotNow: it is active or done, or a later job of the same episode or drama was done since.
        """

    def jobs(self, which: JobFilter, after_id: int, limit: int) -> Sequence[JobView]:
        """At most `limit` (1..MAX_LISTED, else ValueError) jobs above `after_id`, by id."""

    def job(self, job_id: int) -> JobView:
        """One job.  Raises UnknownJob."""

    def depth(self) -> Depth:
        """How much there is to do."""

    def records(self, limit: int) -> Sequence[Record]:
        """The first `limit` records that are to be sent, in the order they were written."""

    def records_sent(self, ids: Sequence[int]) -> None:
        """These are in the log: forget them."""


class Elsewhere(Protocol):
    """What cancelled steps had begun at a service.  Kept by media_steps (infra.media.elsewhere) and the same twin."""

    def begun_elsewhere(self, since_ms: int, limit: int) -> Sequence[Leased]:
        """Cancelled steps (of jobs cancelled since then) that have noted ELSEWHERE: at most `limit`, by job.

        They are nobody's: each is told as its last holder had it.
        """

    def ended_elsewhere(self, leased: Leased) -> None:
        """Forget ELSEWHERE of such a step; nothing where it has been begun anew since."""
