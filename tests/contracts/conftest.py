"""Stores that keep the promises of ports: the memory twins, and the real ones."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from redis.asyncio import Redis

from domain import keys
from infra.settings import Settings
from tests import media_desk
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


@pytest.fixture(params=["memory", pytest.param("mysql", marks=pytest.mark.servers)])
def desk(request: pytest.FixtureRequest) -> Iterator[media_desk.Desk]:
    """Of media jobs."""
    if request.param == "memory":
        yield media_desk.in_memory()
        return
    with media_desk.on_mysql(request.getfixturevalue("stack")) as made:
        yield made
