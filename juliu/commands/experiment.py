"""`juliu experiment`: what becomes of viewers in each arm, with intervals, and whether to believe it."""

from __future__ import annotations

import datetime
import math
from typing import Annotated

import msgspec
import typer
from rich.markup import escape

from domain.experiments import parse
from infra.clickhouse.client import connect
from infra.settings import load
from juliu.commands import wide
from juliu.commands.json_option import Json
from juliu.commands.moments import ZONE, day
from juliu.commands.servers import answered
from juliu.commands.trouble import FOUND_WRONG, end
from juliu.experiments.results import MEASURES, Results, results
from juliu.experiments.statistics import LEAST_VIEWERS, Difference

DAYS = 7


def experiment(
    since: Annotated[str, typer.Option(help="first day, as 2026-11-01 (Asia/Shanghai); none: a week ago")] = "",
    until: Annotated[str, typer.Option(help="last day; none: yesterday, the last that is whole")] = "",
    base: Annotated[str, typer.Option(help="the arm that others are compared with")] = "base",
    json: Json = False,
) -> None:
    """Compare the arms of JULIU_EXPERIMENT by all that their viewers did from their first day in it, 95 % intervals.

    Exit code: 0, 1 viewers did not come in the shares that were meant (believe nothing), or the base has none, 3 a
    server does not answer.
    """
    settings, today = load(), datetime.datetime.now(ZONE).date()
    last = day(until, today - datetime.timedelta(days=1))
    first = day(since, last - datetime.timedelta(days=DAYS - 1))
    with answered("not compared"), connect(settings) as client:
        try:
            found = results(client, parse(settings.experiment), base, first, last)
        except KeyError as error:
            raise end(f"no viewer was in arm {base} from {first} to {last}", FOUND_WRONG) from error
    if json:
        typer.echo(msgspec.json.encode({"believable": found.believable, **msgspec.structs.asdict(found)}).decode())
    else:
        show(found)
    if not found.believable:
        raise end("viewers did not come in the shares that were meant: find out why before believing", FOUND_WRONG)


def show(found: Results) -> None:
    """As a table."""
    strange = f"{found.strange:,} with an impression of an arm that is not theirs"
    caption = f"{found.since} to {found.until}; a viewer each; {strange}; shares as meant: p = {found.ratio_p:.3g}"
    table = wide.table(caption=f"{caption}; too few: under {LEAST_VIEWERS:,} viewers")
    table.add_column("arm")
    for name in ("viewers", *MEASURES):
        table.add_column(name, justify="right")
    for arm in found.arms:
        cells = [f"{arm.means[name]:,.3g}{_apart(arm.differences.get(name))}" for name in MEASURES]
        table.add_row(*map(escape, (arm.arm, f"{arm.viewers:,}", *cells)))
    wide.show(table)


def _apart(one: Difference | None) -> str:
    """How far from the base, and the interval."""
    if one is None:
        return ""
    if math.isnan(one.low):
        return f"\n{one.value:+.3g} (too few)"
    return f"\n{one.value:+.3g} [{one.low:+.3g}, {one.high:+.3g}]"
