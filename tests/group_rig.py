"""A group between work and a consumer that only remember what was asked of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from streams.group import Group
from streams.waits import Waits
from tests.ended import ends
from tests.log_records import FakeRecord


class Taking:
    """A partition that notes what it took; `errors` are raised by the next calls of take."""

    def __init__(self, work: Working, position: int) -> None:
        self.work, self.position = work, position

    @property
    def fence(self) -> int:
        """See Partition."""
        return self.position - 1

    async def take(self, records: Sequence[Any]) -> None:
        """See Partition."""
        await asyncio.sleep(0)
        if self.work.errors:
            raise self.work.errors.pop(0)
        await self.work.gate.wait()
        self.work.took += [record.offset for record in records]
        self.position = records[-1].offset + self.work.step
        self.work.fence = self.position - 1


class Working:
    """streams.group.Work of one partition's fence."""

    group = "counters"

    def __init__(self) -> None:
        self.fence, self.step = -1, 1
        self.took: list[int] = []
        self.errors: list[Exception] = []
        self.open_errors: list[Exception] = []
        self.opened = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def open(self, p: int) -> Taking:
        """See Work."""
        self.opened += 1
        if self.open_errors:
            raise self.open_errors.pop(0)
        return Taking(self, self.fence + 1)


class Flowing:
    """streams.group.Flow that notes what it was asked."""

    def __init__(self) -> None:
        self.paused: set[int] = set()
        self.sought: list[tuple[int, int]] = []

    def pause(self, p: int) -> None:
        """See Flow."""
        self.paused.add(p)

    def resume(self, p: int) -> None:
        """See Flow."""
        self.paused.discard(p)

    async def seek(self, p: int, offset: int) -> None:
        """See Flow."""
        self.sought.append((p, offset))


class Rig:
    """A group with partition 0 assigned."""

    def __init__(self) -> None:
        self.work, self.flow, self.acked = Working(), Flowing(), []
        self.group = Group(self.work, self.flow, Waits(), end=ends)

    acked: list[int]

    def put(self, first: int, last: int) -> None:
        """Queue a run."""
        self.group.put(0, [FakeRecord(i, b"1", b"x") for i in range(first, last + 1)], lambda: self.acked.append(last))

    async def settle(self) -> None:
        """Until nothing is being worked off."""
        for _ in range(1000):
            if not self.group._tasks:
                return
            await asyncio.wait(list(self.group._tasks.values()), timeout=0.5)
        raise AssertionError("never settles")
