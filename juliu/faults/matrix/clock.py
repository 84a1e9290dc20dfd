"""Faults of the family `clock`: the wall clocks of our processes are wrong, and jump."""

from __future__ import annotations

from juliu.faults import clocks
from juliu.faults.fault import Fault, Scene

SKEW_S = 600


async def skew(scene: Scene) -> None:
    """The API's clock is 9 minutes ahead and steps back by 18 under load; the workers' clocks are 10 minutes wrong,
    each the other way.

    Order and identity are seq and offsets, never a clock: every event counts once, stamped as the API's clock was.
    """
    scene.load.ledger.skew_ms = 1_000 * (SKEW_S + 60)
    arena, folder = scene.arena, scene.arena.home.path / "clocks"
    await arena.again("stream-counters", **clocks.following(folder / "counters", -SKEW_S))
    await arena.again("stream-store", **clocks.following(folder / "store", SKEW_S))
    await arena.again("api", **clocks.following(folder / "api", SKEW_S - 60))
    for seconds in (-SKEW_S + 60, 0, SKEW_S - 60):
        await scene.load.reached(min(0.9, scene.load.ledger.sent / scene.load.events + scene.rnd.uniform(0.1, 0.2)))
        clocks.step(folder / "api", seconds)
    await arena.again("stream-counters")
    await arena.again("stream-store")
    await arena.again("api")
    scene.healed()


FAULTS: tuple[Fault, ...] = (Fault("F28", "Clocks are 10 minutes wrong, and jump", skew),)
