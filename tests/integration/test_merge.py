"""The merge task on a Redis of its own: what readers see is the sum of the partitions, whatever happened in between."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from domain import canary, counters, hotness, keys
from domain.effects import Run
from infra.fold_store import RedisFoldStore, connect
from streams.merge import Merger
from tests.redis_server import RedisServer

pytestmark = pytest.mark.servers
PARTITIONS = 3
NOW_S = 1_795_000_000.0


class Rig:
    """Partitions that count plays, and mergers."""

    def __init__(self, server: RedisServer) -> None:
        self.server, self.redis = server, connect(server.url)
        self.client = server.client(decode_responses=True)
        self.client.flushall()
        server.migrate(dict.fromkeys(range(PARTITIONS), -1))
        self.store = RedisFoldStore(self.redis, "counters")
        self.now_s = NOW_S

    def merger(self) -> Merger:
        """Another process."""
        return Merger(self.redis, "counters", PARTITIONS, lambda: self.now_s)

    async def play(self, p: int, drama_id: int, views: int = 1, ts_ms: int | None = None) -> None:
        """One record that counts views, and a qualified valid play."""
        namespace, fence = await self.store.fence(p)
        commands: list[list[Any]] = [
            ["HINCRBY", keys.counters_part(namespace, p), counters.field(drama_id, counters.VIEWS), views],
            ["ZADD", keys.dirty(namespace, p), str(drama_id), fence + 1],
        ]
        for decay in hotness.DECAYS:
            epoch, weight = hotness.weight(int(NOW_S * 1000) if ts_ms is None else ts_ms, decay)
            commands.append(["ZINCRBY", keys.heat_part(decay.name, namespace, p, epoch), str(drama_id), repr(weight)])
        assert (await self.store.apply(p, namespace, [Run(fence + 1, fence + 1, commands)])).done

    def views(self) -> dict[int, int]:
        """What readers see."""
        rows: Any = self.client.hgetall(keys.COUNTERS)
        return {int(d): counters.decode(row)["views"] for d, row in rows.items()}

    def hot(self) -> dict[int, float]:
        """What readers see, to 1e-9."""
        found: Any = self.client.zrevrange(keys.HOT, 0, -1, withscores=True)
        return {int(d): round(x, 9) for d, x in found}


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    """One Redis for these tests."""
    server = RedisServer()
    yield server
    server.close()


@pytest.fixture
async def rig(server: RedisServer) -> AsyncIterator[Rig]:
    """Empty partitions."""
    rig = Rig(server)
    yield rig
    await rig.redis.aclose()


async def test_sums_over_partitions_follow_what_changed(rig: Rig) -> None:
    merger = rig.merger()
    await rig.play(0, 7, 2)
    await rig.play(2, 7, 3)
    assert await merger.merge() == "full"
    assert rig.views() == {7: 5}
    assert rig.hot() == {7: 2.0}
    assert await merger.merge() == "nothing"
    await rig.play(1, 7)
    await rig.play(1, 8)
    await rig.play(0, 8)
    await rig.play(0, 8)
    assert await merger.merge() == "part"
    assert rig.views() == {7: 6, 8: 3}
    assert list(rig.hot()) == [7, 8] or rig.hot()[7] == rig.hot()[8]
    assert await merger.merge() == "nothing"


async def test_the_canary_is_in_no_list(rig: Rig) -> None:
    merger = rig.merger()
    for kind in ("full", "part"):
        await rig.play(1, 7)
        await rig.play(0, canary.DRAMA_ID)
        assert await merger.merge() == kind
        assert list(rig.views()) == list(rig.hot()) == [7]
    await rig.play(0, canary.DRAMA_ID)
    assert await merger.merge() == "nothing"


async def test_many_changes_in_any_order_are_all_seen(rig: Rig) -> None:
    rnd, merger = random.Random(5), rig.merger()
    want: dict[int, int] = {}
    for i in range(300):
        drama_id = rnd.randrange(1, 30)
        await rig.play(rnd.randrange(PARTITIONS), drama_id)
        want[drama_id] = want.get(drama_id, 0) + 1
        if i % 7 == 0:
            await merger.merge()
    await merger.merge()
    assert rig.views() == want
    assert rig.hot() == {drama_id: float(n) for drama_id, n in want.items()}


async def test_another_process_that_merged_makes_the_first_begin_anew(rig: Rig) -> None:
    first, second = rig.merger(), rig.merger()
    await rig.play(0, 7)
    assert await first.merge() == "full"
    assert await second.merge() == "full"
    await rig.play(0, 7)
    assert await second.merge() == "part"
    await rig.play(0, 7)
    assert await first.merge() == "full"
    assert rig.views() == {7: 3}


async def test_a_merge_that_was_overtaken_writes_nothing(rig: Rig) -> None:
    slow, quick = rig.merger(), rig.merger()
    await rig.play(0, 7)
    assert await slow.merge() == "full"
    await rig.play(0, 7)
    rows = slow._parts.rows

    async def overtaken(places: Any, dramas: Any) -> Any:
        found = await rows(places, dramas)
        await rig.play(1, 7, 10)
        assert await quick.merge() == "full"
        return found

    slow._parts.rows = overtaken  # type: ignore[method-assign]
    assert await slow.merge() == "refused"
    slow._parts.rows = rows  # type: ignore[method-assign]
    assert rig.views() == {7: 12}
    assert await slow.merge() == "full"
    assert rig.views() == {7: 12}


async def test_a_redis_that_went_back_is_merged_as_it_was_and_goes_on(rig: Rig, server: RedisServer) -> None:
    merger = rig.merger()
    await rig.play(0, 7)
    await rig.play(1, 9)
    await merger.merge()
    with server.client() as raw:
        kept = {key: raw.dump(key) for key in raw.keys("*")}
        await rig.play(0, 7)
        await rig.play(0, 8)
        await merger.merge()
        raw.flushall()
        for key, value in kept.items():
            raw.restore(key, 0, value or b"")
    await rig.play(0, 8, 4)
    await rig.play(0, 9)
    assert await merger.merge() == "full"
    assert rig.views() == {7: 1, 8: 4, 9: 2}


async def test_a_fence_behind_its_cursor_is_merged_anew(rig: Rig) -> None:
    merger = rig.merger()
    for _ in range(3):
        await rig.play(0, 7)
    await merger.merge()
    await rig.play(0, 7)
    await merger.merge()
    rig.client.set(keys.fence("counters", 1, 0), 1)
    rig.client.hset(keys.counters_part(1, 0), counters.field(7, counters.VIEWS), 2)
    assert await merger.merge() == "full"
    assert rig.views() == {7: 2}


async def test_a_namespace_that_moved_is_merged_anew_and_dramas_that_are_gone_count_nothing(rig: Rig) -> None:
    merger = rig.merger()
    await rig.play(0, 7)
    await merger.merge()
    rig.client.set(keys.fence("counters", 2, 0), 41)
    rig.client.set(keys.namespace(0), 2)
    await rig.play(0, 8)
    assert await merger.merge() == "full"
    assert rig.views() == {7: 0, 8: 1}
    assert list(rig.hot()) == [8]


async def test_heat_of_old_epochs_is_let_go(rig: Rig) -> None:
    merger = rig.merger()
    old_ms = int(NOW_S * 1000) - 3 * hotness.HOT.epoch_ms
    await rig.play(0, 7, ts_ms=old_ms)
    await rig.play(0, 8)
    old, new = (keys.heat_part("hot", 1, 0, hotness.weight(at, hotness.HOT)[0]) for at in (old_ms, int(NOW_S * 1000)))
    assert rig.client.exists(old) == rig.client.exists(new) == 1
    await merger.merge()
    assert (rig.client.exists(old), rig.client.exists(new)) == (0, 1)
    assert await merger.merge() == "nothing"
    rig.now_s += 2 * hotness.HOT.epoch_ms / 1000
    assert await merger.merge() == "full"
    assert rig.client.exists(new) == 0


async def test_only_the_hottest_are_listed(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.merge.lists.__defaults__", (4,))
    merger = rig.merger()
    for drama_id in range(1, 10):
        for _ in range(drama_id):
            await rig.play(drama_id % PARTITIONS, drama_id)
    await merger.merge()
    assert list(rig.hot()) == [9, 8, 7, 6]
    for _ in range(20):
        await rig.play(0, 1)
    assert await merger.merge() == "part"
    assert list(rig.hot()) == [1, 9, 8, 7]


async def test_a_partition_that_broke_goes_on_being_counted_as_it_is(rig: Rig) -> None:
    merger = rig.merger()
    await rig.play(0, 7)
    await rig.play(1, 7)
    await merger.merge()
    rig.client.set(keys.fence("counters", 1, 1), "broken 1")
    await rig.play(0, 7)
    assert await merger.merge() == "part"
    assert rig.views() == {7: 3}


async def test_a_partition_without_a_fence_does_not_hold_up_the_others(rig: Rig) -> None:
    merger = rig.merger()
    await rig.play(0, 7)
    await merger.merge()
    rig.client.delete(keys.fence("counters", 1, 1))
    await rig.play(0, 7)
    assert await merger.merge() == "full"
    await rig.play(0, 7)
    assert await merger.merge() == "part"
    assert rig.views() == {7: 3}
