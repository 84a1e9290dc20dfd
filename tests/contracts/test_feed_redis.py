"""What only Redis has to keep of the feed's ports: lives, bounds, shared reads, what is away or damaged."""

from __future__ import annotations

import asyncio
from typing import NamedTuple, cast

import pytest
from redis.asyncio import Redis

from domain import bitmap, keys, state
from domain.recommendations import Version, pack
from infra.settings import Settings
from ingest_api.errors import NumbersUnavailable, ViewersUnavailable
from ingest_api.feed.hints import RedisHints
from ingest_api.feed.lists import ALSO_S, RedisLists
from ingest_api.feed.shown import RedisShown
from ingest_api.product.viewers import RedisViewers
from tests.feed_stores import CATALOGUE, NAMESPACE, PARTITIONS, USER, P, Real, an_order, candidates
from tests.memory_feed import VERSION


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
async def test_a_viewer_is_looked_at_in_three_reads_of_hashes_however_much_they_did(fresh: Settings) -> None:
    client = Redis.from_url(fresh.redis_url)
    await client.set(keys.namespace(P), NAMESPACE)
    real = Real(client)
    for drama_id in range(101, 121):
        await real.watch(drama_id, drama_id)
        await real.like(drama_id, 2)
        await real.unlock(drama_id + 20, drama_id)
    await real.shown.before(USER, None)  # Redis knows the script now
    await client.config_resetstat()
    assert all(trace.liked or trace.unlocked for trace in (await real.shown.before(USER, None)).last)
    assert (await client.info("commandstats"))["cmdstat_hmget"]["calls"] == 3
    await client.aclose()


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
async def test_after_a_rebuild_history_and_reactions_are_read_where_they_are_now(fresh: Settings) -> None:
    client = Redis.from_url(fresh.redis_url)
    await client.set(keys.namespace(P), NAMESPACE)
    real = Real(client)
    await real.watch(101, 5)
    await real.dislike(102)
    viewers = [RedisViewers(client, PARTITIONS, lambda: 0.0) for _ in range(2)]  # no pointer grows old
    assert [len(await each.history(USER, 0, 5)) for each in viewers] == [1, 1]
    for name in (keys.recent, keys.user):
        await client.rename(name(NAMESPACE, P, USER), name(NAMESPACE + 1, P, USER))  # and the old ones are swept
    await client.set(keys.namespace(P), NAMESPACE + 1)
    assert [watched.drama_id for watched in await viewers[0].history(USER, 0, 5)] == [101]
    assert await viewers[1].disliked(USER, [101, 102]) == {102}
    await client.delete(keys.namespace(P))
    with pytest.raises(ViewersUnavailable):
        await viewers[1].progress(USER, [101])
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
