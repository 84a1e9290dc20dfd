"""Whether a group of workers goes on while it is harmed: its fences in Redis."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import redis.asyncio as aioredis
from redis.exceptions import RedisError

from domain import keys
from infra.settings import Settings
from juliu.faults.fault import Scene

CAUGHT_UP_S = 120.0


async def fences(settings: Settings, group: str) -> list[int]:
    """Of a group, by partition.  Raises RedisError."""
    async with aioredis.Redis.from_url(settings.redis_url, socket_timeout=5) as client:
        numbers: Any = await client.mget([keys.namespace(p) for p in range(settings.partitions)])
        found: Any = await client.mget([keys.fence(group, int(n), p) for p, n in enumerate(numbers)])
    return [int(fence) for fence in found]


async def moved(scene: Scene, group: str = "counters") -> None:
    """Return when a fence of the group moves, or there is nothing behind them any more."""
    end, first = time.monotonic() + CAUGHT_UP_S, None
    while time.monotonic() < end:
        try:
            now = await fences(scene.arena.settings, group)
        except (RedisError, OSError):
            now = None
        if now is not None and first is not None and now != first:
            return
        if scene.load.over:
            return
        first = first or now
        await asyncio.sleep(0.05)
    raise AssertionError(f"the fences of {group} did not move for {CAUGHT_UP_S:.0f} s")
