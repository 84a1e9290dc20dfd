"""`juliu canary`: does an event still come through, into every partition, and how fast?"""

from __future__ import annotations

import asyncio
import signal
from typing import Annotated

import msgspec
import typer

from infra import logs
from infra.settings import Settings, load
from juliu.canary.flight import Flight
from juliu.canary.places import Sky
from juliu.canary.turns import Turns, keep_flying, one_round, sender
from juliu.commands.trouble import SERVER_TROUBLE

LOST = 1


def canary(
    once: Annotated[bool, typer.Option("--once", help="one to every partition, then end")] = False,
    every: Annotated[float, typer.Option(min=1, max=3_600, help="seconds between two of them")] = 30,
    json: Annotated[bool, typer.Option("--json", help="a JSON object a canary, for programs")] = False,
) -> None:
    """Send synthetic events through the API, and follow each to a counted key and a queryable row.

    Without --once it goes on, a partition each time, until it is interrupted; `juliu schedule` does the same by itself.
    They touch no drama's numbers and are in no view or list.

    Exit code of --once: 0 all arrived, 1 one was refused, not counted or not stored, 3 a server does not answer.
    """
    settings = load()
    logs.setup("canary", settings)
    flights = asyncio.run(_canary(settings, once, every, json))
    if any(flight.failures and not flight.silent for flight in flights):
        raise typer.Exit(LOST)
    if any(flight.failures for flight in flights):
        raise typer.Exit(SERVER_TROUBLE)


async def _canary(settings: Settings, once: bool, every_s: float, as_json: bool) -> list[Flight]:
    """What became of those of --once."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)

    def tell(flight: Flight) -> None:
        typer.echo(msgspec.json.encode(flight).decode() if as_json else flight.sentence())

    async with Sky(settings) as sky:
        send = sender(sky, settings.partitions, stop)
        if not once:
            await keep_flying(send, Turns(settings.partitions), tell, every_s, stop, first_after_s=0.0)
            return []
        flights = await one_round(send, settings.partitions)
    for flight in flights:
        tell(flight)
    return flights
