"""The counters worker between a log in memory and the twin of its store; what a consumer and a supervisor do to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from domain import counters, keys, registers
from domain.fold import Fold
from domain.topics import PULSE_KEY
from juliu.faults import expected
from streams.counting import Counters
from streams.group import Group
from streams.waits import Waits
from tests.consumed_log import Consuming, FakeLog
from tests.ended import ends
from tests.memory_fold_store import MemoryFoldStore
from tests.stream import Stream, shuffled

PARTITIONS = 4


class Dead:
    """streams.dead.Dead that remembers."""

    def __init__(self) -> None:
        self.letters: list[tuple[int, int, str]] = []
        self.seen = 0

    async def bury(self, p: int, poison: Sequence[tuple[Any, str]]) -> None:
        """Remember."""
        self.letters += [(p, record.offset, reason) for record, reason in poison]

    def saw(self, records: int) -> None:
        """Count."""
        self.seen += records


class Log(FakeLog):
    """A log of which the right numbers are known."""

    def __init__(self) -> None:
        super().__init__(PARTITIONS)

    def ledger(self) -> expected.Expected:
        """The independent fold of everything in it that is an event."""
        found = expected.Expected()
        for part in self.parts:
            for record in part:
                if record.key != PULSE_KEY and record.value:
                    found.take(msgspec.json.decode(record.value))
        return found


class Rig(Consuming):
    """A group of the counters worker between a log and the twin; fetch() is what a consumer does."""

    log: Log

    def __init__(
        self,
        log: Log,
        faults: Iterator[str | None] | None = None,
        make_fold: Any = Fold,
        store: MemoryFoldStore | None = None,
    ) -> None:
        self.log, self.dead = log, Dead()
        self.store = store or MemoryFoldStore("counters", PARTITIONS, faults)
        self.positions = {}
        self.work = Counters(self.store, self.dead, PARTITIONS, make_fold=make_fold)  # type: ignore[arg-type]
        self.group = self.start()

    def start(self) -> Group:
        """Another process with an empty memory, on the same store."""
        self.work = Counters(self.store, self.dead, PARTITIONS, make_fold=self.work.make_fold)  # type: ignore[arg-type]
        self.group = Group(self.work, self, Waits(), end=ends)
        return self.group

    async def drain(self, size: int = 1000) -> None:
        """Until the fences are at the ends of the log."""
        for _ in range(10_000):
            for p in range(PARTITIONS):
                await self.fetch(p, size)
            if self.fences() == [len(part) - 1 for part in self.log.parts]:
                return
        raise AssertionError(f"stuck at {self.fences()}")

    def fences(self) -> list[int]:
        """Of all partitions."""
        return [self.store.parts[self.store.namespaces[p], p].fence for p in range(PARTITIONS)]

    def numbers(self) -> dict[tuple[int, str], int]:
        """(drama, counter) -> sum over partitions, without zeros."""
        out: dict[tuple[int, str], int] = {}
        for p, part in self._parts():
            for field, n in part.hashes.get(keys.counters_part(self.store.namespaces[p], p), {}).items():
                drama_id, counter = counters.parse_field(field)
                at = (drama_id, counters.COUNTERS[counter])
                out[at] = out.get(at, 0) + n
        return {at: n for at, n in out.items() if n}

    def progress(self) -> dict[tuple[int, int], Any]:
        """(user, drama) -> register."""
        return {
            (int(key.rsplit(":", 1)[1]), int(field[1:])): registers.decode(cell, registers.PROGRESS_WIDTH)
            for _, part in self._parts()
            for key, cells in part.hashes.items()
            if key.startswith("u:")
            for field, cell in cells.items()
            if field.startswith("g")
        }

    def _parts(self) -> list[tuple[int, Any]]:
        return [(p, self.store.parts[self.store.namespaces[p], p]) for p in range(PARTITIONS)]


def a_log(n: int, seed: int = 1, users: int = 60) -> Log:
    """Events of many viewers, some sent again, some out of order."""
    log = Log()
    for event in shuffled(Stream(users, 20, seed), n, 0.05, 0.05):
        log.put(event)
    return log


def equals_ledger(rig: Rig) -> None:
    """Counters and progress are those of the independent fold."""
    want = rig.log.ledger()
    assert rig.numbers() == want.numbers()
    assert rig.progress() == want.progress
