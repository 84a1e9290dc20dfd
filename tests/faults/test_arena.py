"""The arena itself: an empty world that runs, harm that is done to it, and the next world, as empty."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import redis

from domain import keys
from infra.clickhouse.client import connect
from infra.local.errors import StackError
from infra.local.home import Home
from infra.settings import Settings
from juliu.faults import arena as arenas
from juliu.faults.arena import Arena
from juliu.faults.fault import World
from tests.servers import own_home

pytestmark = pytest.mark.servers


@pytest.fixture
def home() -> Iterator[Home]:
    """Of this test alone."""
    with own_home("arena") as home:
        yield home


@pytest.fixture
async def arena(home: Home, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Arena]:
    """Open, and nothing runs yet."""
    monkeypatch.setenv("JULIU_REDIS_URL", "redis://127.0.0.1:1/0")  # the shell's settings are not the arena's
    async with arenas.opened(home) as arena:
        yield arena


def rows(settings: Settings, sql: str) -> list[Any]:
    with connect(settings) as client:
        return list(client.query(sql).result_rows)


async def test_a_world_begins_empty_whatever_was_done_to_the_one_before(arena: Arena, home: Home):
    await arena.begin(World())
    assert sorted(arena.names()) == [
        "api", "clickhouse", "kafka", "mysql", "redis", "stream-counters", "stream-store",
    ]  # fmt: skip
    assert rows(arena.settings, "SELECT engine FROM system.tables WHERE database = currentDatabase()"
                " AND name IN ('events', 'late_events')") == [("MergeTree",)] * 2  # fmt: skip

    lives = {name: arena.life(name) for name in ("redis", "kafka", "stream-counters")}
    arena.kill("redis")
    arena.kill("kafka")
    arena.freeze("stream-counters")
    for name in ("redis", "kafka"):
        await arena.died(name, lives[name])
    with pytest.raises(StackError, match="another run"):
        async with arenas.opened(home):
            pass

    await arena.begin(World(linked=True))
    assert arena.life("stream-counters") == lives["stream-counters"] + 1
    with redis.Redis.from_url(arena.settings.redis_url) as client:
        assert [client.get(keys.fence("counters", 1, p)) for p in range(4)] == [b"-1"] * 4
    assert arena.link("counters", "redis").connections > 0
    assert arena.link("store", "kafka").connections > 0

    arena.link("counters", "redis").cut()
    await arena.stop("stream-store")
    assert arena.pid("stream-store") == 0
    await arena.start("stream-store")
    assert arena.pid("stream-store") > 0
