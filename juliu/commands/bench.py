"""`juliu bench`: measures a running installation; loopback only, bounded in time."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import asdict
from typing import Annotated, Any

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
from infra.place import home as place
from infra.settings import Settings, load
from ingest_api.auth import Scope, issue
from juliu.bench.spine import LARGE, SMALL, Spine, TooSlow
from juliu.bench.traffic import Drama, Traffic
from juliu.load.client import Client, GaveUp
from juliu.load.positions import Fences, LogEnd, Stuck

app = typer.Typer(no_args_is_help=True)
TOKEN_DAYS = 1
# Slower than this is a step back, with everything on one machine of two cores: name in the report -> at least / at most
AT_LEAST = {
    "events_per_s": 6_000, "requests_per_s": 600, "counters_events_per_cpu_s": 40_000, "store_rows_per_cpu_s": 100_000,
}  # fmt: skip
AT_MOST = {"event_to_redis_p99_ms": 300, "event_to_clickhouse_p99_ms": 2_000}


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
    settings = load()
    if settings.api_host != HOST:
        _end(console, f"the benchmark only loads this machine, not {settings.api_host}")
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            found = runner.run(_spine(settings, seconds, console))
    except (StackError, CatalogueDamaged, GaveUp, Stuck, TooSlow, OSError) as error:
        _end(console, str(error))
    except ExceptionGroup as group:
        _end(console, "; ".join(map(str, group.exceptions)))
    if json_:
        typer.echo(json.dumps(found, indent=1))
    else:
        _show(found)


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


def _dramas(catalogue: Catalogue) -> list[Drama]:
    """What may be watched: every shown drama and the duration of its first episode, in the catalogue's order."""
    dramas = [(one.drama_id, one.durations[0]) for one in catalogue if one.durations and catalogue.shown(one.drama_id)]
    if not dramas:
        raise CatalogueDamaged("no drama to watch: `juliu catalogue import`, or `juliu demo`")
    return dramas


def _client(settings: Settings) -> Client:
    secret, now_s = settings.jwt_secret.get_secret_value(), int(time.time())

    def token_of(user_id: int) -> str:
        return issue(secret, user_id, Scope.VIEWER, now_s, TOKEN_DAYS)

    return Client(settings.api_host, settings.api_port, token_of)


def _now_ms() -> int:
    return int(time.time() * 1000)


def _show(found: dict[str, Any]) -> None:
    table = Table(title="the spine, all on this machine", title_justify="left")
    for column in ("", "measured", "goal", "met"):
        table.add_column(column, justify="left" if not column else "right")
    for name, goal in {**AT_LEAST, **AT_MOST}.items():
        sign = ">=" if name in AT_LEAST else "<="
        met = "[green]yes[/green]" if found["goals_met"][name] else "[red]no[/red]"
        table.add_row(name.replace("_", " "), f"{found[name]:,}", f"{sign} {goal:,}", met)
    for name, events in found["events_per_cpu_s"].items():
        table.add_row(f"events a CPU second of {name}", f"{events:,}", "", "")
    Console().print(table)


def _end(console: Console, why: str) -> None:
    console.print(f"juliu bench: {why}", style="red", highlight=False, markup=False)
    raise typer.Exit(1)
