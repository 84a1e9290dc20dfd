"""The lists that everybody shares: the served version of recommendations, people also watched, hot, trending."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, Protocol, TypeVar, cast

from redis.asyncio import Redis
from redis.exceptions import RedisError

from domain import keys
from domain.catalogue import Catalogue
from domain.recommendations import Damaged, Version, unpack
from ingest_api.errors import NumbersUnavailable

SHARED_S = 1.0  # how old a list that everybody shares may be
ANSWER_S = 0.5  # a source that takes longer is passed over
CHART_KEPT = 300

T = TypeVar("T")


class Lists(Protocol):
    """Lists, best first; an empty one where there is none.  Every call may raise NumbersUnavailable."""

    async def version(self) -> Version | None:
        """The version of recommendations that is served; None before the first."""

    async def also_watched(self, drama_index: int) -> Sequence[int]:
        """Dense indexes: what others watched who watched this one."""

    async def hot(self, catalogue: Catalogue) -> Sequence[int]:
        """Dense indexes, the hottest first."""

    async def trending(self, catalogue: Catalogue) -> Sequence[int]:
        """Dense indexes, by how much faster than usual they are watched."""


class Kept(Generic[T]):
    """A value that is read again when it is SHARED_S old.  While it cannot be read the last one stands.

    What cannot be read is not tried again for SHARED_S either: nobody waits for a store that is known to be away.
    """

    def __init__(self, read: Callable[[], Awaitable[T]], clock: Callable[[], float]) -> None:
        self._read = read
        self._clock = clock
        self._known: list[T] = []
        self._tried_at = -math.inf

    async def get(self) -> T:
        """The value.  Raises NumbersUnavailable where it was never read."""
        if self._clock() - self._tried_at >= SHARED_S:
            self._tried_at = self._clock()  # who comes meanwhile takes the last value
            await self._again()
        if not self._known:
            raise NumbersUnavailable
        return self._known[0]

    async def _again(self) -> None:
        try:
            async with asyncio.timeout(ANSWER_S):
                self._known = [await self._read()]
        except (RedisError, OSError, TimeoutError, Damaged) as error:
            if not self._known:
                raise NumbersUnavailable from error


class Chart:
    """A list of drama ids in Redis as dense indexes, which are worked out once a reading and catalogue."""

    def __init__(self, redis: Redis, key: str, clock: Callable[[], float]) -> None:
        self._redis = redis
        self._key = key
        self._kept = Kept(self._read, clock)
        self._of: tuple[object, object] = (None, None)
        self._indexes: Sequence[int] = ()

    async def indexes(self, catalogue: Catalogue) -> Sequence[int]:
        """Those that the catalogue knows.  Raises NumbersUnavailable."""
        drama_ids = await self._kept.get()
        if self._of[0] is not drama_ids or self._of[1] is not catalogue:
            self._of = (drama_ids, catalogue)
            self._indexes = [index for index in map(catalogue.index_of, drama_ids) if index is not None]
        return self._indexes

    async def _read(self) -> tuple[int, ...]:
        found = cast(list[bytes], await self._redis.zrange(self._key, 0, CHART_KEPT - 1, desc=True))
        return tuple(int(drama_id) for drama_id in found)


class RedisLists:
    """Lists, from what recommender and streams.merge write."""

    def __init__(self, redis: Redis, clock: Callable[[], float] = time.monotonic) -> None:
        self._redis = redis
        self._version = Kept(self._read_version, clock)
        self._hot, self._trending = Chart(redis, keys.HOT, clock), Chart(redis, keys.TREND, clock)
        self._also: dict[int, Sequence[int]] = {}  # of one version, which never changes; at most one a dense index
        self._also_of: Version | None = None

    async def version(self) -> Version | None:
        """See Lists."""
        return await self._version.get()

    async def also_watched(self, drama_index: int) -> Sequence[int]:
        """See Lists."""
        version = await self._version.get()
        if version != self._also_of:
            self._also, self._also_of = {}, version
        if version is None:
            return ()
        if drama_index not in self._also:
            found = await self._read_also_watched(version, drama_index)
            if version == self._also_of:
                self._also[drama_index] = found
            return found
        return self._also[drama_index]

    async def hot(self, catalogue: Catalogue) -> Sequence[int]:
        """See Lists."""
        return await self._hot.indexes(catalogue)

    async def trending(self, catalogue: Catalogue) -> Sequence[int]:
        """See Lists."""
        return await self._trending.indexes(catalogue)

    async def _read_also_watched(self, version: Version, drama_index: int) -> Sequence[int]:
        try:
            async with asyncio.timeout(ANSWER_S):
                packed = await self._redis.hget(keys.rec_items(str(version)), str(drama_index))
            return unpack(cast(bytes, packed)) if packed else ()
        except (RedisError, OSError, TimeoutError, Damaged) as error:
            raise NumbersUnavailable from error

    async def _read_version(self) -> Version | None:
        text = await self._redis.get(keys.REC_CURRENT)
        return Version.parse(text) if text else None
