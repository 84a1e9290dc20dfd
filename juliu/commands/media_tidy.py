"""`juliu media tidy`: what media jobs left behind, and nobody needs any more, goes."""

from __future__ import annotations

import time
from functools import partial
from typing import Annotated, Any

import msgspec
import typer

from domain.media.leftovers import Leftover
from infra import logs
from infra.clickhouse.media_told import told
from infra.media.tidy_book import TidyBook
from juliu.commands.json_option import Json
from juliu.commands.media_look import DramaOption
from juliu.commands.media_queue import opened, shown, storage_of
from juliu.media.tidying import Tidied
from juliu.media.tidying import tidy as tidied
from media_jobs.tidy import Tidier


def tidy(
    *,
    drama: DramaOption = 0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only say what would go, and why")] = False,
    json: Json = False,
) -> None:
    """Delete what media jobs left behind and nobody needs any more, now; media workers do it by themselves.

    Nothing that is played, nothing of an active job, nothing of the last day.  What goes when: docs/media-worker.md.
    Exit code: 0 done, 3 a server or storage does not answer (the same again does the rest).
    """
    with opened("not all is tidied, repeat it") as (settings, engine, _):
        logs.setup("tidy", settings)
        book = TidyBook(engine)
        tidier = Tidier(storage_of(settings), book, partial(told, settings), _now_ms)
        done = tidied(tidier, book, drama, dry=dry_run, say=_silent if json else _say)
    if json:
        typer.echo(msgspec.json.encode(_as_json(done, dry_run=dry_run)).decode())
    else:
        _tell(done, dry_run=dry_run)


def _say(one: Leftover) -> None:
    typer.echo(f"{one.what:<10} {one.why:<10} {one.files:>6,} files {one.bytes / 1e6:>10,.1f} MB  {shown(one.key)}")


def _silent(_: Leftover) -> None:
    """For programs, the end says it all."""


def _tell(done: Tidied, *, dry_run: bool) -> None:
    files, what = sum(one.files for one in done.gone), "would go" if dry_run else "are gone"
    typer.echo(f"{files:,} files, {done.bytes / 1e6:,.1f} MB {what}, of {done.episodes:,} episodes")
    if done.jobs:
        typer.echo(f"and the rows of {done.jobs:,} old jobs, which are in ClickHouse")
    if done.busy:
        typer.echo(f"{done.busy:,} episodes are being tidied by a worker at this moment")


def _as_json(done: Tidied, *, dry_run: bool) -> dict[str, Any]:
    gone = [{name: getattr(one, name) for name in one._fields} for one in done.gone]
    return {
        "dry_run": dry_run, "episodes": done.episodes, "busy": done.busy, "jobs_pruned": done.jobs,
        "bytes": done.bytes, "gone": gone,
    }  # fmt: skip


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
