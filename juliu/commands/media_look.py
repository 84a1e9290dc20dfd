"""`juliu media list`, `show`, `watch`: how jobs stand; none of them changes anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.markup import escape

from domain.media.steps import JobState, Kind
from infra.media.job import MAX_LISTED, JobFilter, JobView, StepRow
from infra.media.port import Jobs
from juliu.commands import wide
from juliu.commands.json_option import Json
from juliu.commands.media_queue import opened, shown
from juliu.commands.moments import words
from juliu.commands.trouble import FOUND_WRONG, end
from juliu.media.live import MOST, TooManyWatched, follow, named, snapshots
from juliu.media.submitting import views
from juliu.media.told import COLOURS, as_json, doing, permille

LONGEST_S = 7 * 86_400.0  # audits take days
GOING_ON = 4  # exit code of watch: some had not ended when the time was over

StateOption = Annotated[str, typer.Option("--state", help="only these: active, done, rejected, failed, cancelled")]
KindOption = Annotated[str, typer.Option("--kind", help="only these: episode, drama, replacement")]
DramaOption = Annotated[int, typer.Option("--drama", min=0, help="only of this drama")]


def list_(
    *,
    state: StateOption = "",
    kind: KindOption = "",
    drama: DramaOption = 0,
    after: Annotated[int, typer.Option(min=0, help="only jobs above this number")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=MAX_LISTED, help="most jobs to show")] = MAX_LISTED,
    json: Json = False,
) -> None:
    """Jobs by number: how far, what now, why not.  The last line says how to see the next ones."""
    with opened("not listed") as (_, _, jobs):
        found = jobs.jobs(which(state, kind, drama), after, limit)
    following = found[-1].job.job_id if len(found) == limit else None
    if json:
        listed = [_brief(view) for view in found]
        typer.echo(msgspec.json.encode({"jobs": listed, "after": following}).decode())
        return
    _show(found)
    if following:
        typer.echo(f"There may be more: --after {following}")


def show(job: Annotated[int, typer.Argument(min=1, help="as `juliu media list` tells it")], json: Json = False) -> None:
    """One job: each step, who has it, what it said and what it noted."""
    with opened("not shown") as (_, _, jobs):
        view = jobs.job(job)
    if json:
        typer.echo(msgspec.json.encode(as_json(view)).decode())
        return
    its = view.job
    typer.echo(f"job {its.job_id}: {its.kind} {named(view)} {shown(its.title)}: {its.state} ({doing(view)})")
    typer.echo(f"source {shown(its.source)}, content {its.content_hash or 'not known'}, wechat {its.wechat}")
    typer.echo(f"from {words(its.created_ms)} to {words(its.updated_ms)}, begun again {its.rounds} times")
    _show_steps(view.steps)


def watch(
    jobs_: Annotated[list[int] | None, typer.Argument(metavar="JOBS", help="numbers; none: all active ones")] = None,
    *,
    drama: DramaOption = 0,
    seconds: Annotated[float, typer.Option("--for", min=0, max=LONGEST_S, help="at most so many seconds")] = 86_400.0,
    json: Json = False,
) -> None:
    """Live bars until all have ended.  --json: an object a line, one for each change.

    Exit code: 0 all were done, 1 some were not (rejected, failed, cancelled), 4 some go on, 3 MySQL does not answer.
    """
    with opened("not watched") as (_, _, jobs):
        ids = jobs_ or _active(jobs, drama)
        try:
            ended = _json_lines(jobs, ids, seconds) if json else follow(jobs, ids, Console(), seconds)
        except TooManyWatched as error:
            raise end(str(error), FOUND_WRONG) from error
        except TimeoutError as error:
            raise end(str(error), GOING_ON) from error
    if not ids and not json:
        typer.echo("No job is active.")
    if any(view.job.state is not JobState.DONE for view in ended):
        raise typer.Exit(FOUND_WRONG)


def _active(jobs: Jobs, drama: int) -> list[int]:
    """The first MOST that are active; where there are more it is said."""
    ids = [view.job.job_id for view in views(jobs, JobFilter(JobState.ACTIVE, None, drama or None), most=MOST + 1)]
    if len(ids) > MOST:
        typer.echo(
            f"more than {MOST} jobs are active: the first {MOST} are watched, `juliu media list` has all", err=True
        )
    return ids[:MOST]


def _json_lines(jobs: Jobs, ids: Sequence[int], seconds: float) -> list[JobView]:
    found: list[JobView] = []
    told: dict[int, bytes] = {}
    for found in snapshots(jobs, ids, seconds):
        for view in found:
            line = msgspec.json.encode(_brief(view))
            if told.get(view.job.job_id) != line:
                told[view.job.job_id] = line
                typer.echo(line.decode())
    return found


def which(state: str, kind: str, drama: int) -> JobFilter:
    """The filter of these options."""
    try:
        return JobFilter(JobState(state) if state else None, Kind(kind) if kind else None, drama or None)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def _brief(view: JobView) -> dict[str, object]:
    """As JSON, without what steps have noted: that is up to 64 KB each."""
    said = as_json(view)
    return said | {"steps": [{k: v for k, v in step.items() if k != "facts"} for step in said["steps"]]}


def _show(found: Sequence[JobView]) -> None:
    if not found:
        typer.echo("No jobs.")
        return
    table = wide.table()
    for name in ("job", "kind", "episode", "title", "state", "done", "now", "changed"):
        table.add_column(name, justify="right" if name in ("job", "done") else "left", overflow="fold")
    for view in found:
        job = view.job
        state = f"[{COLOURS[job.state]}]{job.state}[/]" if COLOURS[job.state] else str(job.state)
        title, now = escape(shown(job.title)), escape(shown(doing(view)))
        done = f"{permille(view) // 10} %"
        table.add_row(str(job.job_id), job.kind, named(view), title, state, done, now, words(job.updated_ms))
    wide.show(table)


def _show_steps(steps: Sequence[StepRow]) -> None:
    table = wide.table(caption="try: of this round; due: begun not before, or the lease's end; Asia/Shanghai")
    for name in ("step", "state", "try", "done", "cpu s", "owner", "due", "says"):
        table.add_column(name, justify="right" if name in ("try", "done", "cpu s") else "left", overflow="fold")
    for step in steps:
        says = escape(shown(": ".join(word for word in (step.reason, step.text) if word)))
        numbers = (str(step.attempt), f"{step.progress_permille // 10} %", f"{step.cpu_ms / 1000:.1f}")
        table.add_row(step.step, step.state, *numbers, escape(step.owner), words(step.due_ms), says)
    wide.show(table)
