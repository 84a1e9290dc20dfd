"""`juliu media`: from a folder of episodes to jobs, and everything that a person does with them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from sqlalchemy.engine import Engine

from domain.media.episode_files import Known, Problem
from infra.catalogue import known
from infra.settings import load
from juliu.commands import media_costs, media_drama, media_look, media_poster, media_tidy, media_turns
from juliu.commands.json_option import Json
from juliu.commands.media_queue import opened, shown, storage_of
from juliu.commands.trouble import FOUND_WRONG, end, told
from juliu.media.sources import BadManifest, Read, read
from juliu.media.submitting import Item, Plan, Submitted, plan, submit

BAD_SOURCE = 2  # exit code: neither a folder nor a manifest
SHOWN = 40  # problems on the screen; --json has all

app = typer.Typer(no_args_is_help=True)


@app.callback()
def media() -> None:
    """Media jobs: hand episodes in, watch them become playable, see what they cost."""


@app.command("submit")
def submit_(
    source: Annotated[Path, typer.Argument(metavar="DIR|MANIFEST", help="files named `剧名 - 第N集`; or JSON Lines")],
    *,
    drama: Annotated[int, typer.Option(min=0, help="drama of the catalogue; none: the titles in the names tell")] = 0,
    wechat: Annotated[bool, typer.Option("--wechat", help="also hand each episode to WeChat's media store")] = False,
    partial: Annotated[bool, typer.Option("--partial", help="gaps are meant: the others come later")] = False,
    again: Annotated[bool, typer.Option("--again", help="also files that a job has done already")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only say what is wrong and what would be done")] = False,
    json: Json = False,
) -> None:
    """Look all files through, and where nothing is wrong copy each into storage and make a job of it.

    Names, gaps, doubles and sizes are looked at before anything starts.  Repeat it as often as you like: what is active
    or done already is told, not done twice.
    Exit code: 0 all handed in, 1 something is wrong and nothing was begun, 2 no such folder or manifest, 3 a server
    does not answer (the same again does the rest).
    """
    files = _read(source, drama)
    done: list[Submitted] = []
    with opened("not all is handed in, repeat it") as (settings, engine, jobs), told("not handed in"):
        todo = plan(files, _Catalogue(engine), jobs, partial=partial, wechat=wechat)
        if wechat and not settings.wechat_appid:
            typer.echo("JULIU_WECHAT_APPID is not set here: where no worker has it either, step pull waits", err=True)
        if not (todo.problems or dry_run):
            with _Bars(len(todo.items), quiet=json) as bars, _readable():
                each = submit(todo, storage_of(settings), jobs, wechat=wechat, again=again, told=bars.told)
                done.extend(each)
    _tell(todo, done, dry_run=dry_run, json=json)
    if todo.problems:
        raise typer.Exit(FOUND_WRONG)


@app.command("worker")
def worker() -> None:
    """Do the steps of media jobs in the foreground, until SIGTERM; several may run, each with its JULIU_WORKER_ID."""
    import_module("media_jobs.main").run_worker(load())


app.command("list")(media_look.list_)
app.command("show")(media_look.show)
app.command("watch")(media_look.watch)
app.command("retry")(media_turns.retry)
app.command("cancel")(media_turns.cancel)
app.command("poster")(media_poster.poster)
app.command("costs")(media_costs.costs)
app.command("rows")(media_costs.rows)
app.command("tidy")(media_tidy.tidy)
app.add_typer(media_drama.app, name="drama")


class _Catalogue:
    """juliu.media.submitting.Catalogue in MySQL."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def of_id(self, drama_id: int) -> Known:
        """See Catalogue."""
        return known.of_id(self._engine, drama_id)

    def of_title(self, title: str) -> Known:
        """See Catalogue."""
        return known.of_title(self._engine, title)


class _Bars:
    """A bar of all files, and what is being done with one of them."""

    def __init__(self, files: int, *, quiet: bool) -> None:
        columns = (
            BarColumn(),
            TextColumn("{task.completed:.0f} of {task.total:.0f}"),
            TextColumn("{task.description}", markup=False),  # names of files may be anything
        )
        self._progress = Progress(*columns, console=Console(stderr=True), disable=quiet, transient=True)
        self._task = self._progress.add_task("", total=files)
        self._at: Item | None = None
        self._before = 0

    def __enter__(self) -> _Bars:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def told(self, item: Item, what: str, permille: int) -> None:
        """See juliu.media.submitting.Told: half of a file is reading it, half storing it."""
        if self._at is not None and self._at is not item:
            self._before += 1
        self._at = item
        part = (permille + (1000 if what == "storing" else 0)) / 2000
        words = shown(f"{what} {item.found.source.name}")
        self._progress.update(self._task, completed=self._before + part, description=words)


@contextmanager
def _readable() -> Iterator[None]:
    """A file that went away or may not be read ends the command; what came before it is handed in."""
    try:
        yield
    except OSError as error:
        raise end(shown(f"{error.filename}: {error.strerror}: mend it and repeat the command"), BAD_SOURCE) from error


def _read(source: Path, drama: int) -> Read:
    try:
        return read(source, drama)
    except BadManifest as error:
        raise end(shown(str(error)), BAD_SOURCE) from error


def _tell(todo: Plan, done: list[Submitted], *, dry_run: bool, json: bool) -> None:
    if json:
        typer.echo(msgspec.json.encode(_as_json(todo, done, dry_run=dry_run)).decode())
        return
    for note in todo.notes:
        typer.echo(shown(note))
    if todo.problems:
        _tell_problems(todo.problems)
    elif dry_run:
        typer.echo(f"{len(todo.items):,} episodes would be handed in; nothing is wrong.")
    else:
        counted = {
            outcome: [one for one in done if one.outcome == outcome] for outcome in ("submitted", "active", "done")
        }
        typer.echo(
            f"{len(counted['submitted']):,} handed in, {len(counted['active']):,} were active already,"
            f" {len(counted['done']):,} were done already from the same file."
        )
        if ids := [one.job_id for one in done if one.outcome != "done"]:
            typer.echo(f"Jobs {min(ids)} to {max(ids)}: `juliu media watch`")


def _tell_problems(problems: list[Problem]) -> None:
    typer.echo(f"Nothing is begun: {len(problems):,} things are wrong.", err=True)
    for problem in problems[:SHOWN]:
        names = f" ({', '.join(problem.names)})" if problem.names else ""
        episode = f"episode {problem.episode_no}: " if problem.episode_no else ""
        typer.echo(shown(f"- {problem.trouble}: {episode}{problem.text}{names}"), err=True)
    if len(problems) > SHOWN:
        typer.echo(f"and {len(problems) - SHOWN:,} more; --json has all", err=True)


def _as_json(todo: Plan, done: list[Submitted], *, dry_run: bool) -> dict[str, Any]:
    jobs = [one._asdict() | {"new": one.outcome == "submitted"} for one in done]
    problems = [{**problem._asdict(), "names": [shown(name) for name in problem.names]} for problem in todo.problems]
    for job in jobs:
        job["file"] = shown(job["file"])
    return {
        "ok": not todo.problems, "dry_run": dry_run, "episodes": len(todo.items), "jobs": jobs, "problems": problems,
        "notes": [shown(note) for note in todo.notes],
    }  # fmt: skip
