"""`juliu canary`: does an event still come through, into every partition, and how fast?"""

from __future__ import annotations

import asyncio
import signal
from typing import Annotated

import msgspec
import typer

from infra import logs
from infra.settings import Settings, load
from juliu.canary.flight import WITHIN_S, Flight
from juliu.canary.places import Sky
from juliu.canary.turns import Tell, Turns, keep_flying, one_round, sender
from juliu.commands.trouble import FOUND_WRONG, SERVER_TROUBLE


def canary(
    once: Annotated[bool, typer.Option("--once", help="one to every partition, then end")] = False,
    every: Annotated[float, typer.Option(min=1, max=3_600, help="seconds between two of them")] = 30,
    within: Annotated[
        float, typer.Option(min=1, max=600, help="seconds until one that has not arrived is lost")
    ] = WITHIN_S,
    json: Annotated[bool, typer.Option("--json", help="a JSON object a canary, for programs")] = False,
) -> None:
    """Send synthetic events through the API, and follow each to a counted key and a queryable row.

    Without --once it goes on, a partition each time, until it is interrupted; `juliu schedule` does the same by itself.
    They touch no drama's numbers and are in no view or list.

    Exit code of --once: 0 all arrived, 1 one was refused, not counted or not stored, 3 a server does not answer.
    """
    settings = load()
    logs.setup("canary", settings)

    def tell(flight: Flight) -> None:
        typer.echo(msgspec.json.encode(flight).decode() if json else flight.sentence())

    if not once:
        asyncio.run(_on_and_on(settings, every, within, tell))
        return
    flights = asyncio.run(_once(settings, within))
    for flight in flights:
        tell(flight)
    if any(flight.failures and not flight.silent for flight in flights):
        raise typer.Exit(FOUND_WRONG)
    if any(flight.failures for flight in flights):
        raise typer.Exit(SERVER_TROUBLE)


async def _on_and_on(settings: Settings, every_s: float, within_s: float, tell: Tell) -> None:
    stop = _stop()
    async with Sky(settings) as sky:
        send = sender(sky, settings.partitions, stop, within_s)
        await keep_flying(send, Turns(settings.partitions), tell, every_s, stop, first_after_s=0.0)


async def _once(settings: Settings, within_s: float) -> list[Flight]:
    async with Sky(settings) as sky:
        return await one_round(sender(sky, settings.partitions, _stop(), within_s), settings.partitions)


def _stop() -> asyncio.Event:
    """Set when the command is interrupted."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop
