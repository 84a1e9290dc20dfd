"""How one run of a step ended, as a call that tells the queue; made once, repeated until the queue has heard it."""

from __future__ import annotations

import errno
import resource
from collections.abc import Callable
from typing import TypeAlias

from domain.media.trouble import Failure, Later, StepFailed
from infra import failpoints, logs
from infra.fold_store import Wait
from infra.media.job import Facts, Leased
from infra.media.port import Jobs
from media_jobs.hold import Stopping

Ending: TypeAlias = Callable[[], str]  # returns a word for people and metrics; raises LeaseLost, Wait
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})

log = logs.get(__name__)


def of_facts(jobs: Jobs, leased: Leased, facts: Facts, cpu: int) -> Ending:
    """Done, unless the facts are none that the queue keeps: that is an error of ours, and will not pass by itself."""

    def say() -> str:
        try:
            jobs.finish(leased, facts, cpu)
        except (ValueError, TypeError) as error:
            log.exception("bad facts", job=leased.job_id, step=leased.step)
            jobs.fail(leased, StepFailed(Failure.GIVE_UP, "bad_facts", str(error)), cpu)
            return "bad_facts"
        failpoints.reached("media.after_finish")
        return "done"

    return say


def of_error(jobs: Jobs, leased: Leased, error: Exception, cpu: int) -> Ending:
    """Failed, or not done yet, or given back because this process is to end."""
    if isinstance(error, Stopping):
        return _later(jobs, leased, 0.0, "given_back")
    if isinstance(error, Later):
        return _later(jobs, leased, error.after_s, "later")
    trouble = error if isinstance(error, StepFailed) else _unforeseen(leased, error)
    said = {"job": leased.job_id, "step": leased.step, "kind": trouble.kind, "reason": trouble.reason}
    log.warning("failed", **said, text=trouble.text)

    def say() -> str:
        jobs.fail(leased, trouble, cpu)
        failpoints.reached("media.after_fail")
        return trouble.kind.value

    return say


def cpu_ms() -> int:
    """CPU that this process and its ended children have used so far: one step runs at a time, so it is the step's."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return round(1000 * sum(usage.ru_utime + usage.ru_stime for usage in used))


def _later(jobs: Jobs, leased: Leased, after_s: float, word: str) -> Ending:
    def say() -> str:
        jobs.later(leased, after_s)
        return word

    return say


def _unforeseen(leased: Leased, error: Exception) -> StepFailed:
    """What nobody thought of is tried again: most often a server or a disk was away."""
    if isinstance(error, OSError) and error.errno in FULL:
        return StepFailed(Failure.AGAIN, "disk_full", f"make room where the media work is done: {error}")
    if isinstance(error, Wait):
        return StepFailed(Failure.AGAIN, "store_away", f"{error.store} did not answer")
    log.error("unforeseen", job=leased.job_id, step=leased.step, exc_info=error)
    return StepFailed(Failure.AGAIN, "unforeseen", f"look into the worker's log: {error!r}")
