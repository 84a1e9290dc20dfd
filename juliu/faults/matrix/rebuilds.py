"""Faults of the family `rebuilds`: stores lose everything, and the operator types what their runbooks say."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import msgspec
import redis.asyncio as aioredis

from infra.local.answer import ask
from infra.local.errors import NotReady
from juliu.faults import arena_reset
from juliu.faults.fault import Fault, Scene
from juliu.faults.prompt import typed

WORKERS = ("stream-counters", "stream-store")
SAID_S = 30.0  # within which a worker must say that it waits, and for what
POLL_S = 0.1
NEEDS = "juliu rebuild redis"


async def flush_redis(scene: Scene) -> None:
    """FLUSHALL in the middle of the load, and `juliu rebuild redis`; later FLUSHALL again, a rebuild that is killed
    before it switches, FLUSHALL once more, and a rebuild.

    The workers wait in place, say for what, count nothing until then, and go on by themselves; every key is then what
    the whole log says.
    """
    lives = {name: scene.arena.life(name) for name in WORKERS}
    await scene.load.reached(scene.rnd.uniform(0.15, 0.35))
    await flush(scene)
    await all_wait(scene)
    scene.notes["rebuild_s"] = await rebuilt(scene)
    await scene.load.reached(scene.rnd.uniform(0.5, 0.75))
    await flush(scene)
    killed = await typed(scene.arena, "rebuild", "redis", "--json", FAIL_AT="rebuild.before_pointer")
    assert killed.code == -9, f"the rebuild ended with {killed.code}: {killed.err}"
    await flush(scene)
    scene.notes["rebuild_again_s"] = await rebuilt(scene)
    scene.healed()
    await scene.arena.ready(*WORKERS)
    assert lives == {name: scene.arena.life(name) for name in WORKERS}, "a worker died in place of waiting"


async def lose_both(scene: Scene) -> None:
    """`juliu archive`; later Redis and ClickHouse lose everything under load. `juliu rebuild clickhouse` brings the
    months back from archive and log, `juliu rebuild redis` the state, and the workers go on.

    The API takes events meanwhile; in the end both stores hold each event once. `rto_s` runs from the loss on.
    """
    await scene.load.reached(scene.rnd.uniform(0.25, 0.4))
    months = [one["month"] for one in (await said(scene, "archive"))["months"]]
    await scene.load.reached(scene.rnd.uniform(0.5, 0.7))
    await scene.arena.stop("stream-store")  # the first step: nobody may write between the old and the new
    lost = time.monotonic()
    await flush(scene)
    await asyncio.to_thread(arena_reset.bare_clickhouse, scene.arena.settings)
    back = [await said(scene, "rebuild", "clickhouse", "--partition", str(month)) for month in months]
    scene.notes["rows_from_archive"] = sum(report["from_archive"]["events"] for report in back)
    scene.notes["rows_from_log"] = sum(report["from_log"]["events"] for report in back)
    scene.notes["rebuild_s"] = await rebuilt(scene)
    scene.arena.launch("stream-store")
    scene.healed()
    await scene.arena.ready(*WORKERS)
    scene.notes["rto_s"] = round(time.monotonic() - lost, 1)


async def flush(scene: Scene) -> None:
    """Redis forgets everything."""
    async with aioredis.Redis.from_url(scene.arena.settings.redis_url) as client:
        await client.flushall()


async def all_wait(scene: Scene) -> None:
    """Return when every worker says what it waits for.  AssertionError where one does not."""
    silent, until = set(WORKERS), time.monotonic() + SAID_S
    while silent and time.monotonic() < until:
        for name in sorted(silent):
            if NEEDS in await asyncio.to_thread(_needs, scene, name):
                silent.discard(name)
        await asyncio.sleep(POLL_S)
    assert not silent, f"{silent} do not say within {SAID_S:.0f} s that they wait for `{NEEDS}`"


async def rebuilt(scene: Scene) -> float:
    """Seconds that `juliu rebuild redis` took.  AssertionError where it is refused."""
    return float((await said(scene, "rebuild", "redis"))["seconds"])


async def said(scene: Scene, *words: str) -> Any:
    """The report of `juliu WORDS --json`.  AssertionError where it does not end with 0."""
    done = await typed(scene.arena, *words, "--json")
    assert done.code == 0, f"juliu {' '.join(words)} ended with {done.code}: {done.err[-500:]}{done.out[-500:]}"
    return msgspec.json.decode(done.out)


def _needs(scene: Scene, name: str) -> list[Any]:
    try:
        _, text = ask(scene.arena.port(name), "/readyz", 2.0)
        return list(msgspec.json.decode(text).get("needs", []))
    except (NotReady, msgspec.DecodeError):
        return []


FAULTS: tuple[Fault, ...] = (
    Fault("F21", "Redis loses everything, twice, while events keep coming", flush_redis),
    Fault("F42", "Redis and ClickHouse are wiped, and brought back", lose_both),
)
