"""`juliu bench`: measures a running installation; loopback only, bounded in time."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import time
from collections.abc import Callable, Coroutine
from dataclasses import asdict
from typing import Annotated, Any, NoReturn

import redis.asyncio as aioredis
import typer
import uvloop
from rich.console import Console
from rich.table import Table

from domain.catalogue import Catalogue
from infra.catalogue.form import CatalogueDamaged
from infra.catalogue.reader import read_catalogue
from infra.local.errors import StackError
from infra.local.home import HOST, Home
from infra.money.unlocks import MoneyUnavailable
from infra.money.wallet import Wallet
from infra.mysql.engine import engine_of
from infra.place import home as place
from infra.settings import Settings, load
from ingest_api.auth import Scope, issue
from juliu.bench.feed import LINES, FeedLoad, recommended
from juliu.bench.pace import TooSlow
from juliu.bench.spine import LARGE, SMALL, Spine
from juliu.bench.traffic import Drama, Traffic
from juliu.bench.unlocks import Unlocks, paid_episodes
from juliu.load.client import LINES as POST_LINES
from juliu.load.client import Client, GaveUp
from juliu.load.cpu import pids
from juliu.load.positions import Fences, LogEnd, Stuck

app = typer.Typer(no_args_is_help=True)
TOKEN_DAYS = 1
# Slower than this is a step back, with everything on one machine of two cores: name in the report -> at least / at most
AT_LEAST = {
    "events_per_s": 6_000, "requests_per_s": 600, "counters_events_per_cpu_s": 40_000, "store_rows_per_cpu_s": 100_000,
}  # fmt: skip
AT_MOST = {"event_to_redis_p99_ms": 300, "event_to_clickhouse_p99_ms": 2_000}
UNLOCK_AT_MOST = {"unlock_p99_ms": 60, "unlock_to_redis_p99_ms": 3_000, "unlock_to_clickhouse_p99_ms": 3_000}
FEED_AT_MOST = {"page_p99_ms": 15}  # at 300 pages a second beside 1,000 events a second
UNLOCKERS = 200  # viewers of a run
ELSEWHERE = 10  # niceness of who asks for pages: viewers' phones take no CPU from what answers them


@app.callback()
def benchmarks() -> None:
    """Measure what runs here."""


@app.command()
def spine(
    seconds: Annotated[float, typer.Option(min=1, max=120, help="length of each timed phase")] = 10,
    json_: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """Events in over HTTP, counted in Redis, stored in ClickHouse: rates, latencies, CPU.

    Needs `juliu up --all` and a catalogue (`juliu demo` leaves both).  The made-up viewers' events stay in the stores.
    Exit code 1 where it could not be measured; goals that are missed are told, not punished.
    """
    console = Console(stderr=True)
    found = _run(console, lambda settings: _spine(settings, seconds, console))
    if json_:
        typer.echo(json.dumps(found, indent=1))
    else:
        _show(found, AT_LEAST, AT_MOST, "the spine, all on this machine")


def _run(console: Console, measure: Callable[[Settings], Coroutine[Any, Any, dict[str, Any]]]) -> dict[str, Any]:
    """What was measured; ends the command where it could not be."""
    settings = load()
    if settings.api_host != HOST:
        _end(console, f"the benchmark only loads this machine, not {settings.api_host}")
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            return runner.run(measure(settings))
    except (StackError, CatalogueDamaged, GaveUp, Stuck, TooSlow, MoneyUnavailable, OSError) as error:
        _end(console, str(error))
    except ExceptionGroup as group:
        _end(console, "; ".join(sorted(set(_reasons(group)))))


async def _spine(settings: Settings, seconds: float, console: Console) -> dict[str, Any]:
    async with aioredis.Redis.from_url(settings.redis_url) as redis:
        secret = settings.ticket_secret.get_secret_value().encode()
        traffic = Traffic(_dramas(await read_catalogue(redis)), _now_ms, seed=_now_ms(), ticket_secret=secret)
        client, end = _client(settings), LogEnd(settings)
        try:
            one = Spine(Home(place()), client, Fences(redis, settings.partitions), end, traffic, console.print)
            return await _measure(one, seconds)
        finally:
            client.close()
            end.close()


async def _measure(one: Spine, seconds: float) -> dict[str, Any]:
    """The document: every number by its name, and beside them whether each goal is met."""
    large = await one.throughput(LARGE, seconds)
    small = await one.throughput(SMALL, seconds)
    latency = await one.latencies(seconds)
    worker = await one.catch_up()
    found: dict[str, Any] = {
        "events_per_s": large.counted_per_s,
        "requests_per_s": small.requests_per_s,
        "event_to_redis_p99_ms": latency["counters"].p99_ms,
        "event_to_clickhouse_p99_ms": latency["store"].p99_ms,
        "counters_events_per_cpu_s": worker["counters"],
        "store_rows_per_cpu_s": worker["store"],
        "events_per_cpu_s": large.events_per_cpu_s,
        f"batches_of_{LARGE}": asdict(large),
        f"batches_of_{SMALL}": asdict(small),
        "event_to_redis": asdict(latency["counters"]),
        "event_to_clickhouse": asdict(latency["store"]),
    }
    goals = {name: found[name] >= least for name, least in AT_LEAST.items()}
    goals |= {name: found[name] <= most for name, most in AT_MOST.items()}
    return {**found, "goals_met": goals}


@app.command()
def unlock(
    rate: Annotated[float, typer.Option(min=1, max=2_000, help="unlocks a second")] = 100,
    seconds: Annotated[float, typer.Option(min=1, max=120, help="how long")] = 10,
    json_: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """Unlocks at a fixed rate: how long until the answer, until Redis counts them, until ClickHouse has them.

    Needs `juliu up --all` and a catalogue with episodes that cost coins.  New made-up viewers are credited their coins;
    what they unlock stays.  Exit code 1 where it could not be measured; goals that are missed are told, not punished.
    """
    console = Console(stderr=True)
    found = _run(console, lambda settings: _unlock(settings, rate, seconds, console))
    if json_:
        typer.echo(json.dumps(found, indent=1))
    else:
        _show(found, {}, UNLOCK_AT_MOST, "unlocks, all on this machine")


async def _unlock(settings: Settings, rate: float, seconds: float, console: Console) -> dict[str, Any]:
    async with aioredis.Redis.from_url(settings.redis_url) as redis:
        paid = paid_episodes(await read_catalogue(redis), _now_ms())
        client, end, engine = _client(settings), LogEnd(settings), engine_of(settings)
        first = _now_ms() * UNLOCKERS  # ids that no viewer and no other run has
        try:
            one = Unlocks(
                client, Wallet(engine, _now_ms), Fences(redis, settings.partitions), end, paid,
                range(first, first + UNLOCKERS), pids(Home(place())), console.print,
            )  # fmt: skip
            found = await one.run(rate, seconds)
        finally:
            client.close()
            end.close()
            engine.dispose()
    numbers: dict[str, Any] = {
        "unlock_p50_ms": found.answer.p50_ms,
        "unlock_p99_ms": found.answer.p99_ms,
        "unlock_to_redis_p99_ms": found.redis.p99_ms,
        "unlock_to_clickhouse_p99_ms": found.clickhouse.p99_ms,
    }
    met = {name: numbers[name] <= most for name, most in UNLOCK_AT_MOST.items()}
    equal = found.answers.get("200", 0) == found.told
    return {"rate": rate, **numbers, "unlocks_equal": equal, **asdict(found), "goals_met": met}


@app.command()
def feed(
    rate: Annotated[float, typer.Option(min=1, max=2_000, help="pages a second")] = 300,
    events: Annotated[float, typer.Option(min=10, max=20_000, help="events a second beside them")] = 1_000,
    seconds: Annotated[float, typer.Option(min=1, max=120, help="length of each of the two phases")] = 10,
    json_: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """Pages of the feed at a fixed rate, beside events and the workers that count and store them.

    Needs `juliu up --all`, a catalogue and published lists (`juliu demo` leaves all).  Pages are those of viewers who
    have a list: what these were shown stays noted for as long as the feed notes it, and the made-up viewers' events
    stay in the stores.  Exit code 1 where it could not be measured; goals that are missed are told, not punished.
    """
    console = Console(stderr=True)
    found = _run(console, lambda settings: _feed(settings, rate, events, seconds, console))
    if json_:
        typer.echo(json.dumps(found, indent=1))
    else:
        _show(
            found, {}, FEED_AT_MOST, f"{rate:g} pages/s beside {found['events_per_s']:,} events/s, all on this machine"
        )


async def _feed(settings: Settings, rate: float, events: float, seconds: float, console: Console) -> dict[str, Any]:
    async with aioredis.Redis.from_url(settings.redis_url) as redis:
        secret = settings.ticket_secret.get_secret_value().encode()
        traffic = Traffic(_dramas(await read_catalogue(redis)), _now_ms, seed=_now_ms(), ticket_secret=secret)
        viewers = await recommended(redis, seed=_now_ms())
    pages, posts = _client(settings, LINES), _client(settings)
    os.nice(ELSEWHERE)
    gc.freeze()  # half a tenth of a second for what lives as long as the run would be told as the pages' latency
    try:
        load = FeedLoad(pages, posts, traffic, viewers, pids(Home(place())), console.print)
        found = await load.run(rate, events, seconds)
    finally:
        pages.close()
        posts.close()
    numbers: dict[str, Any] = {"page_p50_ms": found.page.p50_ms, "page_p99_ms": found.page.p99_ms}
    met = {name: numbers[name] <= most for name, most in FEED_AT_MOST.items()}
    return {"rate": rate, "load": round(os.getloadavg()[0], 1), **numbers, **asdict(found), "goals_met": met}


def _dramas(catalogue: Catalogue) -> list[Drama]:
    """What may be watched: every shown drama and the duration of its first episode, in the catalogue's order."""
    dramas = [(one.drama_id, one.durations[0]) for one in catalogue if one.durations and catalogue.shown(one.drama_id)]
    if not dramas:
        raise CatalogueDamaged("no drama to watch: `juliu catalogue import`, or `juliu demo`")
    return dramas


def _client(settings: Settings, lines: int = POST_LINES) -> Client:
    secret, now_s = settings.jwt_secret.get_secret_value(), int(time.time())

    def token_of(user_id: int) -> str:
        return issue(secret, user_id, Scope.VIEWER, now_s, TOKEN_DAYS)

    return Client(settings.api_host, settings.api_port, token_of, lines)


def _now_ms() -> int:
    return int(time.time() * 1000)


def _show(found: dict[str, Any], least: dict[str, int], most: dict[str, int], title: str) -> None:
    table = Table(title=title, title_justify="left")
    for column in ("", "measured", "goal", "met"):
        table.add_column(column, justify="left" if not column else "right")
    for name, goal in {**least, **most}.items():
        sign = ">=" if name in least else "<="
        met = "[green]yes[/green]" if found["goals_met"][name] else "[red]no[/red]"
        table.add_row(name.replace("_", " "), f"{found[name]:,}", f"{sign} {goal:,}", met)
    for name, events in found.get("events_per_cpu_s", {}).items():
        table.add_row(f"events a CPU second of {name}", f"{events:,}", "", "")
    Console().print(table)


def _reasons(error: BaseException) -> list[str]:
    """What went wrong in a group, and in the groups inside it."""
    if isinstance(error, BaseExceptionGroup):
        return [reason for inner in error.exceptions for reason in _reasons(inner)]
    return [str(error) or type(error).__name__]


def _end(console: Console, why: str) -> NoReturn:
    console.print(f"juliu bench: {why}", style="red", highlight=False, markup=False)
    raise typer.Exit(1)
