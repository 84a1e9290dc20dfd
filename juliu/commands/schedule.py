"""`juliu schedule`: runs `juliu train` every JULIU_TRAIN_INTERVAL_S, in the foreground, until SIGTERM."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

import msgspec

from infra import logs
from infra.settings import Settings, load
from recommender.schedule import Child, State, keep_training
from streams.health import Health

NICENESS = 10  # trainings share the machine with the API and the workers
COMMAND = (sys.executable, "-m", "juliu", "train")


def schedule() -> None:
    """Train now and then; what a training says goes to this process's log."""
    settings = load()
    logs.setup("schedule", settings)
    os.nice(NICENESS)
    asyncio.run(_run(settings))


async def _run(settings: Settings) -> None:
    stop, state = asyncio.Event(), State()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    health = Health(
        settings.metrics_host, settings.metrics_port, lambda: (True, _told(state)), lambda: (True, _told(state))
    )
    try:
        await keep_training(Child(COMMAND), state, settings.train_interval_s, stop)
    finally:
        health.close()


def _told(state: State) -> dict[str, object]:
    return dict(msgspec.to_builtins(state))
