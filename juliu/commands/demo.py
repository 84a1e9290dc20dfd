"""`juliu demo`: a story on an empty local stack, from beginning to end; ends with a report and what to try."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from enum import StrEnum
from functools import partial
from pathlib import Path
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
from juliu.demo.media import report as media_report
from juliu.demo.media import story as media_story
from juliu.demo.media.browser import CannotPlay
from juliu.demo.media.clips import CannotMake
from juliu.demo.media.report import MediaReport
from juliu.demo.media.viewer import NotPlayable
from juliu.demo.report import Report
from juliu.demo.reset import NotTheLocalStack
from juliu.demo.shop import NotSold
from juliu.load.client import GaveUp
from juliu.load.positions import Stuck

DAYS_OF_THE_LOG = 15


class Story(StrEnum):
    """What is played."""

    LOG = "log"
    MEDIA = "media"


REPORTS = {Story.LOG: "demo-report.json", Story.MEDIA: "demo-media-report.json"}
# What a step cannot go on after; the message says what it was.
STOPS = (
    StackError, CommandFailed, NotTheLocalStack, BadList, NotSold, GaveUp, Stuck, MoneyUnavailable, RedisError,
    ClickHouseError, SQLAlchemyError, OSError, CannotMake, CannotPlay, NotPlayable,
)  # fmt: skip


NEXT_LOG = (
    ("a viewer's feed", "curl -sH \"Authorization: Bearer $(juliu token --user 713 | cut -d' ' -f2)\" {api}/v1/feed"),
    ("the events", 'juliu sql "SELECT * FROM drama_daily ORDER BY views DESC LIMIT 5"'),
)
NEXT_MEDIA = (
    ("the jobs", "juliu media list"),
    ("what they cost", "juliu media costs"),
)


def demo(
    story: Annotated[Story, typer.Option(help="log: a week of viewers; media: five episodes")] = Story.LOG,
    days: Annotated[int, typer.Option(min=1, max=DAYS_OF_THE_LOG, help="log: how many of its last days")] = 7,
    keep: Annotated[bool, typer.Option("--keep/--no-keep", help="leave the stack running at the end")] = True,
    json_: Annotated[bool, typer.Option("--json", help="print the report for programs")] = False,
    users: Annotated[int | None, typer.Option(min=1, help="log: only so many viewers, for a quick look")] = None,
) -> None:
    """Empty this checkout's local stack and play a story on it; its report lies beside the stack's data.

    log: replay a real watch log, and prove that every event counts once.  Exit code 0 only if accepted = ClickHouse =
    Redis, unlocks = ledger = ClickHouse = Redis, and no feed repeated itself.
    media: five episodes by ffmpeg, through every media job, played encrypted in Chromium; a picture of the screen.
    """
    home, console = Home(place()), Console(stderr=json_)
    outcome: Report | MediaReport = MediaReport() if story is Story.MEDIA else Report(days=days)
    home.path.joinpath(REPORTS[story]).unlink(missing_ok=True)
    try:
        good = _play(home, console, outcome, users, home.path / REPORTS[story])
    finally:
        if not keep:
            stack.down(home, lambda line: console.print(f"  {line}", style="dim"))
    if json_:
        typer.echo(outcome.as_json())
    raise typer.Exit(0 if good else 1)


def _play(home: Home, console: Console, outcome: Report | MediaReport, users: int | None, to: Path) -> bool:
    """Play the story and show its report; whether all came out as it must."""
    try:
        with outcome.step("total"):
            settings = _tell(home, console, outcome, users)
    except STOPS as stopped:
        return _tell_broken_off(console, [stopped])
    except ExceptionGroup as group:
        if group.split(STOPS)[1] is not None:
            raise
        return _tell_broken_off(console, _each(group))
    outcome.write(to)
    _show(outcome, console)
    console.print(f"report: {to}", highlight=False)
    _tell_next(console, NEXT_MEDIA if isinstance(outcome, MediaReport) else NEXT_LOG, settings)
    return outcome.good


def _tell(home: Home, console: Console, outcome: Report | MediaReport, users: int | None) -> Settings:
    if isinstance(outcome, MediaReport):
        return media_story.play(home, console, outcome)
    settings = setup.set_up(home, console, outcome, partial(catalogue.write, log.FOLDER))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run.run(settings, console, outcome, users))
    return settings


def _show(outcome: Report | MediaReport, console: Console) -> None:
    if isinstance(outcome, MediaReport):
        media_report.show(outcome, console)
    else:
        report.show(outcome, console)


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


def _tell_next(console: Console, what_and_how: Sequence[tuple[str, str]], settings: Settings) -> None:
    api = f"http://{settings.api_host}:{settings.api_port}"
    console.print("\n[bold]Try next[/bold]")
    for what, how in (*what_and_how, ("the API", "open {api}/docs"), ("stop it all", "juliu down")):
        console.print(f"  {what:16} {how.format(api=api)}", highlight=False, markup=False, soft_wrap=True)
