"""`juliu media retry`, `cancel`: what a person decides about jobs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Annotated

import msgspec
import typer

from domain.media.orders import AT_TERMINAL
from domain.media.steps import JobState, StepState
from infra.media.job import AlreadyActive, JobView, NotNow, UnknownJob
from infra.media.port import Jobs
from juliu.commands.json_option import Json
from juliu.commands.media_look import DramaOption, KindOption, which
from juliu.commands.media_queue import opened
from juliu.commands.trouble import FOUND_WRONG, end
from juliu.media.submitting import views

MOST = 2_000  # jobs of one command: what more needs is a look at the cause, not a loop
SHOWN = 20  # refusals on the screen

Numbers = Annotated[list[int] | None, typer.Argument(metavar="JOBS", help="numbers as `juliu media list` tells them")]
Done = list[tuple[int, str]]  # a job, and why it was refused; empty: it was done


def retry(
    jobs_: Numbers = None,
    *,
    reason: Annotated[str, typer.Option(help="all that failed or were rejected for this reason")] = "",
    drama: DramaOption = 0,
    kind: KindOption = "",
    json: Json = False,
) -> None:
    """Do once more what failed, was rejected or was cancelled; what is done already stays.

    With numbers those; else what has failed or was rejected by --reason, --drama or both.  Mend the cause first.
    Exit code: 0 all are active again, 1 some could not be (it says why), 3 MySQL does not answer.
    """
    if not (jobs_ or reason or drama):
        raise end("say which: numbers, --reason or --drama", FOUND_WRONG)
    with opened("not known to be done: repeat it") as (_, _, jobs):
        ids = jobs_ or _failed(jobs, kind, drama, reason)
        done = [(job_id, _tried(partial(jobs.retry, by=AT_TERMINAL), job_id)) for job_id in ids]
    _tell(done, "active again", json=json)


def cancel(
    jobs_: Numbers = None,
    *,
    drama: DramaOption = 0,
    kind: KindOption = "",
    json: Json = False,
) -> None:
    """End jobs: a worker that has a step of one lets go of it within seconds.  What is stored already stays.

    With numbers those; else all active ones of --drama.
    Exit code: 0 all are cancelled, 1 some had ended or do not exist, 3 MySQL does not answer.
    """
    if not (jobs_ or drama):
        raise end("say which: numbers or --drama", FOUND_WRONG)
    with opened("not known to be done: repeat it") as (_, _, jobs):
        found = views(jobs, which(JobState.ACTIVE, kind, drama), most=MOST) if not jobs_ else []
        act = partial(jobs.cancel, by=AT_TERMINAL)
        done = [(job_id, _tried(act, job_id)) for job_id in jobs_ or [view.job.job_id for view in found]]
    _tell(done, "cancelled", json=json)


def _failed(jobs: Jobs, kind: str, drama: int, reason: str) -> list[int]:
    """Jobs that failed or were rejected, for this reason if one is given; at most MOST.

    The newest first: of two files of one episode it is the later one that is done.
    """
    states = (JobState.FAILED, JobState.REJECTED)
    found = (view for state in states for view in views(jobs, which(state, kind, drama)) if _is(view, reason))
    return sorted((view.job.job_id for view, _ in zip(found, range(MOST), strict=False)), reverse=True)


def _is(view: JobView, reason: str) -> bool:
    return not reason or any(step.reason == reason for step in view.steps if step.state is StepState.FAILED)


def _tried(act: Callable[[int], None], job_id: int) -> str:
    """Why it was refused; empty: it was done."""
    try:
        act(job_id)
    except UnknownJob:
        return "there is no such job"
    except (NotNow, AlreadyActive) as error:
        return str(error)
    return ""


def _tell(done: Sequence[tuple[int, str]], what: str, *, json: bool) -> None:
    refused = [(job_id, why) for job_id, why in done if why]
    if json:
        told = {
            "done": [job_id for job_id, why in done if not why],
            "refused": [{"job_id": job_id, "why": why} for job_id, why in refused],
        }
        typer.echo(msgspec.json.encode(told).decode())
    else:
        typer.echo(f"{len(done) - len(refused):,} {what}")
        for job_id, why in refused[:SHOWN]:
            typer.echo(f"- job {job_id}: {why}", err=True)
        if len(refused) > SHOWN:
            typer.echo(f"and {len(refused) - SHOWN:,} more", err=True)
    if refused:
        raise typer.Exit(FOUND_WRONG)
