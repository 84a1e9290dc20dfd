"""`juliu catalogue import`, `show`, `release`, `takedown`, `publish`: what there is to watch, and from when on."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.table import Table
from sqlalchemy.engine import Engine

from infra.catalogue.importing import BadFile, Report, import_file
from infra.catalogue.publish import Published
from infra.catalogue.takedown import TooManyTakedowns, UnknownDrama, put_back, take_down
from juliu.commands.catalogue_release import release, show
from juliu.commands.catalogue_stores import published, sentence, stores
from juliu.commands.json_option import Json
from juliu.commands.trouble import end, told

ROWS_REFUSED, BAD_FILE = 1, 2
SHOWN = 20  # refused rows on the screen; --json has up to 1,000

app = typer.Typer(no_args_is_help=True)
app.command("show")(show)
app.command("release")(release)


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="a JSON object a line, one drama each")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="only say what it would do")] = False,
    json: Json = False,
) -> None:
    """Import dramas from a file and publish what changed.

    Rows that break a rule are refused, all others are imported; importing the same file again changes nothing.
    Exit code: 0 all good, 1 rows were refused, 2 the file cannot be read, 3 a server does not answer.
    """
    with stores() as (engine, shelf):
        report = _read(engine, file, dry_run=dry_run, quiet=json)
        done = None if dry_run else published(engine, shelf)
    if json:
        typer.echo(_as_json({**msgspec.to_builtins(report), "published": msgspec.to_builtins(done)}))
    else:
        _show(report, done)
    if report.refused:
        raise typer.Exit(ROWS_REFUSED)


@app.command("takedown")
def takedown(
    drama_id: Annotated[int, typer.Argument(min=1, help="the drama")],
    undo: Annotated[bool, typer.Option("--undo", help="let it be shown again")] = False,
) -> None:
    """Take a drama down: no viewer is shown it any more, within a second.  Repeat it as often as you like."""
    with stores() as (engine, shelf), told("taking down: nothing is certain yet, repeat this command"):
        try:
            if undo:
                done = put_back(engine, shelf, drama_id)
            else:
                done = take_down(engine, shelf, drama_id, now_ms=time.time_ns() // 1_000_000)
        except (UnknownDrama, TooManyTakedowns) as error:
            raise end(str(error), 1) from error
    state = "may be shown again" if undo else "is taken down"
    typer.echo(f"drama {drama_id} {state}" + ("" if done else " (it was so already)"))


@app.command("publish")
def publish_(
    afresh: Annotated[bool, typer.Option("--afresh", help="a whole new base (after MySQL was restored)")] = False,
    json: Json = False,
) -> None:
    """Give readers what MySQL holds: what changed since, or everything where Redis lost it."""
    with stores() as (engine, shelf):
        done = published(engine, shelf, afresh=afresh)
    typer.echo(_as_json(msgspec.to_builtins(done)) if json else sentence(done))


def _read(engine: Engine, file: Path, *, dry_run: bool, quiet: bool) -> Report:
    columns = (TextColumn("reading"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), disable=quiet, transient=True) as bar, told("import"):
        task = bar.add_task("", total=file.stat().st_size if file.is_file() else None)
        try:
            return import_file(engine, file, dry_run=dry_run, progress=lambda done: bar.update(task, completed=done))
        except BadFile as error:
            raise end(str(error), BAD_FILE) from error


def _show(report: Report, done: Published | None) -> None:
    console = Console()
    table = Table(title="Would be imported (dry run)" if report.dry_run else "Imported", title_justify="left")
    for name in ("rows", "created", "changed", "unchanged", "refused"):
        table.add_column(name, justify="right", style="red" if name == "refused" and report.refused else "")
    table.add_row(*(f"{n:,}" for n in (report.rows, report.created, report.changed, report.unchanged, report.refused)))
    console.print(table)
    if report.refusals:
        console.print(_refusals(report))
        console.print("The other rows are not touched by this: mend these and import the file again.")
    if done:
        console.print(sentence(done), highlight=False)


def _refusals(report: Report) -> Table:
    more = f", the first {SHOWN}; --json has more" if report.refused > SHOWN else ""
    table = Table(title=f"Refused rows{more}", title_justify="left")
    table.add_column("row", justify="right")
    table.add_column("drama", justify="right")
    table.add_column("why")
    for refusal in report.refusals[:SHOWN]:
        drama = "" if refusal.drama_id is None else str(refusal.drama_id)
        table.add_row(str(refusal.row), drama, escape("\n".join(refusal.reasons)))
    return table


def _as_json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
