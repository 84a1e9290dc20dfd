"""`juliu up`, `down`, `status`, `logs`: the local stack."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from infra.local import log_files, report, stack
from infra.local.errors import StackError
from infra.local.home import Home
from infra.place import home as place
from juliu.commands.json_option import Json

_MOST_LINES = 10_000


def up(
    all_: Annotated[bool, typer.Option("--all", help="start the API, the workers and the schedule too")] = False,
    json_: Json = False,
) -> None:
    """Start what is not running and return when it is ready.  It goes on in the background until `juliu down`."""
    home = Home(place())
    with _told():
        stack.up(home, lambda line: typer.echo(line, err=json_), processes=all_)
        if json_:
            _print(report.as_json(report.gather(home)))
        else:
            typer.echo(f"settings for every process: {home.local_env}")


def down(json_: Json = False) -> None:
    """Stop processes, then servers."""
    with _told():
        was_running = stack.down(Home(place()), lambda line: typer.echo(line, err=json_))
        if json_:
            _print({"was_running": was_running})
        else:
            typer.echo("stopped" if was_running else "nothing was running")


def status(json_: Json = False) -> None:
    """Ask every server and process whether it works."""
    with _told():
        found = report.gather(Home(place()))
    if json_:
        _print(report.as_json(found))
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
    with _told():
        if name not in known:
            raise StackError(f"no log of {name!r}; there are: {', '.join(known) or 'none yet'}")
        typer.echo(log_files.tail(home.log(name), lines))


def _print(document: object) -> None:
    typer.echo(json.dumps(document, indent=1))


@contextmanager
def _told() -> Iterator[None]:
    """What went wrong becomes a message and exit code 1."""
    try:
        yield
    except (StackError, OSError) as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
