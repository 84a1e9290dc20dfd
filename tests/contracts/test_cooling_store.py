"""The promises of CoolingStore, kept by the memory twin and by Redis alike; the feed finds what was put."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import cast

import pytest
import redis

from domain import keys
from domain.recommendations import unpack
from domain.topics import partition_of
from infra.settings import Settings
from recommender.refresh.cooling import CoolingStore, RedisCoolingStore
from tests.memory_cooling import MemoryCoolingStore

P = 4
Seen = Callable[[int], tuple[int, ...]]


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.servers)])
def place(request: pytest.FixtureRequest) -> Iterator[tuple[CoolingStore, Seen]]:
    """A store, and what its reader finds."""
    if request.param == "memory":
        twin = MemoryCoolingStore()
        yield twin, lambda user_id: twin.lists.get(user_id, ())
        return
    settings: Settings = request.getfixturevalue("fresh")
    with redis.Redis.from_url(settings.redis_url) as client:

        def seen(user_id: int) -> tuple[int, ...]:
            return unpack(cast("bytes | None", client.get(keys.cooling(partition_of(user_id, P), user_id))) or b"")

        yield RedisCoolingStore(client, P), seen


def test_what_was_put_last_is_what_is_hidden(place):
    store, seen = place
    assert seen(1) == ()
    store.put({1: [5, 3], 2: [7], 3: []})
    assert (seen(1), seen(2), seen(3)) == ((5, 3), (7,), ())
    store.put({1: [9], 2: []})
    assert (seen(1), seen(2)) == ((9,), ())
    store.put({})


@pytest.mark.servers
def test_it_ends_by_itself(fresh: Settings) -> None:
    with redis.Redis.from_url(fresh.redis_url) as client:
        RedisCoolingStore(client, P).put({1: [5]})
        life = cast(int, client.ttl(keys.cooling(partition_of(1, P), 1)))
        assert keys.COOLING_LIFE_S - 60 < life <= keys.COOLING_LIFE_S
