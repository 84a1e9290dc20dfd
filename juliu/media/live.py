"""Live bars of jobs until all have ended: on a terminal they move, elsewhere a line tells each change."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from domain.media.steps import JobState, StepState
from infra.fold_store import Wait
from infra.media.job import JobFilter, JobView
from infra.media.port import Jobs
from juliu.media.submitting import views
from juliu.media.told import COLOURS, doing, permille

EVERY_S = 0.5
SHOWN = 24  # bars at once: what moves or failed comes first
MOST = 500  # jobs watched at once
PAGED, SPARSE = 20, 4  # so many, and at least one in four numbers: they are asked for by the page


class TooManyWatched(ValueError):
    """More than MOST jobs."""


def follow(jobs: Jobs, job_ids: Sequence[int], console: Console, until_s: float) -> list[JobView]:
    """Show these until all have ended; how they ended.

    Raises TimeoutError naming those that go on after `until_s` seconds, UnknownJob, TooManyWatched.
    """
    found: list[JobView] = []
    seen = snapshots(jobs, job_ids, until_s)
    if not console.is_terminal:
        told: dict[int, str] = {}
        for found in seen:
            for line in news(found, told):
                console.print(line, highlight=False, markup=False, soft_wrap=True)
        return found
    with Live(console=console, auto_refresh=False) as live:
        for found in seen:
            live.update(picture(found), refresh=True)
    return found


def snapshots(
    jobs: Jobs,
    job_ids: Sequence[int],
    until_s: float,
    *,
    every_s: float = EVERY_S,
    clock: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = time.sleep,
) -> Iterator[list[JobView]]:
    """The jobs as they stand, again and again, until all have ended.  A server that is away is waited for.

    Raises TimeoutError after `until_s`, UnknownJob, TooManyWatched.
    """
    if len(job_ids) > MOST:
        raise TooManyWatched(f"{len(job_ids):,} jobs: {MOST} at once, narrow them down")
    end = clock() + until_s
    found: dict[int, JobView] = {}
    while True:
        away = _looked(jobs, job_ids, found)
        if len(found) == len(job_ids):
            yield [found[job_id] for job_id in job_ids]
        going = [job_id for job_id in job_ids if job_id not in found or _goes_on(found[job_id])]
        if not going:
            return
        if clock() >= end:
            which = ", ".join(map(str, going[:SHOWN]))
            raise TimeoutError(f"after {until_s:g} s still not ended: {which}{f' ({away})' if away else ''}")
        pause(every_s)


def picture(views: Sequence[JobView]) -> RenderableType:
    """Bars of at most SHOWN jobs, and how all of them stand."""
    table = Table(box=SIMPLE_HEAD, padding=(0, 1))
    for name in ("job", "episode", "", "", "now"):
        table.add_column(name, justify="right" if name in ("job", "episode") else "left")
    for view in _first(views):
        done = permille(view)
        bar = ProgressBar(total=1000, completed=done, width=30)
        now = Text(doing(view), style=COLOURS[view.job.state])
        table.add_row(str(view.job.job_id), escape(named(view)), bar, f"{done // 10:3d} %", now)
    return Group(table, Text(summary(views)))


def summary(views: Sequence[JobView]) -> str:
    """How many stand how."""
    counted = {state: sum(view.job.state is state for view in views) for state in JobState}
    hidden = f"; {len(views) - SHOWN} more are not shown" if len(views) > SHOWN else ""
    return ", ".join(f"{number} {state}" for state, number in counted.items() if number) + hidden


def named(view: JobView) -> str:
    """Which episode."""
    return f"{view.job.drama_id}/{view.job.episode_no}" if view.job.episode_no else str(view.job.drama_id)


def news(views: Sequence[JobView], told: dict[int, str]) -> Iterator[str]:
    """A line for each job whose line has changed since; `told` remembers."""
    for view in views:
        line = f"job {view.job.job_id} ({named(view)}): {view.job.state}: {doing(view, progress=False)}"
        if told.get(view.job.job_id) != line:
            told[view.job.job_id] = line
            yield line


def _looked(jobs: Jobs, job_ids: Sequence[int], found: dict[int, JobView]) -> str:
    """Look at those that have not ended; what is wrong with the server, if anything is."""
    going = {job_id for job_id in job_ids if job_id not in found or _goes_on(found[job_id])}
    try:
        if len(going) >= PAGED and max(going) - min(going) < SPARSE * len(going):
            page = views(jobs, JobFilter(), after=min(going) - 1, most=max(going) - min(going) + 1)
            seen = {view.job.job_id: view for view in page if view.job.job_id in going}
            found |= seen
            going -= seen.keys()
        found |= {job_id: jobs.job(job_id) for job_id in sorted(going)}
    except Wait as error:
        return str(error)
    return ""


def _goes_on(view: JobView) -> bool:
    return view.job.state is JobState.ACTIVE


def _first(views: Sequence[JobView]) -> Sequence[JobView]:
    """What is worth a bar: first what somebody works on, then what failed, then what waits, then what is done."""

    def rank(view: JobView) -> int:
        if any(step.state is StepState.LEASED for step in view.steps):
            return 0
        return {JobState.REJECTED: 1, JobState.FAILED: 1, JobState.ACTIVE: 2}.get(view.job.state, 3)

    chosen = {view.job.job_id for view in sorted(views, key=rank)[:SHOWN]}
    return [view for view in views if view.job.job_id in chosen]
