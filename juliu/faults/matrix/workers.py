"""Faults of the family `workers`: our processes are killed, frozen, moved about."""

from __future__ import annotations

from juliu.faults.fault import Fault, Scene, World


async def kill_api(scene: Scene) -> None:
    """Five times, kill -9 of one of two APIs in the middle of its batches.

    Nobody knows what became of the requests in flight: the clients send them again, and each event counts once.
    """
    for n in range(5):
        await scene.load.reached(scene.rnd.uniform(0.1, 0.2) * (n + 0.5))
        name = scene.rnd.choice(("api", "api-2"))
        await scene.arena.ready(name)
        scene.arena.kill(name)
        scene.healed()


async def kill_counters_after_apply(scene: Scene) -> None:
    """kill -9 of the counters worker between the script in Redis and the acknowledgement, and right before the script.

    Effects and fence are one step, so the next life goes on behind what was done: nothing is counted twice.
    """
    await die_at(scene, "stream-counters", ("counters.after_apply", "counters.before_apply", "counters.after_apply"))


async def kill_store_in_doubt(scene: Scene) -> None:
    """kill -9 of the store worker before its insert, between insert and answer's use, and after each later step.

    The next life cuts the same block, finds the rows that are there, and inserts none of them twice.
    """
    places = ("store.after_insert", "store.after_close", "store.before_insert", "store.after_apply")
    await die_at(scene, "stream-store", places)


async def die_at(scene: Scene, name: str, places: tuple[str, ...]) -> None:
    """The worker dies at each of these failpoints, at an arrival there that the seed chooses."""
    arena = scene.arena
    await scene.load.reached(scene.rnd.uniform(0.02, 0.15))
    for place in places:
        await arena.ready(name)
        lives = arena.life(name)
        arena.fail_next(name, f"{place}:{scene.rnd.randint(1, 4)}")
        await arena.died(name, lives + 1)
        scene.healed()


FAULTS: tuple[Fault, ...] = (
    Fault("F1", "The API is killed in the middle of batches", kill_api, World(apis=2)),
    Fault("F2", "The counters worker is killed between Redis and the acknowledgement", kill_counters_after_apply),
    Fault("F4", "The store worker is killed while its insert is in doubt", kill_store_in_doubt),
)
