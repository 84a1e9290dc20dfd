"""Faults of the family `deploys`: the next version is rolled out and back while events flow."""

from __future__ import annotations

import asyncio

from juliu.faults import arena_next
from juliu.faults.fault import Fault, Scene, World

ROUNDS = (("stream-counters", "stream-store"), ("stream-counters-2", "stream-store-2"), ("api",), ("api-2",))


async def roll(scene: Scene) -> None:
    """N -> N+1 -> N, one of two of each at a time: first the table, then workers, then APIs; back in the other order.

    N+1 stamps a field that N does not know.  No request fails: who finds one API closed goes to the other.
    """
    arena = scene.arena
    tree = await asyncio.to_thread(arena_next.make, arena.home.path / "next")
    await scene.load.reached(scene.rnd.uniform(0.05, 0.15))
    await arena_next.add_columns(arena.settings)
    for names in ROUNDS:
        await asyncio.gather(*(arena.again(name, PYTHONPATH=str(tree)) for name in names))
    scene.notes["rolled_under_load"] = not scene.load.over
    await scene.load.reached(scene.rnd.uniform(0.5, 0.6))
    for names in reversed(ROUNDS):
        await asyncio.gather(*(arena.again(name) for name in names))
        scene.healed()


async def no_request_failed(scene: Scene) -> None:
    """The budget of errors of a graceful deploy is zero; both versions have written."""
    answers = scene.load.answers
    bad = {what: n for what, n in answers.items() if n and (what in ("timeout", "cut") or what.startswith("5"))}
    scene.notes["rows_by_build"] = await arena_next.rows_by_build(scene.arena.settings)
    both = len(scene.notes["rows_by_build"]) == 2
    assert both or not scene.notes["rolled_under_load"], "one of the versions has written nothing"
    assert not bad, f"requests failed in a graceful deploy: {bad}"


FAULTS: tuple[Fault, ...] = (
    Fault("F39", "Deploy N to N+1 and back, with an added field", roll, World(apis=2, workers=2),
          traffic={"rate": 300.0}, after=no_request_failed, seconds=900.0),
)  # fmt: skip
