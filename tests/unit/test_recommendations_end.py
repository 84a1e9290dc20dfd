"""Until when readers have recommendations is told from the store alone: not from what this process has published."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest
from prometheus_client import REGISTRY
from redis.exceptions import RedisError

from domain.keys import REC_LIFE_S
from domain.recommendations import Version
from infra.settings import Settings
from juliu.commands import schedule
from recommender.publication.life import ends_at_s, keep_telling
from tests.memory_recommendations import MemoryRecommendationStore

VERSION = Version(1, 1, "0000000a")
NOW_S = 1_790_000_000.0


def serving(current: str = str(VERSION), **more: object) -> MemoryRecommendationStore:
    return MemoryRecommendationStore(current=current, **more)


@pytest.mark.parametrize(
    ("store", "ends"),
    [
        (serving(""), 0),
        (serving(metas={str(VERSION): b"{}"}), NOW_S + REC_LIFE_S),
        (serving(metas={"another": b"{}"}), NOW_S),
        (serving("no version"), NOW_S),
    ],
)
def test_it_is_of_the_version_that_is_served(store, ends):
    assert ends_at_s(store, NOW_S) == ends


async def test_it_is_told_at_once_and_a_store_that_is_away_leaves_it_as_it_was():
    class Away(MemoryRecommendationStore):
        def pointers(self):
            raise RedisError("away")

    stop = asyncio.Event()
    stop.set()
    told = []
    for store in (serving(metas={str(VERSION): b"{}"}), Away()):
        await keep_telling(store, stop)
        told.append(REGISTRY.get_sample_value("juliu_recommendations_end_seconds"))
    assert told[0] == told[1] > REC_LIFE_S


async def test_a_schedule_that_trains_nothing_tells_it_too(monkeypatch):
    class Served(MemoryRecommendationStore):
        def close(self):
            """Nothing to give back."""

        def life_s(self, version):
            os.kill(os.getpid(), signal.SIGTERM)  # the schedule takes it for itself by now
            return 5e9

    monkeypatch.setattr(schedule.RedisRecommendationStore, "of", lambda _: Served(current=str(VERSION)))
    never = {f"{task}_interval_s": 0 for task in ("train", "lists", "fold_in", "cold")}
    async with asyncio.timeout(20):
        await schedule._run(Settings(canary_every_s=0, **never))
    assert REGISTRY.get_sample_value("juliu_recommendations_end_seconds") > 5e9
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().remove_signal_handler(number)
