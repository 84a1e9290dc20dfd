"""What one viewer has seen, was served and dislikes: read before a page is made, written after."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol, cast

from redis.asyncio import Redis
from redis.exceptions import RedisError

from domain import keys, registers, state
from domain.registers import Register
from domain.topics import partition_of
from ingest_api.errors import ViewersUnavailable
from ingest_api.product.viewers import RedisViewers


class Before(NamedTuple):
    """A viewer before the page.  Bitmaps by dense drama index; `last` are the dramas watched last, latest first."""

    seen: bytes = b""
    served: bytes = b""
    last: Sequence[int] = ()


class Standing(NamedTuple):
    """Where a viewer stands with a drama."""

    progress: Register | None
    disliked: bool


class Shown(Protocol):
    """The viewers' side of the feed.  Every call may raise ViewersUnavailable."""

    async def before(self, user_id: int, last: int) -> Before:
        """What is needed before a page is made; `last` is how many of the latest dramas."""

    async def standings(self, user_id: int, drama_ids: Sequence[int]) -> list[Standing]:
        """In the order of `drama_ids`."""

    async def seen_at_ms(self, user_id: int) -> dict[int, int]:
        """When the latest dramas (keys.RECENT_KEPT of them) were watched, by drama id."""

    async def serve(self, user_id: int, indexes: Iterable[int], anew: bool) -> None:
        """Note that these dense indexes were served; `anew` forgets what was served before."""


class RedisShown:
    """Shown, in the keys of the viewer's partition."""

    def __init__(self, redis: Redis, viewers: RedisViewers, partitions: int) -> None:
        self._redis = redis
        self._viewers = viewers
        self._partitions = partitions

    async def before(self, user_id: int, last: int) -> Before:
        """See Shown."""
        namespace, p = await self._viewers.place(user_id)
        pipe = self._redis.pipeline(transaction=False)
        pipe.get(keys.seen(namespace, p, user_id))
        pipe.get(keys.served(p, user_id))
        pipe.zrange(keys.recent(namespace, p, user_id), 0, last - 1, desc=True)
        try:
            seen, served, recent = await pipe.execute()
        except (RedisError, OSError) as error:
            raise ViewersUnavailable from error
        return Before(seen or b"", served or b"", [int(drama_id) for drama_id in recent])

    async def standings(self, user_id: int, drama_ids: Sequence[int]) -> list[Standing]:
        """See Shown."""
        if not drama_ids:
            return []
        namespace, p = await self._viewers.place(user_id)
        fields = [field(drama_id) for field in (state.progress_field, state.dislike_field) for drama_id in drama_ids]
        try:
            found = cast(list[bytes | None], await self._redis.hmget(keys.user(namespace, p, user_id), fields))
        except (RedisError, OSError) as error:
            raise ViewersUnavailable from error
        values = [value.decode() if value else None for value in found]
        return [
            Standing(_progress(progress), _is_on(dislike))
            for progress, dislike in zip(values[: len(drama_ids)], values[len(drama_ids) :], strict=True)
        ]

    async def seen_at_ms(self, user_id: int) -> dict[int, int]:
        """See Shown."""
        history = await self._viewers.history(user_id, 0, keys.RECENT_KEPT)
        return {each.drama_id: each.at_ms for each in history}

    async def serve(self, user_id: int, indexes: Iterable[int], anew: bool) -> None:
        """See Shown."""
        key = keys.served(partition_of(user_id, self._partitions), user_id)
        pipe = self._redis.pipeline(transaction=True)
        if anew:
            pipe.delete(key)
        for index in indexes:
            pipe.setbit(key, index, 1)
        pipe.expire(key, keys.SERVED_LIFE_S)
        try:
            await pipe.execute()
        except (RedisError, OSError) as error:
            raise ViewersUnavailable from error


def _progress(value: str | None) -> Register | None:
    return registers.decode(value, registers.PROGRESS_WIDTH)


def _is_on(value: str | None) -> bool:
    register = registers.decode(value, registers.REACTION_WIDTH)
    return register is not None and register[1] == (1,)
