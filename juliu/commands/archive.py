"""`juliu archive`: months of ClickHouse into files, and whether those files are still what was written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import msgspec
import typer

from infra import logs
from infra.place import home
from infra.settings import load
from juliu.archive import export
from juliu.archive.manifest import Damaged, months, problems
from juliu.commands.json_option import Json
from juliu.commands.servers import answered
from juliu.commands.trouble import FOUND_WRONG, end

app = typer.Typer()


@app.callback(invoke_without_command=True)
def archive(
    context: typer.Context,
    *,
    month: Annotated[
        int,
        typer.Option(min=0, max=999_912, help="YYYYMM; 0: all, but archived ones that fade by TTL"),
    ] = 0,
    to: Annotated[Path | None, typer.Option(help="folder; `archive` of JULIU_HOME where it is left out")] = None,
    accept_fewer: Annotated[
        bool, typer.Option("--accept-fewer", help="replace an archive that has rows which ClickHouse lacks")
    ] = False,
    json: Json = False,
) -> None:
    """Write events, blocks and what became of media jobs in a month into files; on a live system, killed, repeated.

    Exit code: 0 done, 1 refused (the archive that is there is better), 3 ClickHouse does not answer.
    """
    if context.invoked_subcommand is not None:
        return
    settings, folder = load(), to or home() / "archive"
    logs.setup("archive", settings)
    try:
        with answered("not archived"):
            wanted = [month] if month else export.months_there(settings, folder)
            done = [export.archive(settings, each, folder, accept_fewer, _say(json)) for each in wanted]
    except (export.Refused, Damaged) as error:
        raise end(f"refused: {error}", FOUND_WRONG) from error
    if json:
        typer.echo(msgspec.json.encode({"folder": str(folder), "months": done}).decode())
        return
    for one in done:
        rows = f"{one.events:,} events, {one.late_events:,} late ones, {one.blocks:,} blocks"
        media = f"{one.media_steps:,} ends of media steps, {one.media_orders:,} orders"
        files = f"{one.files:,} files ({one.written:,} new), {one.bytes:,} bytes, {one.seconds} s"
        typer.echo(f"{one.month}: {rows}, {media} in {files}: {folder / str(one.month)}")


@app.command()
def verify(
    folder: Annotated[Path, typer.Argument(help="an archive, or one month's folder")],
    json: Json = False,
) -> None:
    """Read every file and compare it with its manifest.  Exit code: 0 all there, 1 something is not."""
    found = {str(path): problems(path) for path in months(folder)}
    wrong = [each for listed in found.values() for each in listed] or ([] if found else [f"{folder}: no archive"])
    if json:
        typer.echo(msgspec.json.encode({"months": list(found), "problems": wrong}).decode())
    else:
        for line in wrong or [f"{len(found)} months, nothing wrong"]:
            typer.echo(line)
    if wrong:
        raise typer.Exit(FOUND_WRONG)


def _say(json: bool) -> Callable[[str], None]:
    return (lambda _line: None) if json else typer.echo
