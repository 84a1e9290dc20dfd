"""Random schedules of the model: what happens between any two effects, how it heals, and whether it came out right."""

from __future__ import annotations

import itertools
import multiprocessing
import random
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from typing import NamedTuple

from domain.fences import BlockMoved, WentBack, start
from tests.model.rebuilds import Rebuild
from tests.model.relay import RelaySchedule
from tests.model.variants import RelayRules, Rules, Wrong
from tests.model.workers import WORKERS, Steps
from tests.model.world import GROUPS, PARTITIONS, Event, FenceGone, World

HEALING_STEPS = 4_000  # a healed world that takes longer is stuck
CHUNK = 500
REBUILD = "rebuild"  # among the actors


class Schedule:
    """One world and its workers, two of most partitions at once, driven by a seed."""

    def __init__(self, seed: int, rules: Rules, trace: bool = False) -> None:
        self.rnd = rnd = random.Random(seed)
        self.w = World(rnd, rules)
        self.w.trace = [] if trace else None
        self.steps = rnd.randint(40, 160) * (2 if rules.rebuilds else 1)
        self.crash = rnd.choice((0.01, 0.04, 0.1))
        self.rewinds = rnd.random() < 0.6
        self.actors: list[tuple[str, Steps]] = []
        for group in GROUPS:
            self.actors += [self._spawn(group, p) for p in (*PARTITIONS, rnd.choice(PARTITIONS))]
        if rules.rebuilds and rules.limits_change and rnd.random() < 0.5:
            self.w.append(rnd.choice(PARTITIONS), rnd.choice((3, 4)))  # early, so that it lies behind what is rebuilt

    def run(self) -> Wrong | None:
        """The whole schedule; what is wrong at its end."""
        try:
            for _ in range(self.steps):
                self._happen()
            self._heal()
        except (WentBack, BlockMoved, FenceGone) as stop:
            return Wrong("stopped", str(stop))
        return verdict(self.w)

    def _spawn(self, group: str, p: int) -> tuple[str, Steps]:
        return group, WORKERS[group](self.w, p).live()

    def _happen(self) -> None:
        """One step of anything."""
        x, w = self.rnd.random(), self.w
        if x < 0.14:
            self._client()
        elif x < 0.14 + self.crash:
            self._crash()
        elif x < 0.5 and w.net:
            w.deliver_one()
        elif x < 0.52:
            w.save()
        elif x < 0.53:
            if self.rewinds:
                w.redis_goes_back()
        elif x < 0.545:
            self._rarely()
        else:
            self._act()

    def _act(self) -> None:
        """One step of a worker."""
        rebuilds = [at for at, (group, _) in enumerate(self.actors) if group == REBUILD]
        if rebuilds and self.rnd.random() < 0.8:
            self._rebuild(self.rnd.choice(rebuilds))
        else:
            next(self.actors[self.rnd.randrange(len(self.actors))][1], None)

    def _rebuild(self, at: int) -> None:
        """One step of a rebuild, and what is worst while it writes."""
        if next(self.actors[at][1], "done") == "done":
            self.w.note("rebuilt")
            del self.actors[at]
        x = self.rnd.random()
        if x < 0.3:
            self.w.save()
        elif x < 0.36 and self.rewinds:
            self.w.redis_goes_back(self.rnd.randint(1, 12))

    def _client(self) -> None:
        """A client sends an event, out of order now and then, or one that was sent before."""
        w, rnd = self.w, self.rnd
        p = rnd.choice(PARTITIONS)
        sent = [record for record in w.log[p] if isinstance(record, Event)]
        month = rnd.choice((1, 1, 1, 2))
        if sent and rnd.random() < 0.25:
            w.note("sent again")
            w.append(p, rnd.choice(sent)._replace(month=month))
        elif w.unsent[p]:
            at = min(len(w.unsent[p]) - 1, rnd.choice((0, 0, 0, 1, 2)))
            w.append(p, Event(*w.unsent[p].pop(at), month))

    def _crash(self) -> None:
        """A worker dies wherever it stands, and another of its group begins somewhere."""
        at = self.rnd.randrange(len(self.actors))
        group, steps = self.actors[at]
        steps.close()
        self.w.note("crash", group)
        if group == REBUILD:
            del self.actors[at]
        else:
            self.actors[at] = self._spawn(group, self.rnd.choice(PARTITIONS))

    def _rarely(self) -> None:
        """A change of the limit, by a pulse or by a deploy; a store goes back or is emptied; somebody rebuilds."""
        w, rules = self.w, self.w.rules
        if rules.limits_change:
            w.note("limit changed")
            w.append(self.rnd.choice(PARTITIONS), self.rnd.choice((3, 4, 6)))
        if rules.deploys:
            w.code_limit = self.rnd.choice((3, 4, 6))
            w.note("deploy", w.code_limit)
        if rules.clickhouse_goes_back and self.rnd.random() < 0.3:
            w.clickhouse_goes_back()
        if rules.flushes and self.rnd.random() < 0.2:
            w.flush()
        if rules.rebuilds:
            self.actors.append((REBUILD, Rebuild(w, self.rnd.choice(PARTITIONS)).live()))

    def _heal(self) -> None:
        """No more faults: everything is sent, what is under way arrives or does not, new workers finish."""
        w = self.w
        w.calm = True
        w.note("healed")
        for p in PARTITIONS:
            for identity in w.unsent[p]:
                w.append(p, Event(*identity, 1))
            w.append(p, None)
        for call in self.rnd.sample(w.net, len(w.net)):
            w.net.remove(call)
            if self.rnd.random() < 0.7:
                w.deliver(call)
        for _, steps in self.actors:
            steps.close()
        if w.rules.flushes and self.rnd.random() < 0.3:
            w.flush()
        for p in PARTITIONS if w.rules.rebuilds else ():
            self._mend(p)
        workers = [self._spawn(group, p)[1] for group in GROUPS for p in PARTITIONS]
        for at in range(HEALING_STEPS):
            next(workers[at % len(workers)])
            if at % 24 == 0 and not any(behind(w, group, p) for group in GROUPS for p in PARTITIONS):
                return

    def _mend(self, p: int) -> None:
        """What an operator does where workers stop: rebuild Redis.  Raises WentBack where that is refused."""
        w = self.w
        try:
            sound = None not in (w.kept(group, p) for group in GROUPS)
            start(w.fence("store", p), w.block_fence(p))
        except WentBack:
            sound = False
        if not sound:
            w.note("mended")
            for _ in itertools.islice(Rebuild(w, p).live(), HEALING_STEPS):
                pass


def behind(w: World, group: str, p: int) -> bool:
    """Whether a group has events ahead of it.  Pulses after the last block close nothing: they do not count."""
    return any(isinstance(record, Event) for record in w.log[p][w.fence(group, p) + 1 :])


def verdict(w: World) -> Wrong | None:
    """What is wrong in a healed world, if anything; where ClickHouse went back it is enough that somebody notices."""
    for p in PARTITIONS:
        wrong, alarm = _verdict(w, p), unverified(w, p)
        if alarm and (wrong is None or (w.rules.clickhouse_goes_back and w.rules.fences_checked)):
            return Wrong("noticed", alarm)
        if wrong:
            return wrong
    return None


def _verdict(w: World, p: int) -> Wrong | None:
    """Each event once in both stores, and both by the same copy."""
    for group in GROUPS:
        if behind(w, group, p):
            return Wrong("stuck", f"{group} {p} at {w.fence(group, p)} of {len(w.log[p]) - 1}")
    first: dict[tuple[str, int], int] = {}
    for offset, record in enumerate(w.log[p]):
        if isinstance(record, Event):
            first.setdefault(record.identity, offset)
    kept = w.kept("counters", p)
    counted = kept.took if kept else ()
    stored = [offset for q, offset in w.clickhouse.rows if q == p]
    for name, offsets in (("counters", counted), ("rows", stored)):
        times = Counter(event.identity for offset in offsets if isinstance(event := w.log[p][offset], Event))
        for identity in first:
            if times[identity] != 1:
                return Wrong("double" if times[identity] else "lost", f"{name} of {p}: {identity}")
    if sorted(counted) != sorted(stored) or sorted(counted) != sorted(first.values()):
        return Wrong("disagree", f"which copy counts in {p}")
    return None


def unverified(w: World, p: int) -> str:
    """What `juliu verify` notices: blocks that do not follow each other, or whose rows are not all there."""
    blocks = sorted(block[1:] for block in w.clickhouse.blocks if block[0] == p)
    try:
        w.block_fence(p)
    except WentBack as hole:
        return str(hole)
    for first, last, rows in blocks:
        if rows != sum(q == p and first <= offset <= last for q, offset in w.clickhouse.rows):
            return f"block {p}:{first}-{last} should have {rows} rows"
    return ""


class Explored(NamedTuple):
    """Many schedules: how many, their steps, what happened in them, and those that went wrong."""

    schedules: int
    steps: int
    happened: Counter[str]
    wrong: list[tuple[int, Wrong]]


def scheduled(seed: int, rules: Rules | RelayRules, trace: bool = False) -> Schedule | RelaySchedule:
    """The schedule of a seed in the world that the rules are of."""
    if isinstance(rules, RelayRules):
        return RelaySchedule(seed, rules, trace)
    return Schedule(seed, rules, trace)


def explore(rules: Rules | RelayRules, seeds: Iterable[int]) -> Explored:
    """Run these schedules here, one after the other."""
    schedules = steps = 0
    happened, wrong = Counter[str](), []
    for seed in seeds:
        schedule = scheduled(seed, rules)
        came_to = schedule.run()
        schedules, steps = schedules + 1, steps + schedule.steps
        happened.update(schedule.w.happened)
        if came_to:
            wrong.append((seed, came_to))
    return Explored(schedules, steps, happened, wrong)


def explore_all(rules: Rules | RelayRules, schedules: int, processes: int | None = None) -> Explored:
    """Run the seeds 0 .. schedules - 1 on all cores."""
    chunks = [range(at, min(at + CHUNK, schedules)) for at in range(0, schedules, CHUNK)]
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        parts = list(pool.map(explore, [rules] * len(chunks), chunks))
    total = Explored(sum(x.schedules for x in parts), sum(x.steps for x in parts), Counter(), [])
    for part in parts:
        total.happened.update(part.happened)
        total.wrong.extend(part.wrong)
    return total


def first_wrong(rules: Rules | RelayRules, seeds: Iterable[int], kinds: frozenset[str]) -> int | None:
    """The first of the seeds that comes to one of these kinds."""
    for seed in seeds:
        came_to = scheduled(seed, rules).run()
        if came_to and came_to.kind in kinds:
            return seed
    return None


def trace_of(seed: int, rules: Rules | RelayRules) -> list[str]:
    """What happened in one schedule, step by step."""
    schedule = scheduled(seed, rules, trace=True)
    came_to = schedule.run()
    return [*(schedule.w.trace or []), f"=> {came_to}"]
