"""The budget of dead letters in Redis: kept over restarts, by code version, and raised by a person for a while."""

from __future__ import annotations

from typing import Any, cast

import pytest
import redis
import redis.asyncio as aioredis

from domain import keys
from infra.settings import Settings
from juliu.dead.allowance import allow
from streams.dead import AT_LEAST, Budget

pytestmark = pytest.mark.servers


async def test_a_person_lets_more_letters_pass_for_a_while_and_takes_it_back(fresh: Settings) -> None:
    with redis.Redis.from_url(fresh.redis_url) as client:
        async with aioredis.Redis.from_url(fresh.redis_url) as store:
            await Budget(store, "store", "v1").spend(AT_LEAST - 1)
            again = Budget(store, "store", "v1")  # the next life
            assert [await again.allows(n) for n in (1, 2)] == [True, False]
            assert await Budget(store, "store", "v2").allows(AT_LEAST)
            assert allow(client, 10, 600, "counters") == ["counters"]
            assert not await again.allows(2)
            assert allow(client, 10, 600) == ["counters", "store"]
            assert [await again.allows(n) for n in (11, 12)] == [True, False]
            assert 590 < cast(Any, client.ttl(keys.poison_allowed("store"))) <= 600
            allow(client, 0, 600)
            assert not await again.allows(2)
        with pytest.raises(ValueError, match="no such group"):
            allow(client, 1, 1, "api")
