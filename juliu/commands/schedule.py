"""`juliu schedule`: runs the recommender's tasks on their periods and sends canaries, until SIGTERM."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from contextlib import closing

import msgspec

from infra import logs
from infra.health import Health
from infra.settings import Settings, load
from juliu.canary.places import Sky
from juliu.canary.turns import Turns, keep_flying, note, sender
from recommender.duty import StoredDuty
from recommender.publication import life
from recommender.publication.store import RedisRecommendationStore
from recommender.schedule import Child, Schedule, Task

NICENESS = 10  # what runs shares the machine with the API and the workers
COMMANDS = {
    "train": ("train",), "lists": ("refresh", "lists"), "fold-in": ("refresh", "fold-in"), "cold": ("refresh", "cold"),
}  # fmt: skip
FIRST_S = 120.0  # servers, workers and whoever started them have their own work to do first


def schedule() -> None:
    """Train, fold viewers in, make lists and the exploration of new dramas anew, send canaries: each on its period.

    What a task says goes to this process's log.  Of several schedules one does each task.
    """
    settings = load()
    logs.setup("schedule", settings)
    logging.getLogger("apscheduler").setLevel(logging.WARNING)  # what ran, we say ourselves
    os.nice(NICENESS)
    asyncio.run(_run(settings))


def tasks(settings: Settings) -> tuple[Task, ...]:
    """A training waits for another, then has its lock for half an hour; lists are made anew halfway to the next."""
    return (
        Task("train", settings.train_interval_s, 2_400.0, FIRST_S),
        Task("lists", settings.lists_interval_s, 1_500.0, FIRST_S + settings.lists_interval_s / 2),
        Task("fold-in", settings.fold_in_interval_s, 900.0, 2 * FIRST_S),
        Task("cold", settings.cold_interval_s, 600.0, FIRST_S / 2),
    )


def child(task: Task) -> Child:
    """A run of the task's command, as it is typed."""
    return Child((sys.executable, "-m", "juliu", *COMMANDS[task.name]))


async def _run(settings: Settings) -> None:
    stop, turns = asyncio.Event(), Turns(settings.partitions)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    with closing(RedisRecommendationStore.of(settings)) as store:
        ours = Schedule(tasks(settings), child, StoredDuty(store))

        def told() -> tuple[bool, dict[str, object]]:
            return True, {
                "tasks": msgspec.to_builtins(ours.states), "partitions_without_canary": sorted(turns.failing),
            }  # fmt: skip

        health = Health(settings.metrics_host, settings.metrics_port, told, told)
        try:
            async with asyncio.TaskGroup() as group:  # what nobody foresaw in one of them ends the process
                group.create_task(ours.run(stop))
                group.create_task(life.keep_telling(store, stop))
                group.create_task(_keep_flying(settings, turns, stop))
        finally:
            health.close()


async def _keep_flying(settings: Settings, turns: Turns, stop: asyncio.Event) -> None:
    if not settings.canary_every_s:
        return
    async with Sky(settings) as sky:
        send = sender(sky, settings.partitions, stop)
        await keep_flying(send, turns, lambda flight: note(flight, len(turns.failing)), settings.canary_every_s, stop)
