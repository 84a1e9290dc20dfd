"""`juliu train`: learn from ClickHouse what people also watched, and publish it to Redis."""

from __future__ import annotations

import time
from typing import Annotated

import msgspec
import typer

from infra import logs
from infra.settings import load
from juliu.commands import terminated
from juliu.commands.json_option import Json
from juliu.commands.moments import iso_ms
from juliu.commands.trouble import end
from recommender.errors import Busy, Refused, Trouble
from recommender.main import train_once

LATEST_MS = 4_102_444_800_000  # the year 2100; more are microseconds
REFUSED, TROUBLE, BUSY = 3, 4, 5


def train(
    as_of: Annotated[
        str, typer.Option(help="only what happened before: ISO date or time (Shanghai's unless it says), or Unix ms")
    ] = "now",
    json: Json = False,
) -> None:
    """Train on what viewers did, and publish a version of recommendations.

    Whatever goes wrong, the version before is served on.  Exit code: 0 published, 2 --as-of is no time, 3 refused
    (nothing to learn from, or far less than before), 4 a server does not answer or something came in between, 5
    somebody else is training.
    """
    try:
        as_of_ms = moment_ms(as_of, time.time_ns() // 1_000_000)
    except ValueError as error:
        raise end(f"juliu train: {error}", 2) from error
    settings = load()
    logs.setup("train", settings)
    terminated.as_exception()  # so that the lock is given back
    try:
        report = train_once(settings, as_of_ms)
    except Refused as error:
        raise end(f"juliu train: refused, the version before is served on: {error}", REFUSED) from error
    except Trouble as error:
        raise end(f"juliu train: not published, run it again: {error}", TROUBLE) from error
    except Busy as error:
        raise end(f"juliu train: {error}", BUSY) from error
    typer.echo(msgspec.json.encode(report).decode() if json else report.sentence())


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
    return moment
