"""What the API itself saw of a viewer, for their next page; the log tells the counters of it later."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from redis.asyncio import Redis
from redis.exceptions import RedisError

from domain import keys
from domain.topics import partition_of
from infra import logs
from infra.metrics import FEED_SOURCE_FAILURES

ANSWER_S = 0.2  # an unlock does not wait longer for it
SOURCE = "unlocked"

log = logs.get(__name__)


class RedisHints:
    """The unlocks of viewers of late, in keys.unlocked."""

    def __init__(self, redis: Redis, partitions: int, now_ms: Callable[[], int]) -> None:
        self._redis = redis
        self._partitions = partitions
        self._now_ms = now_ms

    async def unlocked(self, user_id: int, drama_id: int) -> None:
        """Note it.  Never raises: what cannot be noted is counted, and the unlock stands."""
        key = keys.unlocked(partition_of(user_id, self._partitions), user_id)
        pipe = self._redis.pipeline(transaction=False)
        pipe.zadd(key, {str(drama_id): self._now_ms()})
        pipe.zremrangebyrank(key, 0, -keys.UNLOCKED_KEPT - 1)
        pipe.expire(key, keys.UNLOCKED_LIFE_S)
        try:
            async with asyncio.timeout(ANSWER_S):
                await pipe.execute()
        except (RedisError, OSError, TimeoutError) as error:
            FEED_SOURCE_FAILURES.labels(SOURCE).inc()
            log.warning("feed source failed", source=SOURCE, error=repr(error)[:200])
