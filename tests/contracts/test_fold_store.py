"""What infra.fold_store.FoldStore promises, kept by the memory twin and by Redis with its Lua."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from domain import keys
from domain.effects import Run
from infra.fold_store import (
    Broken,
    FenceBroken,
    FenceMissing,
    FoldStore,
    NamespaceMoved,
    Place,
    RedisFoldStore,
    Refused,
    Wait,
    connect,
)
from tests.memory_fold_store import MemoryFoldStore
from tests.redis_server import RedisServer

P = 3
HASH, ZSET, BITS, TEXT = f"c:1:{{{P}}}", f"heat:1:{{{P}}}", f"seen:1:{{{P}}}", f"t:1:{{{P}}}"


class Memory:
    """The twin, and how to look into it."""

    def __init__(self) -> None:
        self.store = MemoryFoldStore("counters")
        self.store.parts[1, P].fence = 9

    def hash(self, key: str) -> dict[str, str]:
        """A hash as text."""
        return {field: str(value) for field, value in self._part.hashes.get(key, {}).items()}

    def scores(self, key: str) -> dict[str, float]:
        """A sorted set."""
        return dict(self._part.zsets.get(key, {}))

    def bits(self, key: str) -> set[int]:
        """The bits that are 1."""
        return set(self._part.bitmaps.get(key, ()))

    def text(self, key: str) -> str | None:
        """A string."""
        found: str | None = self._part.strings.get(key)
        return found

    def life(self, key: str) -> int:
        """Seconds that a key lives."""
        return int(self._part.lives.get(key, -1))

    def lose_fence(self) -> None:
        """As if it had never been made."""
        self.store.lose_fence(P)

    def use(self, namespace: int) -> None:
        """Another namespace, made and pointed to."""
        self.store.make(P, namespace, 4)
        self.store.use(P, namespace)

    def spoil(self) -> None:
        """Make an integer something that cannot be added to."""
        self._part.hashes.setdefault(HASH, {})["a"] = "no number"

    @property
    def _part(self) -> Any:
        return self.store.parts[1, P]


class Real:
    """Redis, and how to look into it."""

    def __init__(self, server: RedisServer, store: RedisFoldStore) -> None:
        self.server, self.store = server, store
        self.client = server.client(decode_responses=True)
        self.client.set(keys.namespace(P), 1)
        self.client.set(keys.fence("counters", 1, P), 9)

    def hash(self, key: str) -> Any:
        """See Memory."""
        return self.client.hgetall(key)

    def scores(self, key: str) -> Any:
        """See Memory."""
        found: Any = self.client.zrange(key, 0, -1, withscores=True)
        return dict(found)

    def bits(self, key: str) -> set[int]:
        """See Memory."""
        return {i for i in range(8 * self.client.strlen(key)) if self.client.getbit(key, i)}

    def text(self, key: str) -> Any:
        """See Memory."""
        return self.client.get(key)

    def life(self, key: str) -> Any:
        """See Memory."""
        return self.client.ttl(key)

    def lose_fence(self) -> None:
        """See Memory."""
        self.client.delete(keys.fence("counters", 1, P))

    def use(self, namespace: int) -> None:
        """See Memory."""
        self.client.set(keys.fence("counters", namespace, P), 4)
        self.client.set(keys.namespace(P), namespace)

    def spoil(self) -> None:
        """See Memory."""
        self.client.hset(HASH, "a", "no number")


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    """One Redis for the suite."""
    server = RedisServer()
    yield server
    server.close()


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.servers)])
async def world(request: pytest.FixtureRequest) -> AsyncIterator[Memory | Real]:
    """A store whose partition P stands at 9 in namespace 1."""
    if request.param == "memory":
        yield Memory()
        return
    server = request.getfixturevalue("server")
    with server.client() as client:
        client.flushall()
    client = connect(server.url)
    yield Real(server, RedisFoldStore(client, "counters"))
    await client.aclose()


def a_run(first: int, last: int, *commands: list[Any]) -> Run:
    """A run with these effects, else one that counts itself."""
    return Run(first, last, list(commands) or [["HINCRBY", HASH, "runs", 1]])


def test_the_twin_is_a_fold_store() -> None:
    store: FoldStore = MemoryFoldStore("counters")
    assert store is not None


async def test_a_partition_stands_where_its_fence_is(world: Memory | Real) -> None:
    assert await world.store.fence(P) == Place(namespace=1, fence=9)


async def test_every_verb_does_what_it_says(world: Memory | Real) -> None:
    run = a_run(
        10, 12,
        ["HSET", HASH, "w", "1,0,3", "x", "y"], ["HINCRBY", HASH, "7:views", 2, "7:likes", -1], ["HDEL", HASH, "x"],
        ["ZINCRBY", ZSET, "7", "1.5", "8", "0.25"], ["ZINCRBY", ZSET, "7", "1e100"], ["ZADD", ZSET + "d", "7", 12],
        ["ZADDGT", ZSET + "r", "1", 100, "2", 200, "3", 300], ["ZADDGT", ZSET + "r", "3", 50, "1", 250],
        ["ZTRIM", ZSET + "r", 2], ["SETBIT", BITS, 3, 1, 9, 1], ["SETBIT", BITS, 9, 0], ["SET", TEXT, "1,20000"],
        ["EXPIRE", HASH, 60],
    )  # fmt: skip
    assert await world.store.apply(P, 1, [run]) == (True, 12)
    assert world.hash(HASH) == {"w": "1,0,3", "7:views": "2", "7:likes": "-1"}
    assert world.scores(ZSET) == {"7": 1.5 + 1e100, "8": 0.25}
    assert world.scores(ZSET + "d") == {"7": 12}
    assert world.scores(ZSET + "r") == {"1": 250, "3": 300}
    assert world.bits(BITS) == {3}
    assert world.text(TEXT) == "1,20000"
    assert world.life(HASH) in (59, 60)


async def test_a_run_applies_once(world: Memory | Real) -> None:
    assert await world.store.apply(P, 1, [a_run(10, 12)]) == (True, 12)
    assert await world.store.apply(P, 1, [a_run(10, 12)]) == (False, 12)
    assert world.hash(HASH) == {"runs": "1"}


@pytest.mark.parametrize("first", [8, 9, 11, 12])
async def test_a_run_that_does_not_begin_behind_the_fence_changes_nothing(world: Memory | Real, first: int) -> None:
    assert await world.store.apply(P, 1, [a_run(first, 20)]) == (False, 9)
    assert world.hash(HASH) == {}


async def test_runs_that_continue_each_other_apply_together(world: Memory | Real) -> None:
    assert await world.store.apply(P, 1, [a_run(10, 12), a_run(13, 13), a_run(14, 30)]) == (True, 30)
    assert world.hash(HASH) == {"runs": "3"}


async def test_if_one_run_is_refused_so_are_those_behind_it(world: Memory | Real) -> None:
    assert await world.store.apply(P, 1, [a_run(11, 12), a_run(13, 13)]) == (False, 9)
    assert await world.store.apply(P, 1, [a_run(10, 12), a_run(14, 14)]) == (False, 12)
    assert world.hash(HASH) == {"runs": "1"}


async def test_state_is_read_with_the_fence_it_belongs_to(world: Memory | Real) -> None:
    await world.store.apply(P, 1, [a_run(10, 10, ["HSET", HASH, "w", "5"])])
    fence, values = await world.store.read(P, 1, {HASH: ["w", "none"], "nothing:{3}": ["a"]})
    assert fence == 10
    assert [[x or None for x in row] for row in values] == [["5", None], [None]]


async def test_nothing_missing_reads_nothing(world: Memory | Real) -> None:
    assert await world.store.read(P, 1, {}) == (9, [])


@pytest.mark.parametrize(
    "bad",
    [
        ["DEL", HASH, "a"], ["HSET", "c:1:{4}", "a", "1"], ["HSET", "c:1", "a", "1"], ["HSET", "{4}{3}", "a", "1"],
        ["HSET", HASH, "a"], ["HSET", HASH], ["HSET", HASH, "a", None], ["HINCRBY", HASH, "a", 1.5],
        ["HINCRBY", HASH, "a", "1"], ["HINCRBY", HASH, "a", 2**60], ["ZINCRBY", ZSET, "a", "inf"],
        ["ZINCRBY", ZSET, "a", "nan"], ["ZINCRBY", ZSET, "a", "x"], ["ZADD", ZSET, "a", float("-inf")],
        ["ZADDGT", ZSET, "a"], ["ZTRIM", ZSET, -1], ["ZTRIM", ZSET, 1.5], ["SETBIT", BITS, -1, 1],
        ["SETBIT", BITS, 2**24, 1], ["SETBIT", BITS, 1, 2], ["SETBIT", BITS, "1", 1], ["EXPIRE", HASH, 0],
        ["EXPIRE", HASH, "5"], ["SET", TEXT, "a", "b"], ["SET", keys.fence("counters", 1, P), "99"],
        ["SET", keys.namespace(P), "2"], ["HSET", HASH, *["x"] * 8000],
    ],
    ids=lambda bad: " ".join(map(str, bad))[:40],
)  # fmt: skip
async def test_effects_that_break_a_rule_change_nothing(world: Memory | Real, bad: list[Any]) -> None:
    with pytest.raises(Refused):
        await world.store.apply(P, 1, [a_run(10, 10, ["HINCRBY", HASH, "a", 1], bad)])
    assert await world.store.fence(P) == (1, 9)
    assert world.hash(HASH) == {}


async def test_a_command_may_be_as_long_as_a_viewer_who_does_everything(world: Memory | Real) -> None:
    fields = [str(i) for i in range(3_900)]
    cells = [x for field in fields for x in (field, "1")]
    run = a_run(10, 10, ["HSET", HASH, *cells], ["ZADD", ZSET, *[x for i in range(3_900) for x in (str(i), i)]])
    assert await world.store.apply(P, 1, [run]) == (True, 10)
    assert await world.store.read(P, 1, {HASH: fields}) == (10, [["1"] * 3_900])


async def test_a_missing_fence_is_an_error_and_never_a_beginning(world: Memory | Real) -> None:
    world.lose_fence()
    for call in (world.store.fence(P), world.store.read(P, 1, {}), world.store.apply(P, 1, [a_run(10, 10)])):
        with pytest.raises(FenceMissing):
            await call


async def test_in_another_namespace_nothing_is_read_or_applied(world: Memory | Real) -> None:
    world.use(2)
    for call in (world.store.read(P, 1, {HASH: ["a"]}), world.store.apply(P, 1, [a_run(10, 10)])):
        with pytest.raises(NamespaceMoved):
            await call
    assert await world.store.fence(P) == (2, 4)
    assert await world.store.apply(P, 2, [a_run(5, 5, ["HSET", "c:2:{3}", "a", "1"])]) == (True, 5)


async def test_a_run_that_dies_half_way_stops_its_partition(world: Memory | Real) -> None:
    world.spoil()
    with pytest.raises(Broken):
        await world.store.apply(P, 1, [a_run(10, 10, ["HINCRBY", HASH, "b", 1, "a", 1])])
    for call in (world.store.fence(P), world.store.read(P, 1, {}), world.store.apply(P, 1, [a_run(10, 10)])):
        with pytest.raises(FenceBroken):
            await call


async def test_of_two_that_apply_the_same_one_is_refused(world: Memory | Real) -> None:
    answers = await asyncio.gather(*(world.store.apply(P, 1, [a_run(10, 10 + i)]) for i in range(8)))
    assert sum(done for done, _ in answers) == 1
    assert world.hash(HASH) == {"runs": "1"}


@pytest.mark.servers
async def test_a_store_that_lost_its_scripts_is_told_them_again(server: RedisServer) -> None:
    real = Real(server, RedisFoldStore(connect(server.url), "counters"))
    with server.client() as client:
        client.script_flush()
    assert await real.store.apply(P, 1, [a_run(10, 10), a_run(11, 11)]) == (True, 11)


@pytest.mark.servers
async def test_a_store_without_memory_is_waited_for(server: RedisServer) -> None:
    real = Real(server, RedisFoldStore(connect(server.url), "counters"))
    with server.client() as client:
        client.config_set("maxmemory", "1mb")
        client.config_set("maxmemory-policy", "noeviction")
        try:
            with pytest.raises(Wait):
                await real.store.apply(P, 1, [a_run(10, 10)])
        finally:
            client.config_set("maxmemory", "0")
    assert await real.store.fence(P) == (1, 9)


async def test_a_store_that_nobody_runs_is_waited_for() -> None:
    store = RedisFoldStore(connect("redis://127.0.0.1:1/0"), "counters")
    for call in (store.fence(P), store.read(P, 1, {}), store.apply(P, 1, [a_run(10, 10)])):
        with pytest.raises(Wait):
            await call
