"""What the API holds open to Redis: many requests at once, and a Redis that says nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from redis.exceptions import RedisError

from infra.settings import Settings
from ingest_api.connections import REDIS_CONNECTIONS, RealConnections
from tests.redis_server import RedisServer

pytestmark = pytest.mark.servers


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    """A Redis of these tests' own."""
    server = RedisServer()
    yield server
    server.close()


async def test_more_requests_than_connections_take_turns(server: RedisServer) -> None:
    redis = RealConnections(Settings(redis_url=server.url)).redis
    answers = await asyncio.gather(*(redis.get("nothing") for _ in range(4 * REDIS_CONNECTIONS)))
    assert answers == [None] * 4 * REDIS_CONNECTIONS
    assert len(await redis.client_list()) <= REDIS_CONNECTIONS
    await redis.aclose()


async def test_a_redis_that_says_nothing_is_an_error_and_no_wait_without_end(server: RedisServer) -> None:
    redis = RealConnections(Settings(redis_url=server.url)).redis
    await redis.ping()
    server.freeze()
    try:
        async with asyncio.timeout(30):
            with pytest.raises(RedisError):
                await redis.get("nothing")
    finally:
        server.thaw()
    await redis.aclose()
