"""Faults of the family `workers`: our processes are killed, frozen, moved about."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import cast

import psutil
import redis.asyncio as aioredis

from domain import keys
from juliu.faults.fault import Fault, Scene, World
from juliu.faults.prompt import typed
from streams.watchdog import SESSION_S

STANDS_WITHIN_S, DIES_WITHIN_S = 60.0, 120.0


async def kill_api(scene: Scene) -> None:
    """Five times, kill -9 of one of two APIs in the middle of its batches.

    Nobody knows what became of the requests in flight: the clients send them again, and each event counts once.
    """
    for n in range(5):
        await scene.load.reached(scene.rnd.uniform(0.1, 0.2) * (n + 0.5))
        name = scene.rnd.choice(("api", "api-2"))
        await scene.arena.ready(name)
        scene.arena.kill(name)
        scene.healed()


async def kill_counters_after_apply(scene: Scene) -> None:
    """kill -9 of the counters worker between the script in Redis and the acknowledgement, and right before the script.

    Effects and fence are one step, so the next life goes on behind what was done: nothing is counted twice.
    """
    await die_at(scene, "stream-counters", ("counters.after_apply", "counters.before_apply", "counters.after_apply"))


async def kill_store_in_doubt(scene: Scene) -> None:
    """kill -9 of the store worker right after its insert (nobody heard the answer), and before and after each other
    step of a block.

    The next life cuts the same block, finds the rows that are there, and inserts none of them twice.
    """
    places = ("store.after_insert", "store.after_close", "store.before_insert", "store.after_apply")
    await die_at(scene, "stream-store", places)


async def kill_between_dead_letter_and_fence(scene: Scene) -> None:
    """kill -9 of each worker when poison is in juliu.dead and its fence has not passed it.

    The dead letter may be there twice, under one partition and offset; nothing else of the run is done twice.
    """
    await die_at(scene, "stream-counters", ("dead.after_write", "dead.after_write"))
    await die_at(scene, "stream-store", ("dead.after_write",))


async def die_at(scene: Scene, name: str, places: Sequence[str]) -> None:
    """The worker dies at each of these failpoints, at an arrival there that the seed chooses."""
    arena = scene.arena
    await scene.load.reached(scene.rnd.uniform(0.02, 0.15))
    for place in places:
        await arena.ready(name)
        lives = arena.life(name)
        arena.fail_next(name, f"{place}:{scene.rnd.randint(1, 3)}")
        await arena.until(
            partial(_died_or_idle, scene, name, lives + 1), f"{name} dies at {place}", DIES_WITHIN_S, name
        )
        if arena.life(name) <= lives + 1:
            break  # a slow machine: nothing more comes that could lead it there
        scene.notes["deaths"] = scene.notes.get("deaths", 0) + 1
        scene.healed()
    await arena.ready(name)


def _died_or_idle(scene: Scene, name: str, lives: int) -> bool:
    """Whether it has died, or stands ready after the load is over."""
    return scene.arena.life(name) > lives or (scene.load.over and scene.arena.is_ready(name))


async def zombies(scene: Scene) -> None:
    """One of two workers of each group is stopped right before it writes, for longer than its session, then goes on.

    The others have taken its partitions over and gone on; what the woken ones were about to write is refused by the
    fences, and they end themselves.
    """
    arena = scene.arena
    places = {
        "stream-counters": "counters.before_apply",
        scene.rnd.choice(("stream-store", "stream-store-2")): "store.before_insert",
    }
    await scene.load.reached(scene.rnd.uniform(0.01, 0.1))
    lives = {name: arena.life(name) + 1 for name in places}
    for name, place in places.items():
        arena.fail_next(name, f"{place}:{scene.rnd.randint(1, 2)}:stop")
    for name, life in lives.items():
        await arena.died(name, life - 1)
        await arena.until(partial(_stopped, scene, name), f"{name} stands before its write", STANDS_WITHIN_S, name)
    await asyncio.sleep(SESSION_S + scene.rnd.uniform(3, 15))
    for name, life in lives.items():
        arena.thaw(name)
        scene.healed()
        await arena.died(name, life)  # it ended itself, and was started again


def _stopped(scene: Scene, name: str) -> bool:
    """Whether it is stopped by a signal."""
    try:
        return bool(psutil.Process(scene.arena.pid(name)).status() == psutil.STATUS_STOPPED)
    except psutil.NoSuchProcess:
        return False


async def rebalance_storm(scene: Scene) -> None:
    """Eight times, a second worker of each group leaves or joins, about every 5 s.

    Progress goes on, and nothing is lost or done twice whoever holds the partitions.
    """
    arena, second = scene.arena, ("stream-counters-2", "stream-store-2")
    await scene.load.reached(0.05)
    for _ in range(4):
        await asyncio.gather(*(arena.stop(name, by_force=scene.rnd.random() < 0.3) for name in second))
        await asyncio.sleep(scene.rnd.uniform(1, 5))
        await asyncio.gather(*(arena.start(name) for name in second))
        scene.healed()
        await asyncio.sleep(scene.rnd.uniform(1, 3))


async def trainer_dies(scene: Scene) -> None:
    """kill -9 of the training when its new version is whole in Redis and readers do not know of it.

    Readers keep the version before, whole; the next training clears up what was left, and publishes.
    """
    await scene.load.reached(scene.rnd.uniform(0.4, 0.6))
    async with aioredis.Redis.from_url(scene.arena.settings.redis_url) as redis:
        first = await typed(scene.arena, "train")
        assert first.code == 0, first.err
        before = await _version(redis)
        died = await typed(scene.arena, "train", FAIL_AT="publish.before_pointer")
        assert died.code == -9, died
        scene.healed()
        assert await _version(redis) == before, "the version before the death is not what it was"
        again = await typed(scene.arena, "train")
        assert again.code == 0, again.err
        assert await _version(redis) != before
        left = [key async for key in redis.scan_iter(match=f"{keys.rec_items('*')}")]
        assert len(left) <= 2, f"{len(left)} versions are kept"


async def _version(redis: aioredis.Redis) -> tuple[str, dict[bytes, bytes], bytes]:
    """The version that readers are told, its lists, its description."""
    version = cast(bytes, await redis.get(keys.REC_CURRENT)).decode()
    lists = cast(dict[bytes, bytes], await redis.hgetall(keys.rec_items(version)))
    meta = cast(bytes, await redis.get(keys.rec_meta(version)))
    assert meta, "the version that is served is not whole"
    return version, lists, meta


_TWO = World(workers=2)
FAULTS: tuple[Fault, ...] = (
    Fault("F1", "The API is killed in the middle of batches", kill_api, World(apis=2)),
    Fault("F2", "The counters worker is killed between Redis and the acknowledgement", kill_counters_after_apply),
    Fault("F3", "Workers are killed between a dead letter and the fence", kill_between_dead_letter_and_fence,
          traffic={"poison": 0.003}),
    Fault("F4", "The store worker is killed while its insert is in doubt", kill_store_in_doubt),
    Fault("F8", "The training is killed in the middle of publishing", trainer_dies),
    Fault("F9", "Workers sleep for longer than their session, and wake as zombies", zombies, _TWO,
          traffic={"rate": 700.0}),  # so that something is left to write when both have started again
    Fault("F26", "A storm of rebalances", rebalance_storm, _TWO),
)  # fmt: skip
