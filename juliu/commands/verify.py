"""`juliu verify`: log, ClickHouse and Redis compared at the same fences, on a live system."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from juliu.commands import wide
from juliu.commands.json_option import Json
from juliu.commands.moments import HELP, moment
from juliu.commands.servers import opened
from juliu.commands.trouble import FOUND_WRONG, SERVER_TROUBLE
from juliu.verify.found import Report, TypeCount
from juliu.verify.period import Period
from juliu.verify.run import verify as verified


def verify(
    since: Annotated[str, typer.Option(help=f"blocks, rows and records stored since then: {HELP}")] = "",
    until: Annotated[str, typer.Option(help="and until then")] = "",
    json: Json = False,
) -> None:
    """Compare Kafka, ClickHouse and Redis by partition and type, and name what differs.  Reads only.

    Blocks follow each other; rows are as many as blocks say, none twice, no event twice; each record that Kafka still
    holds is a row, a repeat of one, late, or a dead letter; the counters in Redis are what the rows add up to, and the
    numbers that readers are told are the sums of those, over all time: --since and --until do not limit them.

    Exit code: 0 all is equal, 1 differences, 3 a server does not answer or stands still so that nothing can be said.
    """
    period = Period(moment(since), moment(until))
    with opened("not verified") as servers:
        report = verified(servers, period, say=lambda line: typer.echo(line, err=True))
    if json:
        typer.echo(report.as_json().decode())
    else:
        _show(report)
    if report.differences:
        raise typer.Exit(FOUND_WRONG)
    if report.unknown:
        raise typer.Exit(SERVER_TROUBLE)


def _show(report: Report) -> None:
    wide.show(_partitions(report), _types(report))
    for line in report.unknown:
        typer.echo(f"not known: {line}")
    if report.ok:
        typer.echo("All of it is equal.")
    for one in report.differences:
        place = f"partition {one.partition}: " if one.partition >= 0 else ""
        typer.echo(f"- {one.rule}: {place}{one.where}: {one.found}, expected {one.expected}")
    for rule, more in report.more.items():
        typer.echo(f"- {rule}: and {more} more")
    for note in report.notes:
        typer.echo(note)


def _partitions(report: Report) -> Table:
    table = wide.table("Partitions")
    for name in (
        "partition",
        "counters at",
        "store at",
        "blocks at",
        "blocks",
        "rows",
        "compared with the log",
        "dramas",
    ):
        table.add_column(name, justify="right")
    for one in report.partitions:
        compared = "nothing" if one.log_from is None else f"{one.log_from}..{one.log_to}"
        numbers = (one.partition, one.counters_fence, one.store_fence, one.block_fence, one.blocks, one.rows)
        cells = ["none" if number is None else f"{number}" for number in numbers]
        table.add_row(*cells, compared, str(one.dramas))
    return table


def _types(report: Report) -> Table:
    table = wide.table("What the log holds")
    names = ("records", "distinct", "rows", "repeats", "late", "too_old", "dead")
    table.add_column("type")
    for name in names:
        table.add_column(name.replace("_", " "), justify="right")
    sums: dict[str, TypeCount] = {}
    for one in report.partitions:
        for kind, count in one.types.items():
            total = sums.setdefault(kind, TypeCount())
            for name in names:
                setattr(total, name, getattr(total, name) + getattr(count, name))
    for kind, total in sorted(sums.items(), key=lambda each: -each[1].records):
        table.add_row(kind, *(f"{getattr(total, name):,}" for name in names))
    return table
