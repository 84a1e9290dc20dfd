"""`juliu rebuild clickhouse`: a month that ClickHouse lost, from its archive and the log."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from infra import logs
from infra.place import home
from infra.settings import load
from juliu.commands.json_option import Json
from juliu.commands.servers import answered
from juliu.commands.trouble import FOUND_WRONG, end
from juliu.rebuild.month import Report, rebuild
from juliu.rebuild.refused import Refused


def clickhouse(
    *,
    partition: Annotated[int, typer.Option("--partition", min=190_001, max=999_912, help="the month, YYYYMM")],
    from_: Annotated[
        Path | None, typer.Option("--from", help="the archive; `archive` of JULIU_HOME where it is left out")
    ] = None,
    json: Json = False,
) -> None:
    """Bring back a month (of receipt, in Shanghai) of ClickHouse: what the archive has, then what the log still holds.

    Safe on a live system; puts in only what is not there, so it may be killed anywhere and repeated. Where Redis knows
    more than ClickHouse afterwards (the store worker ends with 72), `juliu rebuild redis` comes next.
    Exit code: 0 all of it is there, 1 refused, or some of it is lost (the rest is there), 3 a server does not answer.
    """
    settings = load()
    logs.setup("rebuild", settings)
    try:
        with answered("not rebuilt"):
            report = rebuild(settings, partition, from_ or home() / "archive", _nothing if json else typer.echo)
    except Refused as error:
        raise end(f"refused: {error}", FOUND_WRONG) from error
    if json:
        typer.echo(msgspec.json.encode(report).decode())
    else:
        _show(report)
    if report.lost:
        raise typer.Exit(FOUND_WRONG)


def _nothing(_line: str) -> None:
    """For programs, the report says it all."""


def _show(report: Report) -> None:
    for source, rows in (("the archive", report.from_archive), ("the log", report.from_log)):
        told = f"{rows['events']:,} events, {rows['late_events']:,} late ones, {rows['blocks']:,} blocks"
        typer.echo(f"{report.month}: {told} from {source}")
    steps, orders = report.from_archive["media_steps"], report.from_archive["media_orders"]
    typer.echo(f"{report.month}: {steps:,} ends of media steps, {orders:,} orders from the archive")
    for line in report.lost:
        typer.echo(f"- {line}")
    typer.echo(f"{report.seconds} s; {'the rest is lost' if report.lost else 'nothing is missing'}")
