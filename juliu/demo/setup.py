"""Sets the stage: an empty local stack, migrated, with the demo's catalogue, everything running."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from infra import settings as settings_of
from infra.local import stack
from infra.local.home import Home
from infra.settings import Settings
from juliu.demo import reset
from juliu.demo.commands import CommandFailed, juliu
from juliu.demo.timed import Timed


def set_up(home: Home, console: Console, timed: Timed, write: Callable[[Path], int]) -> Settings:
    """From whatever was there to a running, empty installation with the catalogue that `write` makes (how many dramas).

    Raises StackError, CommandFailed, NotTheLocalStack.
    """
    reset.require_local(home, settings_of.load())

    def say(line: str) -> None:
        console.print(f"  {line}", style="dim")

    with timed.step("reset"):
        console.print("emptying this checkout's local stack")
        reset.empty(home, say)
    with timed.step("servers"):
        console.print("starting Kafka, ClickHouse, Redis and MySQL")
        stack.up(home, say, processes=False)
    with timed.step("migrate"):
        console.print("juliu migrate: tables, topics, fences")
        juliu("migrate")
    with timed.step("catalogue"):
        console.print(f"juliu catalogue import: dramas taken: {_import(home, write):,}")
    with timed.step("processes"):
        console.print("starting the API, the workers and the schedule")
        stack.up(home, say, processes=True)
    return settings_of.load()


def _import(home: Home, write: Callable[[Path], int]) -> int:
    """Make the catalogue's file and import it; how many dramas were taken.  Raises CommandFailed on a refused one."""
    path = home.run("demo") / "catalogue.jsonl"
    lines = write(path)
    done = json.loads(juliu("catalogue", "import", str(path), "--json"))
    if done["refused"] or done["rows"] != lines:
        raise CommandFailed(f"the catalogue was not taken as a whole: {done}")
    return lines
