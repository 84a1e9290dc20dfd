"""Plays one fault with one seed: an empty world, load, the fault, quiet, the full comparison."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from juliu.faults.arena import Arena
from juliu.faults.check import Findings, check
from juliu.faults.fault import Fault, Scene
from juliu.faults.load import Load
from juliu.faults.quiet import Quiet, Restless
from juliu.faults.results import Result, Run
from juliu.faults.traffic import Mix

QUIET_S = 240.0  # until both groups have everything, after the load and the fault are over
STUCK_S = 60.0  # a product without one of its rules may stand still for good: then it is compared as it is
LEAST_S = 15.0  # of load: two starts of a worker on a busy machine
MOST_S = 200.0  # of load: 1,000,000 events come at 5,000 a second
SLOWER = 3.0  # than it should be may the load be, and all of it has to be compared
POLL_S = 0.02
Say = Callable[[str], None]


async def play(arena: Arena, fault: Fault, run: Run, folder: Path, say: Say) -> Result:
    """The result, whatever happens; what goes wrong in the runner itself is a problem of the result too."""
    began = time.monotonic()
    problems: list[str] = []
    scene, findings = None, Findings()
    arena.sabotage = run.sabotage
    mix = mix_of(fault, run.events)
    within_s = fault.seconds + SLOWER * run.events / mix.rate
    try:
        async with asyncio.timeout(within_s):
            await arena.begin(fault.world)
            load = Load(arena, run.events, f"{run.fault}-{run.seed}", mix, folder)
            await load.prepare()
            scene = Scene(arena, load, random.Random(f"{run.fault} {run.seed}"))  # noqa: S311
            try:
                scene.notes["recovery_s"] = await _storm(scene, fault, say)
            except (Restless, AssertionError) as error:  # what is stored is compared all the same
                problems = _reasons(error)
            say("comparing")
            findings = await check(arena.settings, load.ledger)
            if broken := scene.notes.pop("broken_promise", ""):
                problems.append(broken)
    except TimeoutError:
        problems = [f"not over within {within_s:.0f} s"]
    except Exception as error:  # a fault that cannot be played is a result too, and the next one is played
        problems = _reasons(error)
    return _result(run, findings, scene, problems, began)


def mix_of(fault: Fault, events: int) -> Mix:
    """The traffic of a fault: slower where so few events would be over before it has begun, faster where it is long."""
    mix = Mix().but(fault.traffic)
    return mix.but({"rate": min(max(mix.rate, events / MOST_S), events / LEAST_S)})


async def _storm(scene: Scene, fault: Fault, say: Say) -> float | None:
    """Load and fault side by side, then quiet; the seconds to recover.  AssertionError where nothing happened."""
    quiet = Quiet(scene.arena.settings)
    recovery = _Recovery(scene, quiet)
    watching = asyncio.create_task(recovery.watch())
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(scene.load.run())
            tasks.create_task(_injected(fault, scene))
        say("the load and the fault are over; waiting until everything is stored")
        quiet_s = STUCK_S if scene.arena.sabotage else QUIET_S
        await quiet.reached(quiet_s)
        if fault.after is not None:
            await fault.after(scene)
            await quiet.reached(quiet_s)
        recovery.over = True
        await watching
    finally:
        watching.cancel()
        await quiet.close()
    _note(scene)
    if "broken_promise" not in scene.notes:
        assert scene.times, "the fault never happened"
        assert recovery.seconds is not None, "the time to recover was not measured"
    return recovery.seconds


async def _injected(fault: Fault, scene: Scene) -> None:
    """The fault; a promise of its own that is broken is told, and everything is compared all the same."""
    try:
        await fault.inject(scene)
    except AssertionError as error:
        scene.notes["broken_promise"] = f"AssertionError: {error}"[:1_000]
        await scene.arena.mend()


class _Recovery:
    """Measures from each time that the scene is healed; the longest counts.

    Recovered is when what was in the log then is in both stores, and the API took something that was sent after it.
    """

    def __init__(self, scene: Scene, quiet: Quiet) -> None:
        self.seconds: float | None = None
        self.over = False
        self._scene, self._quiet = scene, quiet

    async def watch(self) -> None:
        """Until `over`, and what was healed last has been measured."""
        measured = 0.0
        while not self.over or self._scene.healed_at > measured:
            healed = self._scene.healed_at
            if healed > measured:
                await self._one(healed)
                measured = healed
            await asyncio.sleep(POLL_S)

    async def _one(self, healed: float) -> None:
        load = self._scene.load

        def still() -> bool:  # else it was broken again meanwhile
            return self._scene.healed_at == healed

        await self._quiet.passed(await self._quiet.ends(QUIET_S), QUIET_S, still)
        while still() and not load.over and load.acked_start_s < healed:  # noqa: ASYNC110 - a moment is measured
            await asyncio.sleep(POLL_S)
        if still():
            self.seconds = max(self.seconds or 0.0, time.monotonic() - healed)


def _note(scene: Scene) -> None:
    """What the load saw."""
    load = scene.load
    took = sorted(load.latencies_ms)
    scene.notes["answers"] = dict(load.answers)
    if took:
        scene.notes["p50_ms"] = round(took[len(took) // 2], 1)
        scene.notes["p99_ms"] = round(took[int(len(took) * 0.99)], 1)


def _result(run: Run, findings: Findings, scene: Scene | None, problems: Sequence[str], began: float) -> Result:
    ledger, notes = (scene.load.ledger, scene.notes) if scene else (None, {})
    recovery = notes.pop("recovery_s", None)
    return Result(
        **run._asdict(),
        sent=ledger.sent if ledger else 0,
        acked=ledger.acked if ledger else 0,
        unknown=ledger.unknown if ledger else 0,
        rejected=ledger.rejected if ledger else 0,
        stored=findings.stored, distinct=findings.distinct, lost=findings.lost, double=findings.double,
        counters_wrong=findings.counters_wrong, dead=findings.dead,
        recovery_s=None if recovery is None else round(recovery, 2), seconds=round(time.monotonic() - began, 1),
        ok=findings.ok and not problems, problems=[*problems, *findings.problems], notes=notes,
    )  # fmt: skip


def _reasons(error: BaseException) -> list[str]:
    """What went wrong, and in the groups inside it."""
    if isinstance(error, BaseExceptionGroup):
        return [reason for inner in error.exceptions for reason in _reasons(inner)]
    return [f"{type(error).__name__}: {error}"[:500]]
