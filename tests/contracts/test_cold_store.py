"""The promises of ColdStore, kept by the memory twin and by Redis alike; the feed finds what was put."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import cast

import pytest
import redis

from domain import keys
from domain.cold import LIFE_S, NONE, Cold, unpack_orders
from infra.settings import Settings
from recommender.refresh.cold_store import ColdStore, RedisColdStore
from tests.memory_cold import MemoryColdStore

SOME = Cold(0.025, ((5, 3, 65_535), (3, 5)))


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.servers)])
def place(request: pytest.FixtureRequest) -> Iterator[tuple[ColdStore, Callable[[], Cold]]]:
    """A store, and what its reader finds."""
    if request.param == "memory":
        twin = MemoryColdStore()
        yield twin, lambda: twin.cold
        return
    settings: Settings = request.getfixturevalue("fresh")
    with redis.Redis.from_url(settings.redis_url) as client:
        yield RedisColdStore(client), lambda: unpack_orders(cast(bytes, client.get(keys.REC_COLD)))


def test_what_was_put_last_is_what_is_explored(place):
    store, seen = place
    store.put(SOME)
    assert seen() == SOME
    store.put(Cold(0.01, ((7,),)))
    assert seen() == Cold(0.01, ((7,),))
    store.put(NONE)
    assert seen() == NONE


def test_what_is_out_of_bounds_changes_nothing(place):
    store, seen = place
    store.put(SOME)
    with pytest.raises(ValueError, match="share"):
        store.put(Cold(2.0, ()))
    assert seen() == SOME


@pytest.mark.servers
def test_it_ends_by_itself(fresh: Settings) -> None:
    with redis.Redis.from_url(fresh.redis_url) as client:
        RedisColdStore(client).put(SOME)
        assert 0 < cast(int, client.ttl(keys.REC_COLD)) <= LIFE_S
