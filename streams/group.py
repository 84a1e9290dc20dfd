"""The group pattern: the agent only queues, and each partition's queue is worked off by one task, all side by side.

Batches grow by themselves when a store is slow.  Knows no Faust: runtime.py connects it.  A worker is a Work:

    class Counters:                       # Work
        group = "counters"
        async def open(self, p):          # the partition as its store has it now: reads the fence
            return CountersPartition(...)

    class CountersPartition:              # Partition
        position                          # the offset that its next record must have
        fence                             # the last one whose effects are in the store
        async def take(self, records):    # contiguous from `position` on; returns when it has them

open and take raise Wait (a store does not answer, or has to be rebuilt: back-off, then open again), Moved or
NamespaceMoved (open again at once), StoreBroken (the process ends with exits.STORE_BROKEN).  Any other exception ends
it with exits.UNFORESEEN.
"""

from __future__ import annotations

import asyncio
import collections
from collections.abc import Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from infra import exits, logs, metrics
from infra.fold_store import NamespaceMoved, StoreBroken, Wait
from streams import records
from streams.records import Record
from streams.waits import Waits

STOP_S = 5.0
MAX_QUEUED = 20_000  # records of a partition that wait here; above it the partition is paused, below half of it resumed

log = logs.get(__name__)


class Moved(Exception):
    """Somebody else moved the fence, or the store went back: nothing held is sound; open the partition again."""


class Partition(Protocol):
    """One partition that this worker holds, as its store has it."""

    @property
    def position(self) -> int:
        """The offset that the next record must have."""

    @property
    def fence(self) -> int:
        """The last offset whose effects are known to be in the store that keeps the group's fence."""

    async def take(self, records: Sequence[Record]) -> None:
        """Take these records, contiguous from `position` on; `position` moves past those that were taken."""


class Work(Protocol):
    """What a worker does with its partitions; `group` names its fences.

    `gather_ms`: how long the broker may hold records back until there are more; a small run costs nearly what a large
    one does.
    """

    group: str
    gather_ms: int

    async def open(self, p: int) -> Partition:
        """The partition as its stores have it now."""


class Flow(Protocol):
    """What the group asks of the consumer, for partitions that it may have lost meanwhile."""

    def pause(self, p: int) -> None:
        """Fetch no more of this partition."""

    def resume(self, p: int) -> None:
        """Fetch it again."""

    async def seek(self, p: int, offset: int) -> None:
        """Go on at this offset."""


@dataclass(frozen=True)
class Queued:
    """A run that waits for its turn, and how to acknowledge it."""

    records: Sequence[Record]
    ack: Callable[[], object]


class Group:
    """The partitions that this process holds, and the runs that wait for them."""

    def __init__(self, work: Work, flow: Flow, waits: Waits, end: exits.End = exits.end) -> None:
        self.work, self.waits = work, waits
        self.assigned: frozenset[int] = frozenset()  # read by other threads; positions are on their way
        self.positioned = False  # some assignment, maybe an empty one, has been served
        self._flow, self._end = flow, end
        self._held: dict[int, Partition] = {}
        self._queued: dict[int, list[Queued]] = {}
        self._size: collections.Counter[int] = collections.Counter()  # records queued
        self._paused: set[int] = set()
        self._tasks: dict[int, asyncio.Task[None]] = {}

    @property
    def held(self) -> frozenset[int]:
        """The partitions that have a position."""
        return frozenset(self._held)

    def fences(self) -> dict[int, int]:
        """Where the partitions that are held know their fences to be.  For other threads."""
        return {p: part.fence for p, part in list(self._held.items())}

    async def positions(self, partitions: Iterable[int]) -> dict[int, int]:
        """Where these partitions begin; from now on they are all that this worker holds."""
        self.assigned = frozenset(partitions)
        self.waits.keep(self.assigned)
        try:
            found = await asyncio.gather(*(self._open(p) for p in sorted(self.assigned)))
        except StoreBroken as error:
            self._end(exits.STORE_BROKEN, "the store is broken", error=str(error))
        # no await from here on: a second rebalance may ask while the first still does
        for p in self._paused:
            self._flow.resume(p)
        for p in self.assigned:
            self.waits.done(p)
        self._queued, self._size, self._paused = {}, collections.Counter(), set()
        self._held = dict(zip(sorted(self.assigned), found, strict=True))
        self.positioned = True
        return {p: part.position for p, part in self._held.items()}

    def put(self, p: int, run: Sequence[Record], ack: Callable[[], object]) -> None:
        """Queue a run; never waits.  A partition with too much in the queue is paused."""
        self._queued.setdefault(p, []).append(Queued(run, ack))
        self._size[p] += len(run)
        if self._size[p] > MAX_QUEUED and p not in self._paused:
            self._paused.add(p)
            self._flow.pause(p)
        if p not in self._tasks:
            self._tasks[p] = asyncio.create_task(self._guarded(p, self._work(p)), name=f"{self.work.group} {p}")

    def doubt(self, p: int) -> None:
        """The store may have gone back behind a partition that has nothing to do: open it again, fetch from there."""
        if p in self._held and p not in self._tasks:
            self._tasks[p] = asyncio.create_task(self._guarded(p, self._begin_again(p)), name=f"{self.work.group} {p}")

    async def close(self) -> None:
        """Let what is being applied finish, for STOP_S at most; what is in doubt then, the fences tell."""
        self._queued = {}
        tasks = list(self._tasks.values())
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=STOP_S)
            for task in late:
                task.cancel()

    async def _guarded(self, p: int, work: Coroutine[None, None, None]) -> None:
        """Work off something, and what piles up meanwhile; no exception is lost in a task."""
        try:
            await work
            await self._work(p)
        except StoreBroken as error:
            self._end(exits.STORE_BROKEN, "the store is broken", partition=p, error=str(error))
        except Exception as error:
            log.exception("unforeseen", partition=p)
            self._end(exits.UNFORESEEN, "unforeseen", partition=p, error=repr(error))
        finally:
            self._tasks.pop(p, None)

    async def _work(self, p: int) -> None:
        """Work off what has piled up for one partition, until there is nothing left."""
        while queued := self._taken(p):
            for piece in _pieces(queued):
                await self._apply(p, piece)
            for run in queued:
                run.ack()

    async def _begin_again(self, p: int) -> None:
        part = self._held.get(p)
        if part is None:
            return
        await self._reopen(p, part)
        self.waits.done(p)
        fresh = self._held.get(p)
        if fresh is not None and fresh.position != part.position:
            await self._seek(p, fresh)

    def _taken(self, p: int) -> list[Queued]:
        queued = self._queued.pop(p, [])
        self._size[p] = 0
        if p in self._paused:
            self._paused.discard(p)
            self._flow.resume(p)
        return queued

    async def _apply(self, p: int, run: Sequence[Record]) -> None:
        """Hand a partition what goes on where it is, until all is taken, it is not ours, or must be fetched again."""
        while (part := self._held.get(p)) is not None:
            run = records.from_offset(run, part.position)
            if not run:
                return
            if run[0].offset != part.position:
                await self._seek(p, part)
                return
            if run[-1].offset - run[0].offset != len(run) - 1:  # a fold numbers what it gets: the fence would be wrong
                raise RuntimeError(f"partition {p}: a gap in {run[0].offset}-{run[-1].offset}")
            try:
                await part.take(run)
                self.waits.done(p)
                if part.position <= run[0].offset:
                    raise RuntimeError(f"partition {p} took nothing at {part.position}")
            except (Moved, NamespaceMoved) as error:
                log.warning("begin again", partition=p, why=str(error))
                metrics.BEGUN_AGAIN.labels(self.work.group).inc()
                await self._reopen(p, part)
            except Wait as error:
                await self.waits.pause(p, error)
                await self._reopen(p, part)

    async def _open(self, p: int) -> Partition:
        while True:
            try:
                return await self.work.open(p)
            except Wait as error:
                await self.waits.pause(p, error)

    async def _reopen(self, p: int, part: Partition) -> None:
        """In place of `part`, unless it was taken away meanwhile."""
        while self._held.get(p) is part:
            try:
                fresh = await self.work.open(p)
            except Wait as error:
                await self.waits.pause(p, error)
                continue
            if self._held.get(p) is part:
                self._held[p] = fresh

    async def _seek(self, p: int, part: Partition) -> None:
        """What the partition needs is behind what we have: fetch it again."""
        log.warning("seek", partition=p, position=part.position)
        self._queued.pop(p, None)
        self._size[p] = 0
        await self._flow.seek(p, part.position)


def _pieces(queued: Sequence[Queued]) -> list[list[Record]]:
    """The records of the runs, joined where one goes on where the one before it ends.

    Around a seek it may not: what Faust holds of before comes first, and a run that was asked for twice comes twice.
    """
    pieces: list[list[Record]] = []
    for run in queued:
        if pieces and run.records[0].offset == pieces[-1][-1].offset + 1:
            pieces[-1] += run.records
        else:
            pieces.append(list(run.records))
    return pieces
