"""Faults of the family `servers`: Redis and ClickHouse are killed, frozen, full, and go back in time."""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path
from typing import Any

import psutil
import redis.asyncio as aioredis
from redis.exceptions import RedisError

from juliu.faults.arena_buyers import Buyers, account
from juliu.faults.fault import Fault, Scene, World
from juliu.faults.progress import CAUGHT_UP_S, fences, moved

STOPPED_S = 60.0  # longer than any time-out between a worker and its store
WORKERS = ("stream-counters", "stream-store")
MOST_MEMORY_BYTES = 700_000_000  # of a worker whose store is away
REDIS_LEAVES_BYTES = 4 << 20
DISK_FULL_S = 15.0
TAKES_SHARDS = "relay.after_take"
RELAY_DIES = (("relay.after_send", 3), ("relay.before_send", 3), ("relay.after_mark", 3), (TAKES_SHARDS, 1))


async def kill_redis(scene: Scene) -> None:
    """Three times, kill -9 of Redis, whose file is a second behind.

    Fences and counters go back together, and the workers with them.
    """
    await _kill(scene, "redis", 3)


async def kill_clickhouse(scene: Scene) -> None:
    """Three times, kill -9 of ClickHouse in the middle of inserts and merges.

    A block that was in doubt is looked for before it is sent again.
    """
    await _kill(scene, "clickhouse", 3)


async def _kill(scene: Scene, name: str, times: int) -> None:
    for n in range(times):
        await scene.load.reached((n + scene.rnd.uniform(0.2, 0.9)) / times)
        lives = scene.arena.life(name)
        scene.arena.kill(name)
        scene.healed()
        await scene.arena.died(name, lives)
        await scene.arena.ready(name)


async def freeze_stores(scene: Scene) -> None:
    """Redis stands still for 60 s, then ClickHouse when it is needed most, for 60 s.

    Workers wait with their partitions paused: nobody dies, nobody is thrown out of its group, memory has a bound.
    """
    arena = scene.arena
    lives = {name: arena.life(name) for name in WORKERS}
    await scene.load.reached(scene.rnd.uniform(0.1, 0.3))
    arena.freeze("redis")
    most = await _memory_while(scene, STOPPED_S)
    arena.freeze("clickhouse")
    arena.thaw("redis")
    most = max(most, await _memory_while(scene, STOPPED_S))
    arena.thaw("clickhouse")
    scene.healed()
    scene.notes["most_memory_mb"] = most // 1_000_000
    assert most < MOST_MEMORY_BYTES, f"a worker grew to {most} bytes"
    assert {name: arena.life(name) for name in WORKERS} == lives, "a worker died while it waited"


async def _memory_while(scene: Scene, seconds: float) -> int:
    """The most that a worker had meanwhile."""
    most, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        for name in WORKERS:
            if pid := scene.arena.pid(name):
                most = max(most, psutil.Process(pid).memory_info().rss)
        await asyncio.sleep(1.0)
    return most


async def full_clickhouse(scene: Scene) -> None:
    """ClickHouse's disk is full for a while: blocks wait, the store's fences stand, and nothing is passed over."""
    arena = scene.arena
    await scene.load.reached(scene.rnd.uniform(0.2, 0.5))
    await arena.disk.full_for(DISK_FULL_S / 2)  # what was on its way has landed or failed
    before = await fences(arena.settings, "store")
    await arena.disk.full_for(DISK_FULL_S / 2)
    stood = await fences(arena.settings, "store")
    arena.disk.free()
    scene.healed()
    assert stood == before, f"the store went on from {before} to {stood} on a full disk"
    await arena.ready("clickhouse")


async def refusing_redis(scene: Scene) -> None:
    """Redis has no memory left, then a script that does not end, then is a replica that takes no writes.

    Each run is refused whole and applied whole later.
    """
    await scene.load.reached(scene.rnd.uniform(0.1, 0.25))
    async with aioredis.Redis.from_url(scene.arena.settings.redis_url) as client:
        for name, (spoil, mend) in _REFUSALS.items():
            await spoil(client)
            await asyncio.sleep(scene.rnd.uniform(4, 8))
            await mend(client)
            scene.healed()
            began = time.monotonic()
            await moved(scene)
            scene.notes[f"{name}_moves_after_s"] = round(time.monotonic() - began, 1)


async def _no_memory(client: Any) -> None:
    used = int((await client.info("memory"))["used_memory"])
    await client.config_set("maxmemory", max(1, used - REDIS_LEAVES_BYTES))


async def _memory(client: Any) -> None:
    await client.config_set("maxmemory", "3gb")


async def _busy(client: Any) -> None:
    """A script that does not end, of somebody who has hung up."""
    await client.config_set("busy-reply-threshold", 200)
    at = client.connection_pool.connection_kwargs
    _, writer = await asyncio.open_connection(at["host"], at["port"])
    writer.write(b"*3\r\n$4\r\nEVAL\r\n$17\r\nwhile true do end\r\n$1\r\n0\r\n")
    await writer.drain()
    writer.close()


async def _killed_script(client: Any) -> None:
    await client.script_kill()
    async with asyncio.timeout(10):
        while True:
            with contextlib.suppress(RedisError):  # it hears of the kill at its next look
                await client.config_set("busy-reply-threshold", 5_000)
                return
            await asyncio.sleep(0.05)


async def _read_only(client: Any) -> None:
    await client.execute_command("REPLICAOF", "127.0.0.1", "1")


async def _writable(client: Any) -> None:
    await client.execute_command("REPLICAOF", "NO", "ONE")


_REFUSALS = {"oom": (_no_memory, _memory), "busy": (_busy, _killed_script), "readonly": (_read_only, _writable)}


async def fail_over(scene: Scene) -> None:
    """Redis dies, and its replica, which has heard nothing for some seconds, takes its place.

    Positions follow the fences back: what the replica lacks is folded again, into it, once.
    """
    arena = scene.arena
    await scene.load.reached(scene.rnd.uniform(0.2, 0.4))
    replica: Any
    async with aioredis.Redis.from_url(f"redis://127.0.0.1:{arena.port('redis-2')}/0") as replica:
        await replica.execute_command("REPLICAOF", "NO", "ONE")
        await scene.load.reached(scene.rnd.uniform(0.5, 0.7))
        behind = await fences(arena.settings, "counters")
        await arena.stop("redis", by_force=True)
        arena.fail_over()
        scene.healed()
        scene.notes["records_behind"] = sum(behind) - sum(await fences(arena.settings, "counters"))


async def money_and_messenger(scene: Scene) -> None:
    """MySQL dies between an unlock and its way into the log; the relay after it sent and before it marked.

    Every unlock is told, and told once: the outbox row is of the same transaction, and a copy is a duplicate.
    """
    arena = scene.arena
    await scene.load.reached(0.05)
    buyers, enough = Buyers(arena, scene.rnd), asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(buyers.buy(enough))
        try:
            for place, most in RELAY_DIES:
                await _messenger_dies(scene, place, most)
                lives = arena.life("mysql")
                arena.kill("mysql")
                await arena.died("mysql", lives)
                await arena.ready("mysql")
                scene.healed()
        finally:
            enough.set()
    await buyers.paid_for()


async def _messenger_dies(scene: Scene, place: str, most: int) -> None:
    arena = scene.arena
    if place == TAKES_SHARDS:
        await arena.stop("relay")
    lives = arena.life("relay")
    arena.fail_next("relay", f"{place}:{scene.rnd.randint(1, most)}")
    if place == TAKES_SHARDS:
        arena.launch("relay", JULIU_WORKER_ID="2")  # the one before has them for its next life
    await arena.died("relay", lives + 1)
    scene.healed()
    await arena.ready("relay")


async def unlocks_once(scene: Scene) -> None:
    """Each unlock of MySQL is a row, once, as soon as what is on its way has come."""
    end = time.monotonic() + CAUGHT_UP_S
    while True:
        try:
            scene.notes["unlocks"] = await account(scene.arena.settings)
            return
        except AssertionError:
            if time.monotonic() > end:
                raise
        await asyncio.sleep(0.5)


async def backlog(scene: Scene) -> None:
    """Workers are away while most of the events arrive, then catch up while more are coming."""
    arena = scene.arena
    await scene.load.reached(0.05)
    await arena.stop(*WORKERS)
    await scene.load.reached(0.75)
    scene.notes["kafka_disk_mb"] = await asyncio.to_thread(_size_mb, arena.home.data("kafka"))
    for name in WORKERS:
        arena.launch(name)
    scene.healed()
    await arena.ready(*WORKERS)


def _size_mb(folder: Path) -> float:
    return round(sum(file.stat().st_blocks * 512 for file in folder.rglob("*.log")) / 1e6, 1)


FAULTS: tuple[Fault, ...] = (
    Fault("F6", "Redis is killed, its file a second behind", kill_redis),
    Fault("F7", "ClickHouse is killed in the middle of inserts", kill_clickhouse),
    Fault("F11", "Redis, then ClickHouse, stand still for a minute", freeze_stores, traffic={"rate": 700.0}),
    Fault("F17", "ClickHouse's disk is full", full_clickhouse, World(small_disk="clickhouse")),
    Fault("F20", "Redis refuses: no memory, a busy script, read-only", refusing_redis, traffic={"rate": 1_000.0}),
    Fault("F22", "Redis fails over to a replica that lags", fail_over, World(linked=True, replica=True)),
    Fault("F38", "MySQL and the relay die between an unlock and the log", money_and_messenger, World(relay=True),
          traffic={"rate": 1_000.0}, after=unlocks_once),
    Fault("F41", "A backlog is caught up with while events keep coming", backlog),
)  # fmt: skip
