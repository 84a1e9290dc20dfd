"""The promises of the feed's ports, kept by the memory twins and by Redis alike."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from redis.asyncio import Redis

from domain import bitmap, keys, registers, state
from domain.recommendations import block_of, encode_block, pack
from domain.topics import partition_of
from infra.settings import Settings
from ingest_api.errors import NumbersUnavailable, ViewersUnavailable
from ingest_api.feed.lists import RedisLists
from ingest_api.feed.shown import Candidate, RedisShown
from ingest_api.product.viewers import RedisViewers
from tests.builders import a_catalogue, a_drama
from tests.memory_feed import VERSION, MemoryLists, MemoryShown

USER, PARTITIONS, NAMESPACE = 7, 4, 3
P = partition_of(USER, PARTITIONS)
CATALOGUE = a_catalogue(*(a_drama(100 + index, index) for index in range(1, 31)))
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
        self.shown.progress[USER, drama_id] = REGISTER

    async def dislike(self, drama_id: int) -> None:
        self.shown.dislikes.setdefault(USER, set()).add(drama_id)

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

    async def served(self) -> set[int]:
        return set(bitmap.indexes(await self.redis.get(keys.served(P, USER)) or b""))

    async def _field(self, name: str, value: str) -> None:
        await self.redis.hset(keys.user(NAMESPACE, P, USER), name, value)


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.servers)])
async def stores(request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    if request.param == "memory":
        yield Memory()
        return
    settings: Settings = request.getfixturevalue("fresh")
    client = Redis.from_url(settings.redis_url)
    await client.set(keys.namespace(P), NAMESPACE)
    yield Real(client)
    await client.aclose()


def candidates(*indexes: int, again: tuple[int, ...] = ()) -> list[Candidate]:
    return [Candidate(index, 100 + index, index in again) for index in indexes]


async def test_who_is_new_has_nothing(stores):
    await stores.publish([], {})
    before = await stores.shown.before(USER, VERSION)
    assert (set(bitmap.indexes(before.seen)), set(bitmap.indexes(before.served))) == (set(), set())
    assert (list(before.last), list(before.personal)) == ([], [])
    assert list(await stores.lists.also_watched(1)) == []
    assert list(await stores.lists.hot(CATALOGUE)) == []
    assert await stores.shown.seen_at_ms(USER) == {}


async def test_lists_are_as_they_were_published(stores):
    await stores.publish([3, 1, 2], {5: [6, 7]})
    await stores.chart("hot", [103, 999, 101])
    await stores.chart("trending", [102])
    assert await stores.lists.version() == VERSION
    assert list((await stores.shown.before(USER, VERSION)).personal) == [3, 1, 2]
    assert list((await stores.shown.before(USER, None)).personal) == []
    assert list(await stores.lists.also_watched(5)) == [6, 7]
    assert list(await stores.lists.also_watched(6)) == []
    assert list(await stores.lists.hot(CATALOGUE)) == [3, 1]  # 999 is not in the catalogue
    assert list(await stores.lists.trending(CATALOGUE)) == [2]


async def test_what_was_watched_is_known_the_latest_first(stores):
    for drama_id, at_ms in ((101, 10), (102, 30), (103, 20)):
        await stores.watch(drama_id, at_ms)
    before = await stores.shown.before(USER, None)
    assert set(bitmap.indexes(before.seen)) == {1, 2, 3}
    assert list(before.last) == [102, 103]
    assert await stores.shown.seen_at_ms(USER) == {101: 10, 102: 30, 103: 20}


async def test_a_page_is_the_first_that_are_not_disliked_and_they_alone_are_noted(stores):
    await stores.watch(104, 10)
    for drama_id in (102, 103, 106):
        await stores.dislike(drama_id)
    served = await stores.shown.serve(USER, candidates(1, 2, 3, 4, 5, 6, 7), 3)
    assert list(served.places) == [0, 3, 4]
    assert list(served.progress) == [None, REGISTER, None]
    assert list(served.passed) == [2, 3]
    assert await stores.served() == {1, 4, 5}
    assert set(bitmap.indexes((await stores.shown.before(USER, None)).served)) == {1, 4, 5}


async def test_fewer_are_served_where_there_are_no_more(stores):
    await stores.dislike(101)
    assert list((await stores.shown.serve(USER, candidates(1, 2), 5)).places) == [1]
    nothing = await stores.shown.serve(USER, candidates(1), 5)
    assert (list(nothing.places), list(nothing.passed)) == ([], [1])
    nobody = await stores.shown.serve(USER, [], 5)
    assert (list(nobody.places), list(nobody.passed)) == ([], [])
    assert await stores.served() == {2}


async def test_what_was_served_before_begins_a_new_round_once_it_is_taken(stores):
    await stores.shown.serve(USER, candidates(1, 2, 3), 3)
    await stores.shown.serve(USER, candidates(4, 1, again=(1,)), 1)
    assert await stores.served() == {1, 2, 3, 4}
    await stores.shown.serve(USER, candidates(5, 1, again=(1,)), 2)
    assert await stores.served() == {5, 1}


async def test_what_another_page_has_taken_meanwhile_is_passed_over(stores):
    await stores.shown.serve(USER, candidates(1, 2), 2)
    second = await stores.shown.serve(USER, candidates(1, 2, 3, 4), 2)
    assert (list(second.places), list(second.passed)) == ([2, 3], [1, 2])
    assert await stores.served() == {1, 2, 3, 4}


async def test_dislikes_are_told_of_those_that_are_asked_for(stores):
    await stores.dislike(101)
    await stores.dislike(103)
    assert await stores.shown.disliked(USER, [101, 102]) == {101}
    assert await stores.shown.disliked(USER, []) == set()


@pytest.mark.servers
async def test_what_was_served_is_forgotten_after_days(fresh: Settings) -> None:
    client = Redis.from_url(fresh.redis_url)
    await client.set(keys.namespace(P), NAMESPACE)
    shown = RedisShown(client, RedisViewers(client, PARTITIONS))
    await shown.serve(USER, candidates(1), 1)
    assert keys.SERVED_LIFE_S - 60 < await client.ttl(keys.served(P, USER)) <= keys.SERVED_LIFE_S
    await client.aclose()


@pytest.mark.servers
async def test_a_shared_list_is_read_once_a_second_and_stands_while_redis_is_away(fresh: Settings) -> None:
    now = [0.0]
    client = Redis.from_url(fresh.redis_url)
    lists = RedisLists(client, lambda: now[0])
    await client.zadd(keys.HOT, {"101": 1})
    assert list(await lists.hot(CATALOGUE)) == [1]
    await client.zadd(keys.HOT, {"102": 2})
    assert list(await lists.hot(CATALOGUE)) == [1]
    now[0] = 1.1
    assert list(await lists.hot(CATALOGUE)) == [2, 1]
    await client.set(keys.TREND, "no sorted set")
    now[0] = 2.2
    with pytest.raises(NumbersUnavailable):
        await lists.trending(CATALOGUE)
    await client.delete(keys.HOT)
    await client.set(keys.HOT, "no sorted set either")
    assert list(await lists.hot(CATALOGUE)) == [2, 1]  # the last that could be read
    await client.aclose()


@pytest.mark.servers
async def test_what_redis_cannot_answer_is_the_ports_own_error(fresh: Settings) -> None:
    client = Redis.from_url(fresh.redis_url)
    shown = RedisShown(client, RedisViewers(client, PARTITIONS))
    with pytest.raises(ViewersUnavailable):  # no namespace: never set up
        await shown.before(USER, VERSION)
    await client.set(keys.namespace(P), NAMESPACE)
    await client.set(keys.rec_users(str(VERSION), 0), b"damaged")
    assert (await shown.before(USER, VERSION)).personal is None
    await client.set(keys.user(NAMESPACE, P, USER), "no hash")
    with pytest.raises(ViewersUnavailable):
        await shown.serve(USER, candidates(1), 1)
    await client.aclose()
