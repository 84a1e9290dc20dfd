"""`juliu up`, `down`, `status`, `logs`: the local stack."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from infra.local import log_files, report, stack
from infra.local.errors import StackError
from infra.local.home import Home
from infra.place import home as place

_MOST_LINES = 10_000


def up(
    all_: Annotated[bool, typer.Option("--all", help="start the API, the workers and the schedule too")] = False,
) -> None:
    """Start what is not running and return when it is ready.  It goes on in the background until `juliu down`."""
    home = Home(place())
    try:
        stack.up(home, typer.echo, processes=all_)
    except (StackError, OSError) as error:
        _fail(error)
    typer.echo(f"settings for every process: {home.local_env}")


def down() -> None:
    """Stop processes, then servers."""
    try:
        if not stack.down(Home(place()), typer.echo):
            typer.echo("nothing was running")
    except (StackError, OSError) as error:
        _fail(error)


def status(
    json_: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """Ask every server and process whether it works."""
    found = report.gather(Home(place()))
    if json_:
        typer.echo(json.dumps(report.as_json(found), indent=1))
    else:
        from infra.local import status_table  # noqa: PLC0415  rich is slow to import

        status_table.show(found)


def logs(
    name: Annotated[
        str, typer.Argument(help="kafka, clickhouse, redis, mysql, supervisor, or a process of `juliu status`")
    ],
    lines: Annotated[int, typer.Option(min=1, max=_MOST_LINES, help="how many, counted from the end")] = 50,
) -> None:
    """The last lines of a log."""
    home = Home(place())
    known = sorted(path.stem for path in home.path.glob("logs/*.log"))
    if name not in known:
        _fail(StackError(f"no log of {name!r}; there are: {', '.join(known) or 'none yet'}"))
    typer.echo(log_files.tail(home.log(name), lines))


def _fail(error: StackError | OSError) -> None:
    typer.echo(str(error), err=True)
    raise typer.Exit(1)
