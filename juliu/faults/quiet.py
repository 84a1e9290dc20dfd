"""Whether the stores have everything: fences against the end of the log, asked until they say so."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

import redis.asyncio as aioredis
from confluent_kafka import KafkaException
from redis.exceptions import RedisError

from infra.namespaces import GROUPS
from infra.settings import Settings
from juliu.load.positions import Fences, LogEnd, Stuck, reached

POLL_S = 0.05


class Restless(RuntimeError):
    """The stores do not come to the end of the log."""


class Quiet:
    """Asks Kafka and Redis, and takes no answer for "not yet"."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._end = LogEnd(settings)
        self._redis = aioredis.Redis.from_url(settings.redis_url, socket_timeout=5, socket_connect_timeout=2)
        self._one_at_a_time = asyncio.Lock()
        self._fences = Fences(self._redis, settings.partitions)

    async def ends(self, within_s: float) -> list[int]:
        """The last event of each partition now.  Raises Restless where Kafka does not say so in time."""
        until, why = time.monotonic() + within_s, ""
        while time.monotonic() < until:
            try:
                async with self._one_at_a_time:
                    return await asyncio.to_thread(self._end.last_events)
            except KafkaException as error:
                why = str(error)
                await asyncio.sleep(POLL_S)
        raise Restless(f"Kafka does not tell its ends within {within_s:.0f} s: {why}")

    async def passed(self, upto: Sequence[int], within_s: float, still: Callable[[], bool] = lambda: True) -> None:
        """Until both groups have passed these offsets, or not `still`.  Raises Restless, naming who has not."""
        until = time.monotonic() + within_s
        for group in GROUPS:
            while still():
                try:
                    fences = await self._fences.read(group)
                    if reached(fences, upto):
                        break
                    seen = str(fences)
                except (RedisError, OSError, Stuck) as error:
                    seen = repr(error)
                if time.monotonic() > until:
                    raise Restless(f"group {group} is at {seen}, the log at {list(upto)}, after {within_s:.0f} s")
                await asyncio.sleep(POLL_S)

    async def reached(self, within_s: float) -> None:
        """Until both groups have taken the last event of each partition."""
        await self.passed(await self.ends(within_s), within_s)

    async def close(self) -> None:
        """Let go of the connections."""
        self._end.close()
        await self._redis.aclose()
