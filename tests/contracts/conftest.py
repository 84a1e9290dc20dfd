"""Stores that keep the promises of the feed's ports: the memory twins, and Redis."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from redis.asyncio import Redis

from domain import keys
from infra.settings import Settings
from tests.feed_stores import NAMESPACE, Memory, P, Real


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.servers)])
async def stores(request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    """Of the feed."""
    if request.param == "memory":
        yield Memory()
        return
    settings: Settings = request.getfixturevalue("fresh")
    client = Redis.from_url(settings.redis_url)
    await client.set(keys.namespace(P), NAMESPACE)
    yield Real(client)
    await client.aclose()
