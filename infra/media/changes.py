"""What happens to a job when something happens to one of its steps: pure, for MySQL and the memory twin alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

from domain.media import steps as rules
from domain.media.leftovers import begins_again
from domain.media.record import MAX_REASON, MAX_TEXT, Outcome, StepEnded, record_id, used
from domain.media.steps import JobState, Step, StepState
from domain.media.trouble import Failure
from infra.media import moves
from infra.media.job import MAX_EPISODE, MAX_LISTED, MAX_SOURCE, MAX_TITLE, Job, Leased, NotNow, StepRow, Submission

Rows: TypeAlias = Mapping[Step, StepRow]  # all steps of a job, in the order of steps_of
_RETRIED = (JobState.REJECTED, JobState.FAILED, JobState.CANCELLED)


class Change(NamedTuple):
    """What is to be written in one transaction: the job, those of its steps that changed, records for the log."""

    job: Job
    rows: Sequence[StepRow]
    records: Sequence[StepEnded] = ()


def checked(what: Submission) -> Submission:
    """Raises ValueError where a field is out of its bounds."""
    drama = what.kind is rules.Kind.DRAMA
    if what.drama_id < 1 or not (what.episode_no == 0 if drama else 1 <= what.episode_no <= MAX_EPISODE):
        raise ValueError(f"no {what.kind} has the number {what.drama_id}/{what.episode_no}")
    if len(what.source) > MAX_SOURCE or len(what.title) > MAX_TITLE or not (what.source or drama):
        raise ValueError(f"a source has 1..{MAX_SOURCE} characters, a title at most {MAX_TITLE}")
    if what.content_hash and not moves.is_hash(what.content_hash):
        raise ValueError("content_hash is no SHA-256 in hex")
    return what


def check_limit(limit: int) -> None:
    """Raises ValueError for a page out of bounds."""
    if not 1 <= limit <= MAX_LISTED:
        raise ValueError(f"1..{MAX_LISTED} jobs at once, not {limit}")


def begun(job_id: int, what: Submission, now_ms: int) -> Job:
    """A new job."""
    return Job(
        job_id, what.kind, what.drama_id, what.episode_no, what.source, what.title, what.wechat,
        JobState.ACTIVE, what.content_hash, 0, now_ms, now_ms,
    )  # fmt: skip


def fresh(job_id: int, what: Submission, now_ms: int) -> list[StepRow]:
    """The steps of a new job."""
    its = rules.steps_of(what.kind, what.wechat)
    states = {step: StepState.READY if not rules.after(step) else StepState.WAITING for step in its}
    return [moves.fresh(job_id, step, state, now_ms) for step, state in states.items()]


def does(job: Job, what: Submission) -> bool:
    """Whether what is wanted is what this job, the latest that was done, has done."""
    same = job.content_hash == what.content_hash != "" and job.kind is what.kind
    return same and job.wechat >= what.wechat and not what.again


def settled(job: Job, rows: Rows, after: StepRow, now_ms: int) -> Change:
    """One step's row becomes `after`: what that makes ready, how the job stands, and the record of an attempt's end."""
    its = {**rows, after.step: after}
    changed = [after]
    for step in rules.opened(_states(its)):
        changed.append(moves.opened(its[step], now_ms))
        its[step] = changed[-1]
    failures = {step: row.failure for step, row in its.items() if row.failure is not None}
    known = str(after.facts.get(moves.HASH, "")) if after.state is StepState.DONE else ""
    job = job._replace(
        state=rules.ended(_states(its), failures), updated_ms=now_ms, content_hash=known or job.content_hash
    )
    outcome = _outcome(rows[after.step], after)
    return Change(job, changed, [ended(job, rows[after.step], after, outcome, now_ms)] if outcome else [])


def cancelled(job: Job, rows: Rows, now_ms: int) -> Change:
    """Nothing of it is done any more.  Raises NotNow where it has ended."""
    if job.state is not JobState.ACTIVE:
        raise NotNow(f"job {job.job_id} is {job.state}")
    open_ = [row for row in rows.values() if row.state in (StepState.WAITING, StepState.READY, StepState.LEASED)]
    changed = [moves.cancelled(row, now_ms) for row in open_]
    records = [
        ended(job, before, after, "cancelled", now_ms)
        for before, after in zip(open_, changed, strict=True)
        if before.started_ms is not None  # somebody worked at it
    ]
    return Change(job._replace(state=JobState.CANCELLED, updated_ms=now_ms), changed, records)


def retried(job: Job, rows: Rows, now_ms: int) -> Change:
    """A new round.  Raises NotNow where nothing of it is to be done again, or its files may have gone."""
    if job.state not in _RETRIED:
        raise NotNow(f"job {job.job_id} is {job.state}")
    if job.kind is rules.Kind.EPISODE and not begins_again(job.state, job.updated_ms, now_ms):
        raise NotNow(f"job {job.job_id} ended so long ago that its files may be gone: submit the file again")
    states = rules.retried(_states(rows))
    changed = [moves.again(row, states[step], now_ms) for step, row in rows.items() if states[step] is not row.state]
    return Change(job._replace(state=JobState.ACTIVE, rounds=job.rounds + 1, updated_ms=now_ms), changed)


def check_newest(job: Job, done_id: int | None) -> None:
    """Raises NotNow where a later job, `done_id`, was done since: this one would bring the old file back."""
    if done_id is not None and done_id > job.job_id:
        raise NotNow(f"job {job.job_id} is out of date: job {done_id} was done since; submit it anew")


def leased(job: Job, rows: Rows, row: StepRow, life_ms: int) -> Leased:
    """What the worker is handed that has just begun this step."""
    facts = {step: its.facts for step, its in rows.items() if its.facts}
    return Leased(job, row.step, row.token, row.owner, row.attempt, facts, life_ms)


def left(job: Job, rows: Rows, step: Step) -> Leased:
    """What the last holder of a step had, told to who clears up after it."""
    return leased(job, rows, rows[step], 0)


def ended(job: Job, before: StepRow, after: StepRow, outcome: Outcome, now_ms: int) -> StepEnded:
    """The record of an attempt's end; `before` is the row while it ran."""
    started_ms = before.started_ms or now_ms
    content_ms, usage = used(after.facts) if outcome == "done" else used({})
    return StepEnded(
        record_id=record_id(job.job_id, after.step, before.token), at_ms=now_ms, job_id=job.job_id,
        kind=job.kind, drama_id=job.drama_id, episode_no=job.episode_no, title=job.title, step=after.step,
        outcome=outcome, attempt=before.attempt, waited_ms=max(0, started_ms - (before.ready_ms or started_ms)),
        ran_ms=max(0, now_ms - started_ms), cpu_ms=after.cpu_ms - before.cpu_ms, content_ms=content_ms,
        failure=after.failure or "", reason=after.reason[:MAX_REASON], text=after.text[:MAX_TEXT], worker=before.owner,
        usage=usage,
    )  # fmt: skip


def _outcome(before: StepRow, after: StepRow) -> Outcome | None:
    """How the attempt ended; None where it goes on later."""
    match after.state:
        case StepState.DONE:
            return "done"
        case StepState.FAILED:
            return "rejected" if after.failure is Failure.MEND else "failed"
        case StepState.READY if before.started_ms is not None and after.started_ms is None:
            return "again"
    return None


def _states(rows: Rows) -> dict[Step, StepState]:
    return {step: row.state for step, row in rows.items()}
