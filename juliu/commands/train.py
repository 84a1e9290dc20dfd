"""`juliu train`: learn from ClickHouse what people also watched, and publish it to Redis."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import typer

from infra import logs
from infra.place import home
from infra.settings import load
from juliu.commands import terminated
from juliu.commands.json_option import Json
from juliu.commands.moments import iso_ms
from juliu.commands.trouble import end, recommending
from recommender.learning.weights import WEIGHTS
from recommender.main import train_once
from recommender.training.folder import clear_up, place, put
from recommender.training.outcome import Outcome
from recommender.training.report import page

Engine = Literal["implicit", "spark"]
LATEST_MS = 4_102_444_800_000  # the year 2100; more are microseconds
REPORTS = "reports"  # a folder of JULIU_HOME


def train(
    as_of: Annotated[
        str, typer.Option(help="only what happened before: ISO date or time (Shanghai's unless it says), or Unix ms")
    ] = "now",
    overrule: Annotated[
        str, typer.Option(help="publish whatever the gate doubts, and why; never what is no number or empty")
    ] = "",
    report: Annotated[
        Path | None, typer.Option(help="write the page of this training here, not into var/reports (JULIU_HOME)")
    ] = None,
    engine: Annotated[
        Engine, typer.Option(help="what fits the factors; spark needs requirements/spark.txt")
    ] = "implicit",
    json: Json = False,
) -> None:
    """Train on what viewers did, measure it on the last full day, and publish a version of recommendations.

    Whatever goes wrong, the version before is served on.  Exit code: 0 published, 2 --as-of is no time that has been or
    --report no place, 3 refused (nothing to learn from, worse than before or than the trend list, odd amounts), 4 a
    server does not answer or something came in between, 5 somebody else is training.
    """
    try:
        as_of_ms = moment_ms(as_of, time.time_ns() // 1_000_000)
        if report and (not report.parent.is_dir() or report.is_dir()):
            raise ValueError(f"{report}: no place for a file")
    except ValueError as error:
        raise end(f"juliu train: {error}", 2) from error
    settings, weights = load(), msgspec.structs.replace(WEIGHTS, engine=engine)
    logs.setup("train", settings)
    terminated.as_exception()  # so that the lock is given back
    with recommending("juliu train", "refused, the version before is served on: ", "not published, run it again: "):
        done = train_once(
            settings, as_of_ms, overrule=overrule, tell=lambda outcome: _keep(outcome, report), weights=weights
        )
    typer.echo(msgspec.json.encode(done).decode() if json else done.sentence())


def _keep(outcome: Outcome, path: Path | None) -> None:
    """The page is for people: that it cannot be written undoes nothing."""
    folder = home() / REPORTS
    try:
        put(path or place(folder, outcome.entry), page(outcome))
        if not path:
            clear_up(folder)
    except OSError as error:
        typer.echo(f"juliu train: the page is not written: {error}", err=True)


def moment_ms(text: str, now_ms: int) -> int:
    """The moment that `text` names.  Raises ValueError."""
    if text == "now":
        return now_ms
    try:
        moment = int(text) if text.isascii() and text.isdigit() else iso_ms(text)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text!r} is neither an ISO date or time nor Unix milliseconds") from error
    if not 0 < moment < LATEST_MS:
        raise ValueError(f"{text!r} is out of range")
    if moment > now_ms:
        raise ValueError(f"{text!r} is in the future, of which nobody knows anything yet")
    return moment
