"""Faults of the family `brokers`: Kafka alone is killed, frozen or full; of three, leaders and quorums are lost."""

from __future__ import annotations

import asyncio

from infra.local import log_files
from infra.settings import Settings
from juliu.faults import arena_brokers
from juliu.faults.arena_ports import BROKERS
from juliu.faults.check import log_of
from juliu.faults.fault import Fault, Scene, World
from juliu.faults.ledger import LogRecord
from juliu.faults.progress import fences
from juliu.faults.prompt import typed

FROZEN_S = 40.0  # longer than the producer keeps a message
DOWN_S = 20.0
FULL_S = 12.0
SLOW_MS, SLOW_S = 500.0, 15.0
SETTLED_S = 3.0  # answers that were on their way are out
GOES_ON_S = 45.0
STOPPED_LOUDLY = "the log does not hold the position"


async def kill_broker(scene: Scene) -> None:
    """Twice, kill -9 of the only broker: the API says 503 until it is back, and nobody has to do anything."""
    arena = scene.arena
    for n in range(2):
        await scene.load.reached(n * 0.5 + scene.rnd.uniform(0.1, 0.35))
        lives = arena.life("kafka")
        arena.kill("kafka")
        scene.healed()
        await arena.died("kafka", lives)
        await arena.ready("kafka")


async def freeze_broker(scene: Scene) -> None:
    """The broker stands still for longer than a message may wait.

    Nobody is told that such a message was taken; where it was written all the same, the client's copy is dropped.
    """
    await scene.load.reached(scene.rnd.uniform(0.2, 0.5))
    scene.arena.freeze("kafka")
    await _nothing_is_taken(scene, FROZEN_S)
    scene.arena.thaw("kafka")
    scene.healed()


async def bounce_leaders(scene: Scene) -> None:
    """Of three brokers: leaders are killed one after the other, then each broker in turn."""
    arena = scene.arena
    for n in range(3):
        await scene.load.reached(0.1 + 0.2 * n + scene.rnd.uniform(0, 0.05))
        leaders = await arena_brokers.leaders(arena.settings)
        await _bounce(scene, scene.rnd.choice(sorted(leaders.values())))
    for name in BROKERS:
        await _bounce(scene, name)


async def _bounce(scene: Scene, name: str) -> None:
    arena = scene.arena
    lives = arena.life(name)
    arena.kill(name)
    scene.healed()
    await arena.died(name, lives)
    await arena.ready(name)
    await arena_brokers.in_step(arena.settings)


async def lose_quorum(scene: Scene) -> None:
    """Two of three brokers are down: too few replicas, so nothing is taken, and all goes on when they are back."""
    arena = scene.arena
    await scene.load.reached(scene.rnd.uniform(0.2, 0.5))
    down = scene.rnd.sample(BROKERS, 2)
    await arena.stop(*down, by_force=True)
    await _nothing_is_taken(scene, DOWN_S)
    for name in down:
        arena.launch(name)
    scene.healed()
    await arena.ready(*down)


async def slow_new_leader(scene: Scene) -> None:
    """A leader dies, and the one after it is half a second away from the API."""
    arena = scene.arena
    await scene.load.reached(scene.rnd.uniform(0.2, 0.4))
    before = await arena_brokers.leaders(arena.settings)
    name = scene.rnd.choice(sorted(before.values()))
    await arena.stop(name, by_force=True)
    after = await _others_lead(scene, name)
    for leader in after:
        arena.link("api", "kafka", node=BROKERS.index(leader) + 1).delay(SLOW_MS)
    await asyncio.sleep(SLOW_S)
    arena.link("api", "kafka").heal()
    scene.healed()
    await arena.start(name)


async def _others_lead(scene: Scene, gone: str) -> set[str]:
    """The leaders once no partition is led by `gone`, or by nobody."""
    async with asyncio.timeout(GOES_ON_S):
        while True:
            settings = scene.arena.settings
            found = await arena_brokers.leaders(settings)
            if len(found) == settings.partitions and gone not in found.values():
                return set(found.values())
            await asyncio.sleep(arena_brokers.POLL_S)


async def kill_controller(scene: Scene) -> None:
    """Twice, kill -9 of the active controller of three brokers: events keep being taken."""
    arena = scene.arena
    for n in range(2):
        await scene.load.reached(0.15 + 0.4 * n + scene.rnd.uniform(0, 0.1))
        name = await arena_brokers.controller(arena)
        taken = scene.load.ledger.acked
        await _bounce(scene, name)
        assert scene.load.over or scene.load.ledger.acked > taken, "nothing was taken while the controller was away"


async def full_broker(scene: Scene) -> None:
    """Kafka's disk is full: nothing is taken; when there is room it comes back by itself, and nothing is lost."""
    arena = scene.arena
    await scene.load.reached(scene.rnd.uniform(0.2, 0.5))
    lives = arena.life("kafka")
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(arena.disk.full_for(FULL_S))
        tasks.create_task(_nothing_is_taken(scene, FULL_S))
    arena.disk.free()
    scene.healed()
    scene.notes["broker_deaths"] = arena.life("kafka") - lives
    await arena.ready("kafka")


async def retention_passes(scene: Scene) -> None:
    """Kafka drops records that a worker which was away has not applied.

    It stops, loudly, and steps over nothing; ClickHouse has the rows, so `juliu rebuild redis` brings everything back.
    """
    arena, name = scene.arena, "stream-counters"
    await scene.load.reached(scene.rnd.uniform(0.2, 0.3))
    await arena.stop(name)
    await scene.load.reached(scene.rnd.uniform(0.6, 0.7))
    applied = await fences(arena.settings, "counters")
    dropped = await _drop(scene, applied)
    lives = arena.life(name)
    arena.launch(name)
    await arena.died(name, lives + 2)  # it stopped, and stopped again
    assert await fences(arena.settings, "counters") == applied, "the worker stepped over what it had not applied"
    said = log_files.tail(arena.home.log(name), 50)
    assert STOPPED_LOUDLY in said, f"no word of why it stopped: {said[-500:]}"
    scene.healed()  # from here on it is the operator's time
    done = await typed(arena, "rebuild", "redis", "--no-compare")  # what is in use cannot come up to the blocks
    assert done.code == 0, done.out + done.err
    scene.notes["records_dropped"] = dropped
    await arena.ready(name)


async def _drop(scene: Scene, applied: list[int]) -> int:
    """Have Kafka drop what the other group has stored; keep it for the comparison.  How many nobody applied here."""
    settings = scene.arena.settings
    stored = await _stored_beyond(settings, applied)
    for p, fence in enumerate(stored):
        records = await asyncio.to_thread(_records, settings, p)
        scene.load.ledger.kept[p] = [one for one in records if one.offset <= fence]
    await arena_brokers.drop(settings, {p: fence + 1 for p, fence in enumerate(stored)})
    return sum(stored) - sum(applied)


async def _stored_beyond(settings: Settings, applied: list[int]) -> list[int]:
    """The store's fences, as soon as each is beyond."""
    async with asyncio.timeout(GOES_ON_S):
        while True:
            stored = await fences(settings, "store")
            if all(store > mine for store, mine in zip(stored, applied, strict=True)):
                return stored
            await asyncio.sleep(arena_brokers.POLL_S)


def _records(settings: Settings, p: int) -> list[LogRecord]:
    return list(log_of(settings, p))


async def _nothing_is_taken(scene: Scene, seconds: float) -> None:
    await asyncio.sleep(SETTLED_S)
    before = scene.load.ledger.acked
    await asyncio.sleep(seconds - SETTLED_S)
    taken = scene.load.ledger.acked - before
    assert not taken, f"{taken} events were answered 202 with no log to keep them"


_THREE, _SLOW = World(brokers=3), {"rate": 700.0}
FAULTS: tuple[Fault, ...] = (
    Fault("F5", "The only broker is killed", kill_broker),
    Fault("F10", "The broker stands still for longer than a message may wait", freeze_broker),
    Fault("F12", "Three brokers: leaders are killed, then each in turn", bounce_leaders, _THREE, traffic=_SLOW),
    Fault("F13", "Two of three brokers are down", lose_quorum, _THREE),
    Fault("F14", "A new leader is half a second away", slow_new_leader, World(brokers=3, linked=True)),
    Fault("F15", "The controller is killed", kill_controller, _THREE, traffic=_SLOW),
    Fault("F16", "Kafka's disk is full", full_broker, World(small_disk="kafka")),
    Fault("F43", "Retention passes a worker that was away", retention_passes,
          traffic={"poison": 0.0}),  # what it has not read it cannot bury
)  # fmt: skip
