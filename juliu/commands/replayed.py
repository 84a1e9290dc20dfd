"""How `juliu dead replay` and `juliu late replay` say what became of the records, and end."""

from __future__ import annotations

import msgspec
import typer

from juliu.commands.trouble import FOUND_WRONG
from juliu.dead.replay import Replay


def progress(line: str) -> None:
    """On stderr: stdout is for the result."""
    typer.echo(line, err=True)


def finish(done: Replay, json: bool) -> None:
    """Say it, for people or for programs.  Raises typer.Exit where not all that was sent was taken."""
    if json:
        told = {"ok": done.ok, "stopped": done.stopped, "summary": done.summary(), "records": done.records}
        typer.echo(msgspec.json.encode(told).decode())
    else:
        _show(done)
    if not done.ok:
        raise typer.Exit(FOUND_WRONG)


def _show(done: Replay) -> None:
    """By group, how many became what; why others were not sent."""
    for group, found in done.summary().items():
        typer.echo(f"{group}: " + ", ".join(f"{n:,} {word}" for word, n in found.most_common()))
    if not done.records:
        typer.echo("nothing matches")
    if done.stopped:
        typer.echo(f"stopped: {done.stopped}")
