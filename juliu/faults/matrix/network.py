"""Faults of the family `network`: links are cut, slow, half-open, and swallow answers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

from clickhouse_connect.driver.exceptions import ClickHouseError

from infra.clickhouse.client import connect
from juliu.faults.fault import Fault, Scene, World
from juliu.faults.links import Trouble
from juliu.faults.progress import moved

CUT_S = 60.0
SLOW_S = 20.0
LATE_MS, JITTER_MS = 200.0, 100.0
NARROW_BYTES_S = 100_000.0
HUNG_S = 12.0
FULL_OF_PARTS_S = 8.0


async def insert_troubles(scene: Scene) -> None:
    """ClickHouse has too many parts, then loses the connection in the middle of an insert, then answers to nobody.

    Refused, half sent or in doubt: the block is sent again as it was, and what landed is found.
    """
    arena = scene.arena
    await scene.load.reached(scene.rnd.uniform(0.05, 0.15))
    await _too_many_parts(scene)
    link = arena.link("store", "clickhouse")
    for n in range(3):
        await scene.load.reached(0.3 + 0.2 * n + scene.rnd.uniform(0, 0.1))
        await _broken_insert(scene, link)
    link.heal()
    scene.notes.update(resets=link.resets, lost_answers=link.lost)
    assert link.lost > 0, "no insert lost its answer"


async def _broken_insert(scene: Scene, link: Trouble) -> None:
    resets, lost = link.resets, link.lost
    link.reset_after(scene.rnd.randint(500, 60_000))
    await _happened(scene, lambda: link.resets > resets)
    link.lose_answers(b"INSERT", 2)
    await _happened(scene, lambda: link.lost > lost)
    scene.healed()


async def _too_many_parts(scene: Scene) -> None:
    """What ClickHouse says when merges do not keep up, for a while."""
    await asyncio.to_thread(_ask, scene, "SYSTEM STOP MERGES events")
    await asyncio.to_thread(
        _ask, scene, "ALTER TABLE events MODIFY SETTING parts_to_delay_insert = 1, parts_to_throw_insert = 1"
    )
    await asyncio.sleep(FULL_OF_PARTS_S)
    await asyncio.to_thread(
        _ask, scene, "ALTER TABLE events RESET SETTING parts_to_delay_insert, parts_to_throw_insert"
    )
    await asyncio.to_thread(_ask, scene, "SYSTEM START MERGES events")
    scene.healed()
    await moved(scene, "store")


def _ask(scene: Scene, sql: str) -> None:
    with connect(scene.arena.settings) as client:
        try:
            client.command(sql)
        except ClickHouseError as error:
            raise AssertionError(f"{sql}: {error}") from error


async def _happened(scene: Scene, done: Callable[[], bool]) -> None:
    """Return when it has, or the load is over and it will not any more."""
    while not done() and not scene.load.over:  # noqa: ASYNC110 - a link counts, it has no event
        await asyncio.sleep(0.02)


async def cuts(scene: Scene) -> None:
    """For a minute the API is cut off Kafka; then, for a minute, the workers off Redis and ClickHouse.

    Every request is answered in time (503), and every event counts once when the links are whole.
    """
    arena = scene.arena
    await scene.load.reached(scene.rnd.uniform(0.1, 0.3))
    await _cut(scene, [arena.link("api", "kafka")])
    await scene.load.reached(scene.rnd.uniform(0.5, 0.7))
    await _cut(
        scene, [arena.link("counters", "redis"), arena.link("store", "clickhouse"), arena.link("store", "redis")]
    )
    _all_answered(scene)


async def _cut(scene: Scene, links: list[Trouble]) -> None:
    for each in links:
        each.cut()
    await asyncio.sleep(CUT_S)
    for each in links:
        each.heal()
    scene.healed()


async def slow_links(scene: Scene) -> None:
    """Every link is some 200 ms late, the API's and the store's are narrow: requests are shed, not queued."""
    await scene.load.reached(scene.rnd.uniform(0.2, 0.4))
    for each in _links(scene):
        each.delay(LATE_MS, JITTER_MS)
    for narrow in (scene.arena.link("api", "kafka"), scene.arena.link("store", "clickhouse")):
        narrow.throttle(NARROW_BYTES_S)
    await asyncio.sleep(SLOW_S)
    for each in _links(scene):
        each.heal()
    scene.healed()
    _all_answered(scene)


async def half_open(scene: Scene) -> None:
    """Requests are carried out and their answers lost, on every link; then links hang without a word.

    Viewers send again what was taken already, the producer, the folds and the store too: each counts once.
    """
    arena = scene.arena
    for n in range(4):
        await scene.load.reached(0.1 + 0.15 * n + scene.rnd.uniform(0, 0.1))
        arena.link("client", "api").lose_answers(b"POST /v1/events", scene.rnd.randint(5, 15))
        arena.link("api", "kafka").lose_answers(b"", 1)
        arena.link("counters", "redis").lose_answers(b"", 2)
        arena.link("store", "clickhouse").lose_answers(b"INSERT", 1)
    scene.healed()
    await scene.load.reached(0.75)
    hung = [arena.link("counters", "redis"), arena.link("store", "clickhouse"), arena.link("api", "kafka")]
    for each in hung:
        each.hang()
    await asyncio.sleep(HUNG_S)
    for each in hung:
        each.cut()
        each.heal()
    scene.healed()
    scene.notes["lost_answers"] = {" ".join(name): each.lost for name, each in _named(scene) if each.lost}
    assert arena.link("client", "api").lost, "no viewer lost an answer"


def _named(scene: Scene) -> Iterator[tuple[tuple[str, str], Trouble]]:
    for client in ("api", "counters", "store"):
        for server in ("kafka", "redis", "clickhouse"):
            yield (client, server), scene.arena.link(client, server)
    yield ("client", "api"), scene.arena.link("client", "api")


def _links(scene: Scene) -> list[Trouble]:
    return [each for (client, _), each in _named(scene) if client != "client"]


def _all_answered(scene: Scene) -> None:
    silent = scene.load.answers["timeout"]
    assert not silent, f"{silent} requests were never answered"


_LINKED = World(linked=True)
FAULTS: tuple[Fault, ...] = (
    Fault("F19", "Inserts are refused, cut in the middle, and unanswered", insert_troubles, _LINKED,
          traffic={"rate": 1_000.0}),
    Fault("F23", "The API is cut off Kafka, the workers off their stores", cuts, _LINKED),
    Fault("F24", "Links are slow and narrow", slow_links, _LINKED),
    Fault("F25", "Links are half-open: done, and nobody told", half_open, _LINKED),
)  # fmt: skip
