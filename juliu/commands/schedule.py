"""`juliu schedule`: trains every JULIU_TRAIN_INTERVAL_S and sends canaries, in the foreground, until SIGTERM."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

import msgspec

from infra import logs
from infra.settings import Settings, load
from juliu.canary.places import Sky
from juliu.canary.turns import Turns, keep_flying, note, sender
from recommender.schedule import Child, State, keep_training
from streams.health import Health

NICENESS = 10  # trainings share the machine with the API and the workers
COMMAND = (sys.executable, "-m", "juliu", "train")


def schedule() -> None:
    """Train now and then, send a canary every JULIU_CANARY_EVERY_S; what a training says goes to this process's log."""
    settings = load()
    logs.setup("schedule", settings)
    os.nice(NICENESS)
    asyncio.run(_run(settings))


async def _run(settings: Settings) -> None:
    stop, state, turns = asyncio.Event(), State(), Turns(settings.partitions)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)

    def told() -> tuple[bool, dict[str, object]]:
        return True, {**msgspec.to_builtins(state), "partitions_without_canary": sorted(turns.failing)}

    health = Health(settings.metrics_host, settings.metrics_port, told, told)
    try:
        async with asyncio.TaskGroup() as tasks:  # what nobody foresaw in one of them ends the process
            tasks.create_task(keep_training(Child(COMMAND), state, settings.train_interval_s, stop))
            tasks.create_task(_keep_flying(settings, turns, stop))
    finally:
        health.close()


async def _keep_flying(settings: Settings, turns: Turns, stop: asyncio.Event) -> None:
    if not settings.canary_every_s:
        return
    async with Sky(settings) as sky:
        send = sender(sky, settings.partitions, stop)
        await keep_flying(send, turns, lambda flight: note(flight, len(turns.failing)), settings.canary_every_s, stop)
