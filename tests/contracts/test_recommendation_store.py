"""The promises of RecommendationStore, kept by the memory twin and by Redis alike."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any, cast

import pytest

from domain import keys
from domain.recommendations import Version
from infra.settings import Settings
from recommender.publication.store import KEYS_AT_ONCE, Pointers, RecommendationStore, RedisRecommendationStore
from tests.memory_recommendations import MemoryRecommendationStore

OLD, NEW = Version(1, 3, "0000000a"), Version(2, KEYS_AT_ONCE + 1, "0000000b")
POINTERS = (keys.REC_CURRENT, keys.REC_PREVIOUS, keys.REC_UNREAD)
NEWEST = Version(3, 1, "0000000c")


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.servers)])
def store(request: pytest.FixtureRequest) -> Iterator[RecommendationStore]:
    if request.param == "memory":
        yield MemoryRecommendationStore()
        return
    settings: Settings = request.getfixturevalue("fresh")
    real = RedisRecommendationStore.of(settings)
    yield real
    real.close()


def put(store: RecommendationStore, version: Version) -> None:
    store.stage(version)
    store.put_blocks(version, {number: b"block %d" % number for number in range(version.blocks)})
    store.put_lists(version, {1: b"\1\0", 9: b"\2\0"})
    store.put_meta(version, b"{}")


def test_nothing_is_there_at_first(store):
    assert store.pointers() == Pointers("", "", "")
    assert store.block(OLD, 0) is None
    assert store.block_sizes(OLD) == [0, 0, 0]
    assert (store.list_count(OLD), store.lists(OLD, [1]), store.lists(OLD, []), store.meta(OLD)) == (
        0,
        [None],
        [],
        None,
    )


def test_what_was_put_is_read_back_and_belongs_to_its_version_alone(store):
    put(store, OLD)
    put(store, NEW)
    assert store.block(NEW, KEYS_AT_ONCE) == b"block 500"
    assert store.block_sizes(OLD) == [7, 7, 7]
    assert sum(store.block_sizes(NEW)) == sum(len(b"block %d" % n) for n in range(NEW.blocks))
    assert store.lists(NEW, [9, 5, 1]) == [b"\2\0", None, b"\1\0"]
    assert store.list_count(NEW) == 2
    assert store.meta(NEW) == b"{}"


def test_the_pointer_moves_once_and_for_the_owner_of_the_lock_alone(store):
    put(store, OLD)
    assert not store.switch("", OLD, "me")  # nobody has the lock
    assert store.lock("me", 60)
    assert not store.switch("", OLD, "you")
    assert store.pointers() == Pointers("", "", str(OLD))
    assert store.switch("", OLD, "me")
    assert store.pointers() == Pointers(str(OLD), "", "")
    assert not store.switch("", NEW, "me")  # it was moved meanwhile
    store.stage(NEW)
    assert store.switch(str(OLD), NEW, "me")
    assert store.pointers() == Pointers(str(NEW), str(OLD), "")
    assert store.switch(str(NEW), NEWEST, "me")
    assert store.pointers() == Pointers(str(NEWEST), str(NEW), str(OLD))


def test_rolling_back_swaps_what_is_served_and_the_one_before_and_nobody_is_overtaken(store):
    assert store.lock("me", 60)
    for version, before in ((OLD, ""), (NEW, str(OLD))):
        put(store, version)
        assert store.switch(before, version, "me")
    assert not store.roll_back(str(NEW), "")  # it looked before the last one was published
    assert not store.roll_back(str(OLD), str(NEW))
    assert store.roll_back(str(NEW), str(OLD))
    assert store.pointers()[:2] == (str(OLD), str(NEW))
    assert not store.switch(str(NEW), NEWEST, "me")  # a training that began before
    assert store.roll_back(str(OLD), str(NEW))
    assert store.pointers()[:2] == (str(NEW), str(OLD))


def test_the_lock_is_one_persons_until_they_give_it_back(store):
    me, you = uuid.uuid4().hex, uuid.uuid4().hex
    assert store.lock(me, 60)
    assert not store.lock(you, 60)
    store.unlock(you)
    assert not store.lock(you, 60)
    assert store.renew(me, 60)
    assert not store.renew(you, 60)
    store.unlock(me)
    assert not store.renew(me, 60)
    assert store.lock(you, 60)


def test_a_dropped_version_is_gone_and_the_others_stay(store):
    put(store, OLD)
    put(store, NEW)
    store.drop(NEW)
    assert sum(store.block_sizes(NEW)) == store.list_count(NEW) == 0
    assert store.meta(NEW) is None
    assert store.block_sizes(OLD) == [7, 7, 7]
    assert store.list_count(OLD) == 2
    store.drop(NEW)


@pytest.mark.servers
def test_a_lock_that_is_renewed_lives_on_and_one_of_the_dead_does_not(fresh: Settings) -> None:
    import redis

    store = RedisRecommendationStore.of(fresh)
    assert store.lock("me", 5)
    assert store.renew("me", 60)
    with redis.Redis.from_url(fresh.redis_url) as client:
        assert 50 < cast(int, client.ttl(keys.REC_LOCK)) <= 60


@pytest.mark.servers
def test_all_that_is_published_has_a_life(fresh: Settings) -> None:
    import redis

    store = RedisRecommendationStore.of(fresh)
    put(store, OLD)
    assert store.lock("me", 60)
    assert store.switch("", OLD, "me")
    with redis.Redis.from_url(fresh.redis_url) as client:
        lives: dict[str, Any] = {key.decode(): client.ttl(key) for key in client.keys("*")}
    assert {key: life for key, life in lives.items() if life == -1} == dict.fromkeys(POINTERS, -1)
    assert lives[keys.rec_items(str(OLD))] > keys.REC_LIFE_S - 60
    store.close()
