"""`juliu refresh fold-in`, `lists`, `cold`: bring what the feed shows up to date between trainings, once."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import msgspec
import typer

from infra import logs
from infra.settings import Settings, load
from juliu.commands import terminated
from juliu.commands.json_option import Json
from juliu.commands.trouble import recommending
from recommender.refresh import main

app = typer.Typer(no_args_is_help=True)


@app.callback()
def refresh() -> None:
    """Between trainings: bring what the feed shows up to date, once; `juliu schedule` does so on periods.

    Whatever goes wrong, readers have what they had.  Exit code: 0 done, 3 there is nothing to bring up to date (nothing
    is served, or what came out is far too little), 4 a server does not answer or something came in between, 5 somebody
    else is at it.
    """


@app.command("fold-in")
def fold_in(json: Json = False) -> None:
    """New lists for viewers who did something since the last time; what they left at once twice is hidden."""
    _once("fold-in", main.fold_in_once, json=json)


@app.command("lists")
def lists(json: Json = False) -> None:
    """What people also watched, anew."""
    _once("lists", main.lists_once, json=json)


@app.command("cold")
def cold(json: Json = False) -> None:
    """Which new dramas are shown to find out whether they are liked, and how often."""
    _once("cold", main.cold_once, json=json)


def _once(name: str, run: Callable[[Settings, int], Any], *, json: bool) -> None:
    settings = load()
    logs.setup("refresh", settings)
    terminated.as_exception()  # so that the lock is given back
    with recommending(f"juliu refresh {name}"):
        report = run(settings, time.time_ns() // 1_000_000)
    typer.echo(msgspec.json.encode(report).decode() if json else report.sentence())
