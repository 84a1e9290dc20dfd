"""`juliu demo`: a real watch log in, a fed viewer out, every event counted once; ends with a report and what to try."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Annotated

import typer
import uvloop
from clickhouse_connect.driver.exceptions import ClickHouseError
from redis.exceptions import RedisError
from rich.console import Console
from sqlalchemy.exc import SQLAlchemyError

from infra.local import stack
from infra.local.errors import StackError
from infra.local.home import Home
from infra.money.attempts import MoneyUnavailable
from infra.place import home as place
from infra.settings import Settings
from juliu.demo import catalogue, log, report, run, setup
from juliu.demo.commands import CommandFailed
from juliu.demo.lists import BadList
from juliu.demo.report import Report
from juliu.demo.reset import NotTheLocalStack
from juliu.demo.shop import NotSold
from juliu.load.client import GaveUp
from juliu.load.positions import Stuck

DAYS_OF_THE_LOG = 15
REPORT = "demo-report.json"
# What a step cannot go on after; the message says what it was.
STOPS = (
    StackError, CommandFailed, NotTheLocalStack, BadList, NotSold, GaveUp, Stuck, MoneyUnavailable, RedisError,
    ClickHouseError, SQLAlchemyError, OSError,
)  # fmt: skip


def demo(
    days: Annotated[int, typer.Option(min=1, max=DAYS_OF_THE_LOG, help="how many of the log's last days")] = 7,
    keep: Annotated[bool, typer.Option("--keep/--no-keep", help="leave the stack running at the end")] = True,
    json_: Annotated[bool, typer.Option("--json", help="print the report for programs")] = False,
    users: Annotated[int | None, typer.Option(min=1, help="only so many viewers, for a quick look")] = None,
) -> None:
    """Empty this checkout's local stack, replay a real watch log through it, and prove that every event counts once.

    Writes demo-report.json beside the stack's data.  Exit code 0 only if accepted = ClickHouse = Redis,
    unlocks = ledger = ClickHouse = Redis, and no feed repeated itself.
    """
    home, console, outcome = Home(place()), Console(stderr=json_), Report(days=days)
    home.path.joinpath(REPORT).unlink(missing_ok=True)
    try:
        equal = _play(home, console, outcome, users)
    finally:
        if not keep:
            stack.down(home, lambda line: console.print(f"  {line}", style="dim"))
    if json_:
        typer.echo(outcome.as_json())
    raise typer.Exit(0 if equal else 1)


def _play(home: Home, console: Console, outcome: Report, users: int | None) -> bool:
    """Play the demo and show its report; whether all came out as it must."""
    try:
        with outcome.step("total"):
            settings = setup.set_up(home, console, outcome, partial(catalogue.write, log.FOLDER))
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(run.run(settings, console, outcome, users))
    except STOPS as stopped:
        return _tell_broken_off(console, [stopped])
    except ExceptionGroup as group:
        if group.split(STOPS)[1] is not None:
            raise
        return _tell_broken_off(console, _each(group))
    outcome.write(home.path / REPORT)
    report.show(outcome, console)
    console.print(f"report: {home.path / REPORT}", highlight=False)
    _tell_next(console, settings)
    return outcome.good


def _tell_broken_off(console: Console, errors: list[Exception]) -> bool:
    for error in errors:
        console.print("[bold red]the demo broke off:[/bold red]", str(error), highlight=False)
    console.print("It can simply be started again; `juliu status` and `juliu logs NAME` tell more.")
    return False


def _each(error: Exception) -> list[Exception]:
    """The errors of a group, however deep."""
    if isinstance(error, ExceptionGroup):
        return [inner for one in error.exceptions for inner in _each(one)]
    return [error]


def _tell_next(console: Console, settings: Settings) -> None:
    api = f"http://{settings.api_host}:{settings.api_port}"
    console.print("\n[bold]Try next[/bold]")
    for what, how in (
        (
            "a viewer's feed",
            f"curl -sH \"Authorization: Bearer $(juliu token --user 713 | cut -d' ' -f2)\" {api}/v1/feed",
        ),
        ("the API", f"open {api}/docs"),
        ("the events", 'juliu sql "SELECT * FROM drama_daily ORDER BY views DESC LIMIT 5"'),
        ("stop it all", "juliu down"),
    ):
        console.print(f"  {what:16} {how}", highlight=False, markup=False, soft_wrap=True)
