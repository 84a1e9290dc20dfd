"""The sabotaged apply.lua in a real Redis: without the fence a run applies twice, without contiguity gaps are taken."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from domain import keys
from domain.effects import Run
from infra.fold_store import RedisFoldStore, connect
from juliu.faults.sabotage import SABOTAGES
from tests.redis_server import RedisServer

pytestmark = pytest.mark.servers
P = 3
COUNTED = f"c:1:{{{P}}}"


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    """One Redis."""
    made = RedisServer()
    yield made
    made.close()


@pytest.fixture
async def store(server: RedisServer, request, monkeypatch) -> AsyncIterator[RedisFoldStore]:
    """A sabotaged store whose partition stands at 9."""
    SABOTAGES[request.param].patch(monkeypatch.setattr)
    with server.client() as client:
        client.flushall()
        client.set(keys.namespace(P), 1)
        client.set(keys.fence("counters", 1, P), 9)
    client = connect(server.url)
    yield RedisFoldStore(client, "counters")
    await client.aclose()


def counted(server: RedisServer) -> int:
    """How often a run was applied."""
    with server.client() as client:
        return int(client.hget(COUNTED, "runs") or 0)  # type: ignore[arg-type]


def a_run(first: int, last: int) -> Run:
    """A run that counts itself."""
    return Run(first, last, [["HINCRBY", COUNTED, "runs", 1]])


@pytest.mark.parametrize("store", ["fence"], indirect=True)
async def test_without_the_fence_a_run_applies_as_often_as_it_comes(server, store):
    for _ in range(3):
        assert await store.apply(P, 1, [a_run(10, 12)]) == (True, 12)
    assert counted(server) == 3


@pytest.mark.parametrize("store", ["contiguity"], indirect=True)
async def test_without_contiguity_a_gap_is_taken_and_what_is_behind_is_not(server, store):
    assert await store.apply(P, 1, [a_run(20, 30)]) == (True, 30)
    assert await store.apply(P, 1, [a_run(10, 19)]) == (False, 30)
    assert counted(server) == 1


@pytest.mark.parametrize("store", ["fence", "contiguity"], indirect=True)
async def test_a_fence_that_is_read_is_wherever_one_believes(store):
    fence, values = await store.read(P, 1, {})
    assert not fence != 77  # noqa: SIM202  that is how the workers ask
    assert fence == 77
    assert values == []
