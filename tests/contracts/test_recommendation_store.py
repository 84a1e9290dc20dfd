"""The promises of RecommendationStore, kept by the memory twin and by Redis alike."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import pytest
import redis

from domain import keys
from domain.recommendations import Version
from infra.settings import Settings
from recommender.publication.store import KEYS_AT_ONCE, Hold, Pointers, RecommendationStore, RedisRecommendationStore
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


def held(store: RecommendationStore, owner: str = "me", task: str = "train") -> Hold:
    hold = store.lock(task, owner, 60)
    assert hold is not None
    return hold


def put(store: RecommendationStore, version: Version) -> None:
    store.stage(version)
    store.put_blocks(version, {number: b"block %d" % number for number in range(version.blocks)})
    store.put_lists(version, {1: b"\1\0", 9: b"\2\0"})
    store.put_model(version, [b"factors of %d" % version.as_of_ms, b"and more"])
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
    assert (store.model(OLD), store.blocks_of(OLD, [0]), store.blocks_of(OLD, [])) == ([], [None], [])


def test_what_was_put_is_read_back_and_belongs_to_its_version_alone(store):
    put(store, OLD)
    put(store, NEW)
    assert store.block(NEW, KEYS_AT_ONCE) == b"block 500"
    assert store.block_sizes(OLD) == [7, 7, 7]
    assert sum(store.block_sizes(NEW)) == sum(len(b"block %d" % n) for n in range(NEW.blocks))
    assert store.lists(NEW, [9, 5, 1]) == [b"\2\0", None, b"\1\0"]
    assert store.list_count(NEW) == 2
    assert store.meta(NEW) == b"{}"
    assert store.model(NEW) == [b"factors of 2", b"and more"]
    assert store.blocks_of(NEW, [2, 999, 0]) == [b"block 2", None, b"block 0"]


def test_a_version_lives_as_long_as_its_meta_and_one_that_is_not_there_not_at_all(store):
    assert store.life_s(OLD) == 0
    put(store, OLD)
    assert keys.REC_LIFE_S - 60 < store.life_s(OLD) <= keys.REC_LIFE_S
    store.drop(OLD)
    assert store.life_s(OLD) == 0


def test_the_pointer_moves_once_and_for_the_owner_of_the_lock_alone(store):
    put(store, OLD)
    assert not store.switch("", OLD, Hold("train", 1, "me"))  # nobody has the lock
    me = held(store)
    assert not store.switch("", OLD, me._replace(owner="you"))
    assert store.pointers() == Pointers("", "", str(OLD))
    assert store.switch("", OLD, me)
    assert store.pointers() == Pointers(str(OLD), "", "")
    assert not store.switch("", NEW, me)  # it was moved meanwhile
    store.stage(NEW)
    assert store.switch(str(OLD), NEW, me)
    assert store.pointers() == Pointers(str(NEW), str(OLD), "")
    assert store.switch(str(NEW), NEWEST, me)
    assert store.pointers() == Pointers(str(NEWEST), str(NEW), str(OLD))


def test_rolling_back_swaps_what_is_served_and_the_one_before_and_nobody_is_overtaken(store):
    me = held(store)
    for version, before in ((OLD, ""), (NEW, str(OLD))):
        put(store, version)
        assert store.switch(before, version, me)
    assert not store.roll_back(str(NEW), "")  # it looked before the last one was published
    assert not store.roll_back(str(OLD), str(NEW))
    assert store.roll_back(str(NEW), str(OLD))
    assert store.pointers()[:2] == (str(OLD), str(NEW))
    assert not store.switch(str(NEW), NEWEST, me)  # a training that began before
    assert store.roll_back(str(OLD), str(NEW))
    assert store.pointers()[:2] == (str(NEW), str(OLD))


def test_the_lock_is_one_persons_until_they_give_it_back_and_each_has_a_higher_number(store):
    me = held(store, "me")
    assert store.lock("train", "you", 60) is None
    stranger = me._replace(owner="you")
    store.unlock(stranger)
    assert store.lock("train", "you", 60) is None
    assert store.renew(me, 60)
    assert not store.renew(stranger, 60)
    other = held(store, "me", "lists")  # one task does not wait for another
    store.unlock(me)
    assert not store.renew(me, 60)
    again = held(store, "me")
    assert me.number < other.number < again.number
    assert not store.renew(me, 60)  # the same person, then as now


def served(store: RecommendationStore) -> Hold:
    """OLD is served; whoever trained is still holding on."""
    me = held(store)
    put(store, OLD)
    assert store.switch("", OLD, me)
    return me


def test_who_was_frozen_past_its_lock_writes_nothing(store):
    put(store, NEW)
    frozen = served(store)
    store.unlock(frozen)  # its time ran out
    now = held(store, "another")
    assert not store.switch(str(OLD), NEW, frozen)
    assert store.refold(OLD, {0: (b"block 0", b"mine"), 1: (b"block 1", b"mine")}, frozen) == {0, 1}
    assert not store.relist(OLD, {1: b"\7\0"}, b"mine", frozen)
    assert not store.mark_folded("mine", frozen)
    assert store.blocks_of(OLD, [0, 1]) == [b"block 0", b"block 1"]
    assert (store.lists(OLD, [1]), store.meta(OLD), store.folded()) == ([b"\1\0"], b"{}", "")
    store.unlock(now)  # nobody has it: that is no leave either
    assert store.refold(OLD, {0: (b"block 0", b"mine")}, frozen) == {0}
    assert not store.relist(OLD, {1: b"\7\0"}, b"mine", frozen)


def test_a_block_is_replaced_only_while_it_is_what_it_was(store):
    me = served(store)
    wanted = {0: (b"block 0", b"zero"), 1: (b"block 0", b"one"), 2: (b"block 2", b"two"), 9: (b"", b"nine")}
    assert store.refold(OLD, wanted, me) == {1, 9}
    assert store.blocks_of(OLD, [0, 1, 2, 9]) == [b"zero", b"block 1", b"two", None]
    assert store.refold(OLD, {0: (b"block 0", b"again")}, me) == {0}


def test_the_lists_of_the_version_that_is_served_are_replaced_whole(store):
    me = served(store)
    assert store.relist(OLD, {3: b"\4\0", 1: b"\5\0"}, b"[]", me)
    assert store.lists(OLD, [1, 3, 9]) == [b"\5\0", b"\4\0", None]
    assert (store.list_count(OLD), store.meta(OLD)) == (2, b"[]")
    assert store.relist(OLD, {1: b"\6\0"}, b"{}", me)
    assert store.list_count(OLD) == 1
    put(store, NEW)
    assert not store.relist(NEW, {1: b"\7\0"}, b"[]", me)  # it is not served
    assert store.switch(str(OLD), NEW, me)
    assert not store.relist(OLD, {1: b"\7\0"}, b"[]", me)  # it is no more
    store.drop(NEW)
    assert not store.relist(NEW, {1: b"\7\0"}, b"[]", me)  # it has expired
    assert store.list_count(NEW) == 0


def test_how_far_viewers_are_folded_in_is_remembered(store):
    me = held(store)
    assert store.folded() == ""
    assert store.mark_folded("one", me)
    assert store.mark_folded("two", me)
    assert store.folded() == "two"


def test_a_dropped_version_is_gone_and_the_others_stay(store):
    put(store, OLD)
    put(store, NEW)
    store.drop(NEW)
    assert sum(store.block_sizes(NEW)) == store.list_count(NEW) == 0
    assert (store.meta(NEW), store.model(NEW)) == (None, [])
    assert store.model(OLD) == [b"factors of 1", b"and more"]
    assert store.block_sizes(OLD) == [7, 7, 7]
    assert store.list_count(OLD) == 2
    store.drop(NEW)


@pytest.mark.servers
def test_a_lock_that_is_renewed_lives_on_and_one_of_the_dead_does_not(fresh: Settings) -> None:
    store = RedisRecommendationStore.of(fresh)
    hold = store.lock("train", "me", 5)
    assert hold is not None
    assert store.renew(hold, 60)
    with redis.Redis.from_url(fresh.redis_url) as client:
        assert 50 < cast(int, client.ttl(keys.rec_lock("train"))) <= 60


@pytest.mark.servers
def test_all_that_is_published_has_a_life_and_what_replaces_it_has_the_rest_of_it(fresh: Settings) -> None:
    store = RedisRecommendationStore.of(fresh)
    put(store, OLD)
    me = held(store)
    assert store.switch("", OLD, me)
    with redis.Redis.from_url(fresh.redis_url) as client:
        lives: dict[str, Any] = {key.decode(): client.ttl(key) for key in client.keys("*")}
        assert {key for key, life in lives.items() if life == -1} == {*POINTERS, keys.REC_FENCE}
        assert lives[keys.rec_items(str(OLD))] > keys.REC_LIFE_S - 60
        client.expire(keys.rec_users(str(OLD), 0), 500)
        client.expire(keys.rec_meta(str(OLD)), 700)
        assert store.refold(OLD, {0: (b"block 0", b"mine")}, me) == set()
        assert store.relist(OLD, {5: b"\1\0"}, b"[]", me)
        assert 490 < cast(int, client.ttl(keys.rec_users(str(OLD), 0))) <= 500
        for key in (keys.rec_items(str(OLD)), keys.rec_meta(str(OLD))):
            assert 690 < cast(int, client.ttl(key)) <= 700
        assert not client.exists(keys.rec_items_new(str(OLD)))
        client.delete(keys.rec_users(str(OLD), 1))
        assert store.refold(OLD, {1: (b"block 1", b"mine")}, me) == {1}  # nothing comes back without a life
        assert store.mark_folded("x", me)
        assert cast(int, client.ttl(keys.REC_FOLDED)) > 0
    store.close()
