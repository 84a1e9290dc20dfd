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
from domain.cold import Cold, unpack_orders
from domain.recommendations import Damaged, Version, unpack
from ingest_api.errors import NumbersUnavailable

SHARED_S = 1.0  # how old a list that everybody shares may be
ANSWER_S = 0.5  # a source that takes longer is passed over
CHART_KEPT = 300
ALSO_S = 60.0  # how old a list of "people also watched" may be

T = TypeVar("T")


class Lists(Protocol):
    """Lists, best first; an empty one where there is none.  Every call may raise NumbersUnavailable."""

    async def version(self) -> Version | None:
        """The version of recommendations that is served; None before the first."""

    async def also_watched(self, drama_indexes: Sequence[int]) -> dict[int, Sequence[int]]:
        """Of each of these dramas: dense indexes of what others watched who watched it."""

    async def cold(self) -> Cold | None:
        """The pool of new dramas; None where there is none."""

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
        except (RedisError, OSError, TimeoutError, Damaged, ValueError) as error:
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
        self._clock = clock
        self._version = Kept(self._read_version, clock)
        self._cold = Kept(self._read_cold, clock)
        self._hot, self._trending = Chart(redis, keys.HOT, clock), Chart(redis, keys.TREND, clock)
        self._also: dict[int, tuple[bytes, float]] = {}  # of one version: packed, when it was read; one a dense index
        self._also_of: Version | None = None

    async def version(self) -> Version | None:
        """See Lists."""
        return await self._version.get()

    async def also_watched(self, drama_indexes: Sequence[int]) -> dict[int, Sequence[int]]:
        """See Lists.  Lists are made anew hourly within a version: none is kept longer than ALSO_S."""
        version = await self._version.get()
        if version != self._also_of:
            self._also, self._also_of = {}, version
        also = self._also  # of this version, whatever is published while we wait
        if version is None or not drama_indexes:
            return dict.fromkeys(drama_indexes, ())
        oldest = self._clock() - ALSO_S
        old = [index for index in drama_indexes if index not in also or also[index][1] <= oldest]
        found = await self._read_also_watched(version, old) if old else {}
        also.update((index, (packed, self._clock())) for index, packed in found.items())
        return {index: _unpacked(also[index][0]) for index in drama_indexes}

    async def cold(self) -> Cold | None:
        """See Lists."""
        return await self._cold.get()

    async def hot(self, catalogue: Catalogue) -> Sequence[int]:
        """See Lists."""
        return await self._hot.indexes(catalogue)

    async def trending(self, catalogue: Catalogue) -> Sequence[int]:
        """See Lists."""
        return await self._trending.indexes(catalogue)

    async def _read_also_watched(self, version: Version, drama_indexes: Sequence[int]) -> dict[int, bytes]:
        try:
            async with asyncio.timeout(ANSWER_S):
                fields = list(map(str, drama_indexes))
                packed = cast(list[bytes | None], await self._redis.hmget(keys.rec_items(str(version)), fields))
        except (RedisError, OSError, TimeoutError) as error:
            raise NumbersUnavailable from error
        return {index: found or b"" for index, found in zip(drama_indexes, packed, strict=True)}

    async def _read_cold(self) -> Cold | None:
        packed = await self._redis.get(keys.REC_COLD)
        return unpack_orders(cast(bytes, packed)) if packed else None

    async def _read_version(self) -> Version | None:
        text = await self._redis.get(keys.REC_CURRENT)
        return Version.parse(text) if text else None


def _unpacked(packed: bytes) -> Sequence[int]:
    try:
        return unpack(packed)
    except Damaged as error:
        raise NumbersUnavailable from error
