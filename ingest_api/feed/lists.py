"""The lists that feeds are filled from: recommendations of the served version, hot, trending."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, Protocol, TypeVar, cast

from redis.asyncio import Redis
from redis.exceptions import RedisError

from domain import keys
from domain.recommendations import Damaged, Version, block_of, find, unpack
from ingest_api.errors import NumbersUnavailable

SHARED_S = 1.0  # how old a list that everybody shares may be
CHART_KEPT = 300

T = TypeVar("T")


class Lists(Protocol):
    """Lists, best first; an empty one where there is none.  Every call may raise NumbersUnavailable."""

    async def personal(self, user_id: int) -> Sequence[int]:
        """Dense indexes: what the job thinks that this viewer will watch."""

    async def also_watched(self, drama_index: int) -> Sequence[int]:
        """Dense indexes: what others watched who watched this one."""

    async def hot(self) -> Sequence[int]:
        """Drama ids, the hottest first."""

    async def trending(self) -> Sequence[int]:
        """Drama ids, by how much faster than usual they are watched."""


class Kept(Generic[T]):
    """A value that is read again when it is SHARED_S old; two readers at once read it twice, which does no harm."""

    def __init__(self, read: Callable[[], Awaitable[T]], clock: Callable[[], float]) -> None:
        self._read = read
        self._clock = clock
        self._value: T | None = None
        self._read_at = float("-inf")

    async def get(self) -> T:
        """The value."""
        if self._clock() - self._read_at >= SHARED_S:
            self._value = await self._read()
            self._read_at = self._clock()
        return cast(T, self._value)


class RedisLists:
    """Lists, from what recommender and streams.merge write."""

    def __init__(self, redis: Redis, clock: Callable[[], float] = time.monotonic) -> None:
        self._redis = redis
        self._version = Kept(self._read_version, clock)
        self._hot = Kept(lambda: self._read_chart(keys.HOT), clock)
        self._trending = Kept(lambda: self._read_chart(keys.TREND), clock)

    async def personal(self, user_id: int) -> Sequence[int]:
        """See Lists."""
        version = await self._version.get()
        if version is None:
            return ()
        try:
            block = await self._redis.get(keys.rec_users(str(version), block_of(user_id, version.blocks)))
            return (find(cast(bytes, block), user_id) if block else None) or ()
        except (RedisError, OSError, Damaged) as error:
            raise NumbersUnavailable from error

    async def also_watched(self, drama_index: int) -> Sequence[int]:
        """See Lists."""
        version = await self._version.get()
        if version is None:
            return ()
        try:
            packed = await self._redis.hget(keys.rec_items(str(version)), str(drama_index))
            return unpack(cast(bytes, packed)) if packed else ()
        except (RedisError, OSError, Damaged) as error:
            raise NumbersUnavailable from error

    async def hot(self) -> Sequence[int]:
        """See Lists."""
        return await self._hot.get()

    async def trending(self) -> Sequence[int]:
        """See Lists."""
        return await self._trending.get()

    async def _read_version(self) -> Version | None:
        try:
            text = await self._redis.get(keys.REC_CURRENT)
            return Version.parse(text) if text else None
        except (RedisError, OSError, Damaged) as error:
            raise NumbersUnavailable from error

    async def _read_chart(self, key: str) -> Sequence[int]:
        try:
            found = cast(list[bytes], await self._redis.zrange(key, 0, CHART_KEPT - 1, desc=True))
        except (RedisError, OSError) as error:
            raise NumbersUnavailable from error
        return tuple(int(drama_id) for drama_id in found)
