"""The store worker between a log in memory and the twins of its stores; what a consumer and a supervisor do to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from domain import events
from domain.topics import PULSE_KEY
from streams.group import Group
from streams.store import Store
from streams.waits import Waits
from tests.consumed_log import Consuming, FakeLog
from tests.ended import ends
from tests.memory_fold_store import MemoryFoldStore
from tests.memory_row_store import MemoryRowStore
from tests.stream import Stream, shuffled

PARTITIONS = 2


class Dead:
    """streams.dead.Dead that remembers."""

    def __init__(self) -> None:
        self.offsets: list[tuple[int, int]] = []

    async def bury(self, p: int, poison: Sequence[tuple[Any, str]]) -> None:
        """Remember."""
        self.offsets += [(p, record.offset) for record, _ in poison]

    def saw(self, records: int) -> None:
        """Nothing."""


class Log(FakeLog):
    """A log of which it is known what must be stored."""

    def __init__(self, stream: Iterable[events.AnyEvent] = (), pulse_every: int = 0) -> None:
        super().__init__(PARTITIONS)
        for n, event in enumerate(stream, 1):
            self.put(event)
            if pulse_every and n % pulse_every == 0:
                self.pulse(n // pulse_every % PARTITIONS)

    def identities(self, late: bool = False) -> Counter[tuple[int, str, int]]:
        """(user, session, seq) of the events in it, each once."""
        found: dict[tuple[int, str, int], int] = {}
        for part in self.parts:
            for record in part:
                if record.key != PULSE_KEY:
                    event = events.decode(record.value or b"")
                    if event.late == late:
                        found[event.user_id, event.session_id, event.seq] = 1
        return Counter(found)


class Rig(Consuming):
    """Stores that stay, and a worker that may be started again."""

    log: Log

    def __init__(self, log: Log, faults: Iterator[str | None] | None = None) -> None:
        self.log, self.dead, self.rows = log, Dead(), MemoryRowStore()
        self.windows = MemoryFoldStore("store", PARTITIONS, faults)
        self.positions = {}
        self.group = self.start()

    def start(self) -> Group:
        """Another process with an empty memory, on the same stores."""
        self.work = Store(self.rows, self.windows, self.dead, PARTITIONS)  # type: ignore[arg-type]
        self.group = Group(self.work, self, Waits(), end=ends)
        return self.group

    async def drain(self, size: int = 1000) -> None:
        """Close the last blocks, and go on until no event is behind a fence."""
        ends = [max((r.offset for r in part if r.key != PULSE_KEY), default=-1) for part in self.log.parts]
        for p in range(PARTITIONS):
            self.log.pulse(p)
        for _ in range(2_000):
            for p in range(PARTITIONS):
                await self.fetch(p, size)
            if all(fence >= end for fence, end in zip(self.fences(), ends, strict=True)):
                return
        raise AssertionError(f"stuck at {self.fences()}")

    def fences(self) -> list[int]:
        """In Redis."""
        return [self.windows.parts[self.windows.namespaces[p], p].fence for p in range(PARTITIONS)]

    def stored(self, table: str = "events") -> Counter[tuple[int, str, int]]:
        """(user, session, seq) of the rows, as often as they are there."""
        decoded = (events.decode(value) for _, _, value in self.rows.rows[table])
        return Counter((event.user_id, event.session_id, event.seq) for event in decoded)

    def blocks(self, p: int) -> list[tuple[int, int]]:
        """First and last offset of each."""
        return [(block.first, block.last) for at, block, _ in self.rows.blocks if at == p]


def a_log(n: int = 400, seed: int = 1, pulse_every: int = 23) -> Log:
    """`n` records, some of them copies, some out of order, with pulses between."""
    return Log(shuffled(Stream(60, 20, seed), n, 0.05, 0.05), pulse_every)


async def a_rig(log: Log) -> Rig:
    """A worker that holds all partitions of this log."""
    rig = Rig(log)
    await rig.join()
    return rig
