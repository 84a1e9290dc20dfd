"""`juliu media costs`: time, CPU and yuan of media jobs; `juliu media rows`: juliu.media into ClickHouse once more."""

from __future__ import annotations

import asyncio
import datetime
from typing import Annotated

import msgspec
import typer
from rich.markup import escape

from domain.media.prices import Prices
from infra.clickhouse.client import connect
from infra.media import price_list
from infra.settings import Settings, load
from juliu.commands import wide
from juliu.commands.json_option import Json
from juliu.commands.media_queue import shown
from juliu.commands.moments import ZONE, day
from juliu.commands.servers import answered
from juliu.commands.trouble import FOUND_WRONG, end
from juliu.media.reread import Reread, reread
from juliu.media.spending import MOST_ROWS, By, Spending, spending

DAYS = 30
COLUMNS = (  # of juliu.media.spending.Line, and what stands above
    ("content_minutes", "min"), ("cpu_s_a_minute", "cpu s\n/min"), ("ci_minutes", "CI\nmin"), ("stored_gb", "GB"),
    ("processing_yuan", "CI"), ("storage_yuan_month", "store\n/month"), ("cdn_yuan", "CDN"),
    ("platform_yuan", "WeChat"), ("cdn_yuan_1000_plays", "CDN\n/1,000"), ("platform_yuan_1000_plays", "WeChat\n/1,000"),
)  # fmt: skip


def costs(
    *,
    drama: Annotated[int, typer.Option("--drama", min=0, help="this drama by episode; none: every drama")] = 0,
    steps: Annotated[bool, typer.Option("--steps", help="by step instead")] = False,
    since: Annotated[str, typer.Option(help="first day of the traffic, as 2026-11-01; none: 30 days ago")] = "",
    until: Annotated[str, typer.Option(help="last day of it; none: today")] = "",
    json: Json = False,
) -> None:
    """What media jobs took: CPU seconds a minute of content, CI minutes, GB, and yuan for CI, storage and traffic.

    Yuan are of JULIU_MEDIA_PRICES as it was when each step ended.  Traffic is what viewers played in these days, in the
    largest rendition: an upper bound to compare dramas with, not a bill.
    Exit code: 0, 1 a day cannot be read, 3 ClickHouse does not answer.
    """
    settings, today = load(), datetime.datetime.now(ZONE).date()
    last = day(until, today)
    first = day(since, last - datetime.timedelta(days=DAYS - 1))
    by: By = "step" if steps else "episode" if drama else "drama"
    with answered("not told"), connect(settings) as client:
        found = spending(client, by, drama, first, last)
    if json:
        typer.echo(msgspec.json.encode(found).decode())
    else:
        _show(found)


def rows(json: Json = False) -> None:
    """Read all of juliu.media into ClickHouse once more: after rows were lost, or code was mended that could not read.

    What is there already stays one row, at the prices of today.  Kafka keeps 30 days of it.
    Exit code: 0 all of it is there, 1 some cannot be read by this version either, 3 a server does not answer.
    """
    settings = load()
    with answered("not all is there, repeat it"):
        done = asyncio.run(reread(settings, _prices(settings)))
    if json:
        typer.echo(msgspec.json.encode(done).decode())
    else:
        _tell(done)
    if done.unreadable:
        raise typer.Exit(FOUND_WRONG)


def _tell(done: Reread) -> None:
    typer.echo(
        f"{done.rows:,} records are in media_steps, {done.orders:,} in media_orders, {done.unreadable:,} cannot be read"
    )
    if done.unreadable:
        typer.echo(shown(f"the first: offset {done.first_offset}: {done.first_reason}"))


def _prices(settings: Settings) -> Prices:
    try:
        return price_list.read(settings.media_prices)
    except price_list.BadPrices as error:
        raise end(f"JULIU_MEDIA_PRICES: {error}", FOUND_WRONG) from error


def _show(found: Spending) -> None:
    if not found.lines:
        typer.echo("No step of a media job has ended yet, or none of it has reached ClickHouse.")
        return
    lack = f"; without a price: {', '.join(found.unpriced)} (docs/media.md)" if found.unpriced else ""
    more = f"; the first {MOST_ROWS:,}" if found.more else ""
    table = wide.table(caption=f"yuan; traffic of {found.since} to {found.until}{lack}{more}")
    table.add_column(found.by)
    table.add_column("title", overflow="fold", min_width=8)
    for _, head in COLUMNS:
        table.add_column(head, justify="right", no_wrap=True)
    for line in (*found.lines, found.total):
        numbers = (_number(getattr(line, name)) for name, _ in COLUMNS)
        table.add_row(escape(line.name), escape(shown(line.title)), *numbers)
    wide.show(table)


def _number(value: float) -> str:
    """With a digit more where it is small: an episode is little storage."""
    return f"{value:,.2f}" if value >= 0.1 or value == 0 else f"{value:.3f}" if value >= 0.001 else "<.001"
