"""What the counters worker does with a partition: events -> counters, progress, registers and heat in Redis, each once.

For each run: read what the fold needs as of the fence, fold (domain.fold, pure), apply effects and fence in one step.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from domain.effects import Run
from domain.events import AnyEvent
from domain.fold import Fold, Unfoldable
from infra import failpoints, metrics
from infra.fold_store import Broken, FoldStore, Place, Refused
from streams import dead, records
from streams.group import Moved
from streams.records import Record

GROUP = "counters"
GATHER_MS = 30  # of the 300 ms in which 99 of 100 events must be counted
PIECE = 2000  # records in one fold: fewer make each dearer, more hold up the loop and Redis for longer
COMMANDS = 2000  # changes in one script call, about 10 ms of Redis and only when catching up; 500 cost a third more

Pairs = list[tuple[int, AnyEvent | None]]


@dataclass
class Counters:
    """streams.group.Work of the counters group."""

    store: FoldStore
    dead: dead.Dead
    partitions: int
    group: str = GROUP
    make_fold: Callable[[int, int], Fold] = Fold
    gather_ms: int = GATHER_MS
    buried: dict[int, set[int]] = field(default_factory=dict)  # offsets behind the fence whose record is in juliu.dead
    singly: dict[int, int] = field(default_factory=dict)  # up to this offset the store refuses something: find out what

    async def open(self, p: int) -> Counting:
        """See Work."""
        place = await self.store.fence(p)
        self.buried[p] = {offset for offset in self.buried.get(p, ()) if offset > place.fence}
        return Counting(self, p, place)


class Counting:
    """One partition: its fold, and the fence that it was folded up to."""

    def __init__(self, work: Counters, p: int, place: Place) -> None:
        self._work, self._p, self._place = work, p, place
        self._fold = work.make_fold(p, place.namespace)
        self.fence = place.fence
        self._dropped = (0, 0, 0)

    @property
    def position(self) -> int:
        """See Partition."""
        return self.fence + 1

    async def take(self, run: Sequence[Record]) -> None:
        """See Partition."""
        at = 0
        while at < len(run):
            size = 1 if run[at].offset <= self._work.singly.get(self._p, -1) else PIECE
            await self._piece(run[at : at + size])
            at += size

    async def _piece(self, piece: Sequence[Record]) -> None:
        """Fold and apply some records.  A record that is poison is buried; then the partition is begun again."""
        pairs = await self._decoded(piece)
        try:
            await self._apply(await self._folded(pairs))
        except Unfoldable as error:
            await self._bury([(piece[error.offset - piece[0].offset], f"unfoldable: {error.__cause__!r}")])
            raise Moved(f"poison at {error.offset}") from error
        except Refused as error:
            await self._refused(piece, error)
        self._measure(pairs)

    async def _decoded(self, piece: Sequence[Record]) -> Pairs:
        """(offset, event); None for a record without effects: a pulse, and poison, which is buried here."""
        read, poison = records.read_all(piece, self._p, self._work.partitions)
        first, buried = piece[0].offset, self._work.buried[self._p]
        for offset in buried:  # unfoldable, or refused: found out when it was tried
            if first <= offset < first + len(read):
                read[offset - first] = None
        if fresh := [each for each in poison if each[0].offset not in buried]:
            await self._bury(fresh)
        return list(enumerate(read, first))

    async def _folded(self, pairs: Pairs) -> list[Run]:
        """The effects of these records on the state as it is at the fence.  Raises Moved, Unfoldable."""
        fold = self._fold
        prepared = fold.prepare(pairs)
        if fold.state.missing:
            fence, values = await self._work.store.read(self._p, self._place.namespace, fold.state.missing)
            if fence != self.fence:
                raise Moved(f"fence is {fence}, was left at {self.fence}")
            try:
                fold.state.fill(values)
            except ValueError as error:
                raise Broken(f"partition {self._p}: state that cannot be read: {error}") from error
        return fold.effects(prepared, COMMANDS)

    async def _apply(self, runs: list[Run]) -> None:
        """Raises Moved, Refused; then nothing that is held is sound."""
        failpoints.reached("counters.before_apply")
        done, fence = await self._work.store.apply(self._p, self._place.namespace, runs)
        if not done:
            raise Moved(f"fence is {fence}, was left at {self.fence}")
        failpoints.reached("counters.after_apply")
        self.fence = fence
        self._fold.state.trim()
        if buried := self._work.buried.get(self._p):
            self._work.buried[self._p] = {offset for offset in buried if offset > fence}

    async def _bury(self, poison: Sequence[tuple[Record, str]]) -> None:
        await self._work.dead.bury(self._p, poison)
        self._work.buried[self._p].update(record.offset for record, _ in poison)

    async def _refused(self, piece: Sequence[Record], error: Refused) -> None:
        """The store takes no effects of this piece: the record that alone is refused is poison."""
        if len(piece) > 1:
            self._work.singly[self._p] = piece[-1].offset
        else:
            await self._bury([(piece[0], f"refused: {error}")])
        raise Moved(f"refused: {error}") from error

    def _measure(self, pairs: Pairs) -> None:
        self._work.dead.saw(len(pairs))
        metrics.RECORDS.labels(GROUP).inc(len(pairs))
        first = pairs[0][1]
        if first is not None:
            metrics.RECORD_AGE.labels(GROUP).observe(max(0.0, time.time() - first.received_at_ms / 1000))
        now = (self._fold.seen, self._fold.too_old, self._fold.late)
        for reason, before, after in zip(("seen", "too_old", "late"), self._dropped, now, strict=True):
            if after > before:
                metrics.DROPPED.labels(GROUP, reason).inc(after - before)
        self._dropped = now
