"""The promises of the feed's ports, kept by the memory twins and by Redis alike."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from typing import Any, NamedTuple, cast

import pytest
from redis.asyncio import Redis

from domain import bitmap, keys, registers, state
from domain.cold import Cold, pack_orders
from domain.recommendations import Version, block_of, encode_block, pack
from domain.session import LOOKED_AT, Trace
from domain.shelf import Pick, Source
from domain.topics import partition_of
from infra.settings import Settings
from ingest_api.errors import NumbersUnavailable, ViewersUnavailable
from ingest_api.feed.hints import RedisHints
from ingest_api.feed.lists import ALSO_S, RedisLists
from ingest_api.feed.pages import Kept, PageName, told
from ingest_api.feed.shown import Candidate, Order, RedisShown, Served
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
    return [Candidate(index, 100 + index, index in again, told(pick_of(index))) for index in indexes]


def pick_of(index: int) -> Pick:
    return Pick(index, Source.ALSO_WATCHED, 9, 0.01 / index)


def an_order(
    size: int, no: int = 0, opening: str = OPENING, request_id: str = "r", *, more: bool = False, round: str = ""
) -> Order:  # fmt: skip
    return Order(PageName(opening, no), request_id, size, more, round)


names = itertools.count()


async def serve(stores: Any, some: list[Candidate], size: int) -> Served:
    """A page that nobody asked for before."""
    return await stores.shown.serve(USER, some, an_order(size, next(names)))  # type: ignore[no-any-return]


async def test_who_is_new_has_nothing(stores):
    await stores.publish([], {})
    before = await stores.shown.before(USER, VERSION)
    assert (set(bitmap.indexes(before.seen)), set(bitmap.indexes(before.served))) == (set(), set())
    assert (list(before.last), list(before.personal)) == ([], [])
    assert (list(before.cooling), list(before.pages), set(before.disliked)) == ([], [], set())
    assert {index: list(of) for index, of in (await stores.lists.also_watched([1, 2])).items()} == {1: [], 2: []}
    assert await stores.lists.also_watched([]) == {}
    assert await stores.lists.cold() is None
    assert await stores.shown.progress(USER, [1]) == {}
    assert list(await stores.lists.hot(CATALOGUE)) == []
    assert await stores.shown.seen_at_ms(USER) == {}


async def test_lists_are_as_they_were_published(stores):
    await stores.publish([3, 1, 2], {5: [6, 7]})
    await stores.chart("hot", [103, 999, 101])
    await stores.chart("trending", [102])
    assert await stores.lists.version() == VERSION
    assert list((await stores.shown.before(USER, VERSION)).personal) == [3, 1, 2]
    assert list((await stores.shown.before(USER, None)).personal) == []
    found = await stores.lists.also_watched([5, 6])
    assert {index: list(of) for index, of in found.items()} == {5: [6, 7], 6: []}
    assert list(await stores.lists.hot(CATALOGUE)) == [3, 1]  # 999 is not in the catalogue
    assert list(await stores.lists.trending(CATALOGUE)) == [2]


async def test_what_was_watched_is_known_the_latest_first(stores):
    for drama_id, at_ms in ((101, 10), (102, 30), (103, 20)):
        await stores.watch(drama_id, at_ms)
    before = await stores.shown.before(USER, None)
    assert set(bitmap.indexes(before.seen)) == {1, 2, 3}
    assert [trace.drama_id for trace in before.last] == [102, 103, 101]
    assert [trace.at_ms for trace in before.last] == [30, 20, 10]
    assert before.last[0] == Trace(102, 30, REGISTER)
    assert await stores.shown.seen_at_ms(USER) == {101: 10, 102: 30, 103: 20}


async def test_a_page_is_the_first_that_are_not_disliked_and_they_alone_are_noted(stores):
    await stores.watch(104, 10)
    for drama_id in (102, 103, 106):
        await stores.dislike(drama_id)
    served = await serve(stores, candidates(1, 2, 3, 4, 5, 6, 7), 3)
    assert list(served.places) == [0, 3, 4]
    assert list(served.progress) == [None, REGISTER, None]
    assert list(served.passed) == [2, 3]
    assert await stores.served() == {1, 4, 5}
    assert set(bitmap.indexes((await stores.shown.before(USER, None)).served)) == {1, 4, 5}


async def test_fewer_are_served_where_there_are_no_more(stores):
    await stores.dislike(101)
    assert list((await serve(stores, candidates(1, 2), 5)).places) == [1]
    nothing = await serve(stores, candidates(1), 5)
    assert (list(nothing.places), list(nothing.passed)) == ([], [1])
    nobody = await serve(stores, [], 5)
    assert (list(nobody.places), list(nobody.passed)) == ([], [])
    assert await stores.served() == {2}


async def test_what_was_served_before_begins_a_new_round_once_it_is_taken(stores):
    await serve(stores, candidates(1, 2, 3), 3)
    await serve(stores, candidates(4, 1, again=(1,)), 1)
    assert await stores.served() == {1, 2, 3, 4}
    await serve(stores, candidates(5, 1, again=(1,)), 2)
    assert await stores.served() == {5, 1}


async def test_what_another_page_has_taken_meanwhile_is_passed_over(stores):
    await serve(stores, candidates(1, 2), 2)
    second = await serve(stores, candidates(1, 2, 3, 4), 2)
    assert (list(second.places), list(second.passed)) == ([2, 3], [1, 2])
    assert await stores.served() == {1, 2, 3, 4}


async def test_what_was_done_with_the_dramas_touched_last_is_told(stores):
    for drama_id in range(101, 108):
        await stores.watch(drama_id, drama_id)
    await stores.dislike(101)
    await stores.like(102, 2)  # the episode they are in
    await stores.like(103, 1)  # the one before
    await stores.follow(104)
    await stores.unlock(105, 900)  # later than it was watched
    await stores.unlock(120, 800)  # not watched at all
    found = {trace.drama_id: trace for trace in (await stores.shown.before(USER, None)).last}
    assert list(found) == [105, 120, 107, 106, 104, 103, 102, 101]
    assert found[101] == Trace(101, 101, REGISTER, disliked=True)
    assert (found[102].liked, found[103].liked, found[104].liked) == (True, True, False)
    assert (found[104].followed, found[103].followed) == (True, False)
    assert found[105] == Trace(105, 900, REGISTER, unlocked=True)
    assert found[120] == Trace(120, 800, None, unlocked=True)


async def test_of_many_only_the_latest_are_told(stores):
    for drama_id in range(101, 121):
        await stores.watch(drama_id, drama_id)
        await stores.unlock(drama_id - 50, drama_id)
    found = (await stores.shown.before(USER, None)).last
    assert len(found) == LOOKED_AT
    assert {trace.at_ms for trace in found} == set(range(116, 121))


async def test_what_cools_down_and_the_pool_of_new_dramas_are_told(stores):
    await stores.cool([4, 2])
    await stores.pool(0.03, [[3, 1], [1, 3]])
    assert set((await stores.shown.before(USER, None)).cooling) == {2, 4}
    assert await stores.lists.cold() == Cold(0.03, ((3, 1), (1, 3)))


async def test_the_last_two_pages_are_kept_as_they_were_served(stores):
    for no in range(3):
        await stores.shown.serve(USER, candidates(2 * no + 1, 2 * no + 2), an_order(2, no, request_id=f"r{no}"))
    pages = (await stores.shown.before(USER, None)).pages
    assert [(page.name, page.request_id) for page in pages] == [(f"{OPENING}.2", "r2"), (f"{OPENING}.1", "r1")]
    assert pages[0] == Kept(f"{OPENING}.2", "r2", ((105, pick_of(5)), (106, pick_of(6))))


async def test_a_page_that_was_served_is_served_again_as_it_was_and_nothing_else_is_taken(stores):
    await stores.shown.serve(USER, candidates(1, 2), an_order(2, 1, request_id="first"))
    again = await stores.shown.serve(USER, candidates(3, 4), an_order(2, 1, request_id="second"))
    assert (list(again.places), list(again.progress), list(again.passed)) == ([], [], [])
    assert again.kept == Kept(f"{OPENING}.1", "first", ((101, pick_of(1)), (102, pick_of(2))))
    assert await stores.served() == {1, 2}


async def test_a_page_that_goes_on_is_one_page(stores):
    await stores.shown.serve(USER, candidates(1), an_order(2))
    more = await stores.shown.serve(USER, candidates(2), an_order(1, more=True))
    assert (list(more.places), more.kept) == ([0], None)
    (page,) = (await stores.shown.before(USER, None)).pages
    assert [drama_id for drama_id, _ in page.picks] == [101, 102]


async def test_a_new_round_that_begins_in_the_midst_of_a_page_forgets_nothing_of_it(stores):
    await stores.shown.serve(USER, candidates(1, 2), an_order(2))
    await stores.shown.serve(USER, candidates(3), an_order(2, 1))
    await stores.shown.serve(USER, candidates(1, again=(1,)), an_order(1, 1, more=True))
    assert await stores.served() == {1, 3}


async def test_a_round_that_another_page_has_begun_is_not_begun_again(stores):
    await stores.shown.serve(USER, candidates(1, 2, 3, 4), an_order(4))
    before = await stores.shown.before(USER, None)
    same = {"again": (1, 2, 3, 4)}
    one = await stores.shown.serve(USER, candidates(1, 2, 3, 4, **same), an_order(2, 1, round=before.round))
    other = await stores.shown.serve(USER, candidates(2, 3, 4, 1, **same), an_order(2, 2, round=before.round))
    assert (list(one.places), list(one.passed)) == ([0, 1], [])
    assert (list(other.places), list(other.passed)) == ([1, 2], [2])
    assert await stores.served() == {1, 2, 3, 4}
    before = await stores.shown.before(USER, None)
    await stores.shown.serve(USER, candidates(4, again=(4,)), an_order(1, 3, round=before.round))
    assert await stores.served() == {4}


async def test_a_page_goes_on_while_another_one_was_opened(stores):
    await stores.shown.serve(USER, candidates(1), an_order(2))
    await stores.shown.serve(USER, candidates(5), an_order(1, opening="f" * 16))
    await stores.shown.serve(USER, candidates(2), an_order(1, more=True))
    pages = (await stores.shown.before(USER, None)).pages
    assert {page.name[:3]: [drama_id for drama_id, _ in page.picks] for page in pages} == {
        "fff": [105],
        "012": [101, 102],
    }


async def test_a_dislike_of_what_stands_in_the_last_pages_is_told(stores):
    await stores.shown.serve(USER, candidates(1, 2), an_order(2, 0))
    await stores.shown.serve(USER, candidates(3, 4), an_order(2, 1))
    for drama_id in (102, 103, 109):
        await stores.dislike(drama_id)
    assert set((await stores.shown.before(USER, None)).disliked) == {102, 103}


async def test_progress_is_told_of_those_that_are_asked_for(stores):
    await stores.watch(101, 1)
    await stores.watch(102, 2)
    assert await stores.shown.progress(USER, [102, 103]) == {102: REGISTER}


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
    await shown.serve(USER, candidates(1), an_order(1))
    assert keys.PAGE_LIFE_S - 60 < await client.ttl(keys.page(P, USER)) <= keys.PAGE_LIFE_S
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
async def test_a_list_of_people_also_watched_is_read_again_after_a_minute(fresh: Settings) -> None:
    now = [0.0]
    client = Redis.from_url(fresh.redis_url)
    lists = RedisLists(client, lambda: now[0])
    await client.set(keys.REC_CURRENT, str(VERSION))
    await client.hset(keys.rec_items(str(VERSION)), "1", pack([2]))
    assert list((await lists.also_watched([1]))[1]) == [2]
    await client.hset(keys.rec_items(str(VERSION)), "1", pack([3]))
    now[0] = ALSO_S - 1
    assert list((await lists.also_watched([1]))[1]) == [2]
    now[0] = ALSO_S + 1
    assert list((await lists.also_watched([1]))[1]) == [3]
    await client.hset(keys.rec_items(str(VERSION)), "4", b"odd")
    with pytest.raises(NumbersUnavailable):
        await lists.also_watched([4])
    await client.aclose()


class Held(NamedTuple):
    """Redis, as far as lists of "people also watched" are read; it answers these once it is let."""

    version: list[Version]
    asked: asyncio.Event
    let: asyncio.Event

    async def get(self, _key: str) -> str:
        return str(self.version[-1])

    async def hmget(self, key: str, fields: list[str]) -> list[bytes]:
        self.asked.set()
        await self.let.wait()
        return [pack([7 if str(VERSION) in key else 8]) for _ in fields]


async def test_a_version_that_is_published_while_lists_are_read_harms_nobody():
    now, redis = [0.0], Held([VERSION], asyncio.Event(), asyncio.Event())
    lists = RedisLists(cast(Redis, redis), lambda: now[0])
    redis.let.set()
    await lists.also_watched([5])
    redis.asked.clear()
    redis.let.clear()
    waits = asyncio.create_task(lists.also_watched([5, 6]))
    await redis.asked.wait()
    redis.asked.clear()
    now[0] = 1.5
    redis.version.append(VERSION._replace(run="00000002"))
    other = asyncio.create_task(lists.also_watched([5]))
    await redis.asked.wait()
    redis.let.set()
    assert await waits == {5: (7,), 6: (7,)}
    assert await other == {5: (8,)} == await lists.also_watched([5])


@pytest.mark.servers
async def test_hints_are_bounded_and_their_store_may_be_away(fresh: Settings) -> None:
    client = Redis.from_url(fresh.redis_url)
    hints = RedisHints(client, PARTITIONS, lambda: 5)
    for drama_id in range(1, 20):
        await hints.unlocked(USER, drama_id)
    key = keys.unlocked(P, USER)
    assert await client.zcard(key) == keys.UNLOCKED_KEPT
    assert keys.UNLOCKED_LIFE_S - 60 < await client.ttl(key) <= keys.UNLOCKED_LIFE_S
    await client.set(key, "no sorted set")
    await hints.unlocked(USER, 1)  # raises nothing
    await client.aclose()


@pytest.mark.servers
async def test_after_a_rebuild_a_viewer_is_looked_for_where_they_are_now(fresh: Settings) -> None:
    client = Redis.from_url(fresh.redis_url)
    shown = RedisShown(client, RedisViewers(client, PARTITIONS, lambda: 0.0))  # no pointer grows old
    await client.set(keys.namespace(P), NAMESPACE)
    await client.setbit(keys.seen(NAMESPACE, P, USER), 1, 1)
    assert set(bitmap.indexes((await shown.before(USER, None)).seen)) == {1}
    await client.rename(keys.seen(NAMESPACE, P, USER), keys.seen(NAMESPACE + 1, P, USER))  # and the old one is swept
    await client.set(keys.namespace(P), NAMESPACE + 1)
    assert set(bitmap.indexes((await shown.before(USER, None)).seen)) == {1}
    await client.delete(keys.namespace(P))
    with pytest.raises(ViewersUnavailable):
        await shown.before(USER, None)
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
        await shown.serve(USER, candidates(1), an_order(1))
    await client.zadd(keys.recent(NAMESPACE, P, USER), {"101": 1})
    with pytest.raises(ViewersUnavailable):
        await shown.before(USER, VERSION)
    await client.delete(keys.user(NAMESPACE, P, USER))
    await client.hset(keys.user(NAMESPACE, P, USER), state.progress_field(101), "no register")
    with pytest.raises(ViewersUnavailable):
        await shown.before(USER, VERSION)
    await client.aclose()
