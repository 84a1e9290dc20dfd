"""What the fold knows of one viewer, read from Redis: where they are in a drama, and what they watched of late."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import NamedTuple, Protocol, cast

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.exceptions import RedisError

from domain import keys, registers, state
from domain.registers import Register
from domain.topics import partition_of
from ingest_api.errors import ViewersUnavailable

POINTER_S = 1.0  # a namespace moves when a rebuild is done, and the old one is removed: readers see that and ask again


class Watched(NamedTuple):
    """A drama of a viewer's history, and when it was watched last."""

    drama_id: int
    at_ms: int


class Viewers(Protocol):
    """The state of viewers, as of the events that were folded.  Every call may raise ViewersUnavailable."""

    async def progress(self, user_id: int, drama_ids: Iterable[int]) -> dict[int, Register]:
        """Register of (episode_no, position_ms) by drama; dramas never watched are not in it."""

    async def disliked(self, user_id: int, drama_ids: Iterable[int]) -> set[int]:
        """Those that the viewer dislikes."""

    async def history(self, user_id: int, start: int, count: int) -> list[Watched]:
        """`count` dramas from place `start` of the history, the latest first; at most keys.RECENT_KEPT are kept."""


class RedisViewers:
    """Viewers, from the hashes and sets that streams.counters writes."""

    def __init__(self, redis: Redis, partitions: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._redis = redis
        self._partitions = partitions
        self._clock = clock
        self._pointers: dict[int, tuple[int, float]] = {}  # partition -> namespace, when it was read

    async def progress(self, user_id: int, drama_ids: Iterable[int]) -> dict[int, Register]:
        """See Viewers."""
        wanted = list(drama_ids)
        values = await self._fields(user_id, [state.progress_field(drama_id) for drama_id in wanted])
        decoded = (registers.decode(value.decode() if value else None, registers.PROGRESS_WIDTH) for value in values)
        return {drama_id: register for drama_id, register in zip(wanted, decoded, strict=True) if register}

    async def disliked(self, user_id: int, drama_ids: Iterable[int]) -> set[int]:
        """See Viewers."""
        wanted = list(drama_ids)
        fields = [state.dislike_field(drama_id) for drama_id in wanted]
        values = await self._fields(user_id, fields)
        marks = (registers.decode(value.decode() if value else None, registers.REACTION_WIDTH) for value in values)
        return {drama_id for drama_id, mark in zip(wanted, marks, strict=True) if mark and mark[1] == (1,)}

    async def history(self, user_id: int, start: int, count: int) -> list[Watched]:
        """See Viewers."""
        last = start + count - 1
        found = await self._asked(
            user_id,
            lambda pipe, namespace, p: pipe.zrange(
                keys.recent(namespace, p, user_id), start, last, desc=True, withscores=True
            ),
        )
        return [Watched(int(drama_id), int(at_ms)) for drama_id, at_ms in cast(list[tuple[bytes, float]], found)]

    async def _fields(self, user_id: int, names: list[str]) -> list[bytes | None]:
        """Of the viewer's hash, in this order."""
        if not names:
            return []
        found = await self._asked(
            user_id, lambda pipe, namespace, p: pipe.hmget(keys.user(namespace, p, user_id), names)
        )
        return cast(list[bytes | None], found)

    async def _asked(self, user_id: int, ask: Callable[[Pipeline, int, int], object]) -> object:
        """What is read in the namespace in use: whether it still was, its pointer tells, which is read after it."""
        for _ in range(2):
            namespace, p = await self.place(user_id)
            pipe = self._redis.pipeline(transaction=False)
            ask(pipe, namespace, p)
            pipe.get(keys.namespace(p))
            try:
                found, pointer = await pipe.execute()
            except (RedisError, OSError) as error:
                raise ViewersUnavailable from error
            if pointer == b"%d" % namespace:
                return found
            self.moved(user_id)
        raise ViewersUnavailable

    def moved(self, user_id: int) -> None:
        """The viewer's partition uses another namespace than place() said."""
        self._pointers.pop(partition_of(user_id, self._partitions), None)

    async def place(self, user_id: int) -> tuple[int, int]:
        """(namespace, partition) of the viewer's keys; the pointer is read once a POINTER_S and partition."""
        p = partition_of(user_id, self._partitions)
        namespace, read_at = self._pointers.get(p, (0, float("-inf")))
        if self._clock() - read_at < POINTER_S:
            return namespace, p
        try:
            pointer = await self._redis.get(keys.namespace(p))
        except (RedisError, OSError) as error:
            raise ViewersUnavailable from error
        if pointer is None:
            raise ViewersUnavailable
        self._pointers[p] = (int(pointer), self._clock())
        return int(pointer), p
