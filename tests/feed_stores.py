"""The stores of the feed's ports, as twins and as Redis, what others write there, and pages to be served."""

from __future__ import annotations

import itertools
from typing import Any

from redis.asyncio import Redis

from domain import bitmap, keys, registers, state
from domain.cold import Cold, pack_orders
from domain.recommendations import block_of, encode_block, pack
from domain.shelf import Pick, Source
from domain.topics import partition_of
from ingest_api.feed.hints import RedisHints
from ingest_api.feed.lists import RedisLists
from ingest_api.feed.pages import PageName, told
from ingest_api.feed.shown import Before, Candidate, Order, RedisShown, Served
from ingest_api.product.viewers import RedisViewers
from tests.builders import a_catalogue, a_drama
from tests.memory_feed import VERSION, MemoryLists, MemoryShown

USER, PARTITIONS, NAMESPACE = 7, 4, 3
P = partition_of(USER, PARTITIONS)
CATALOGUE = a_catalogue(*(a_drama(100 + index, index) for index in range(1, 31)))
OPENING = "0123456789abcdef"
REGISTER = ((5, "s", 1), (2, 5_000))


class Memory:
    """The twins, and what other processes do to their stores."""

    def __init__(self) -> None:
        self.lists: Any = MemoryLists()
        self.shown: Any = MemoryShown()

    async def publish(self, personal: list[int], also: dict[int, list[int]]) -> None:
        self.shown.personal[USER], self.lists.also = personal, also

    async def chart(self, name: str, drama_ids: list[int]) -> None:
        self.lists.charts[name] = drama_ids

    async def watch(self, drama_id: int, at_ms: int) -> None:
        self.shown.recent.setdefault(USER, {})[drama_id] = at_ms
        self.shown.seen.setdefault(USER, set()).add(drama_id - 100)
        self.shown.where[USER, drama_id] = REGISTER

    async def dislike(self, drama_id: int) -> None:
        self.shown.dislikes.setdefault(USER, set()).add(drama_id)

    async def like(self, drama_id: int, episode_no: int) -> None:
        self.shown.likes.setdefault(USER, set()).add(drama_id)

    async def follow(self, drama_id: int) -> None:
        self.shown.follows.setdefault(USER, set()).add(drama_id)

    async def unlock(self, drama_id: int, at_ms: int) -> None:
        self.shown.unlocked.setdefault(USER, {})[drama_id] = at_ms

    async def cool(self, indexes: list[int]) -> None:
        self.shown.cooling[USER] = indexes

    async def pool(self, share: float, orders: list[list[int]]) -> None:
        self.lists.pool = Cold(share, tuple(map(tuple, orders)))

    async def served(self) -> set[int]:
        return self.shown.served.get(USER, set())


class Real:
    """Redis, as the recommender, the workers and the merge task write it."""

    def __init__(self, client: Redis) -> None:
        self.redis = client
        self.lists: Any = RedisLists(client)
        self.shown: Any = RedisShown(client, RedisViewers(client, PARTITIONS))

    async def publish(self, personal: list[int], also: dict[int, list[int]]) -> None:
        await self.redis.set(keys.REC_CURRENT, str(VERSION))
        block = encode_block([(USER, pack(personal))])
        await self.redis.set(keys.rec_users(str(VERSION), block_of(USER, VERSION.blocks)), block)
        for index, others in also.items():
            await self.redis.hset(keys.rec_items(str(VERSION)), str(index), pack(others))

    async def chart(self, name: str, drama_ids: list[int]) -> None:
        key = keys.HOT if name == "hot" else keys.TREND
        await self.redis.zadd(key, {str(drama_id): -place for place, drama_id in enumerate(drama_ids)})

    async def watch(self, drama_id: int, at_ms: int) -> None:
        await self.redis.zadd(keys.recent(NAMESPACE, P, USER), {str(drama_id): at_ms})
        await self.redis.setbit(keys.seen(NAMESPACE, P, USER), drama_id - 100, 1)
        await self._field(state.progress_field(drama_id), registers.encode(REGISTER))

    async def dislike(self, drama_id: int) -> None:
        await self._field(state.dislike_field(drama_id), registers.encode(((9, "s,1", 2), (1,))))

    async def like(self, drama_id: int, episode_no: int) -> None:
        await self._field(state.like_field(drama_id, episode_no), registers.encode(((9, "s", 3), (1,))))

    async def follow(self, drama_id: int) -> None:
        await self._field(state.follow_field(drama_id), registers.encode(((9, "s", 4), (1,))))

    async def unlock(self, drama_id: int, at_ms: int) -> None:
        await RedisHints(self.redis, PARTITIONS, lambda: at_ms).unlocked(USER, drama_id)

    async def cool(self, indexes: list[int]) -> None:
        await self.redis.set(keys.cooling(P, USER), pack(indexes))

    async def pool(self, share: float, orders: list[list[int]]) -> None:
        await self.redis.set(keys.REC_COLD, pack_orders(share, orders))

    async def served(self) -> set[int]:
        return set(bitmap.indexes(await self.redis.get(keys.served(P, USER)) or b""))

    async def _field(self, name: str, value: str) -> None:
        await self.redis.hset(keys.user(NAMESPACE, P, USER), name, value)


def candidates(*indexes: int, again: tuple[int, ...] = ()) -> list[Candidate]:
    return [Candidate(index, 100 + index, index in again, told(pick_of(index))) for index in indexes]


def pick_of(index: int) -> Pick:
    return Pick(index, Source.ALSO_WATCHED, 9, 0.01 / index)


def an_order(
    size: int, no: int = 0, opening: str = OPENING, request_id: str = "r", *, more: bool = False,
    of: Before | None = None,
) -> Order:  # fmt: skip
    """`of`: out of which the candidates were chosen; None: out of nothing that was served."""
    return Order(PageName(opening, no), request_id, size, more, *((of.round, of.served) if of else ()))


names = itertools.count()


async def serve(stores: Any, some: list[Candidate], size: int) -> Served:
    """A page that nobody asked for before, of what is known now."""
    before = await stores.shown.before(USER, None)
    return await stores.shown.serve(USER, some, an_order(size, next(names), of=before))  # type: ignore[no-any-return]
