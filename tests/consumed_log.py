"""A log in memory, and a consumer of it that hands runs to a group and lets them be worked off."""

from __future__ import annotations

from domain import events
from domain.topics import PULSE_KEY, partition_of
from streams.group import Group
from tests.log_records import FakeRecord


class FakeLog:
    """All partitions of a log."""

    def __init__(self, partitions: int) -> None:
        self.parts: list[list[FakeRecord]] = [[] for _ in range(partitions)]

    def append(self, p: int, key: bytes, value: bytes) -> int:
        """The offset of the new record."""
        self.parts[p].append(FakeRecord(len(self.parts[p]), key, value))
        return len(self.parts[p]) - 1

    def put(self, event: events.AnyEvent) -> None:
        """As the API writes it."""
        user = event.user_id
        self.append(partition_of(user, len(self.parts)), str(user).encode(), events.encode(event))

    def pulse(self, p: int, value: bytes = b"") -> int:
        """As a store worker writes it."""
        return self.append(p, PULSE_KEY, value)


class Consuming:
    """streams.group.Flow over `log` for `group`, which its user makes."""

    log: FakeLog
    group: Group
    positions: dict[int, int]

    def pause(self, p: int) -> None:
        """See Flow."""

    def resume(self, p: int) -> None:
        """See Flow."""

    async def seek(self, p: int, offset: int) -> None:
        """See Flow."""
        self.positions[p] = offset

    async def join(self) -> None:
        """An assignment of all partitions."""
        self.positions = await self.group.positions(range(len(self.log.parts)))

    async def fetch(self, p: int, size: int) -> None:
        """Hand over a run, as the transport does, and let it be worked off."""
        run = self.log.parts[p][self.positions[p] : self.positions[p] + size]
        if run:
            self.positions[p] += len(run)
            self.group.put(p, run, lambda: None)
            await self.settle()

    async def settle(self) -> None:
        """Until nothing is being worked off."""
        while self.group._tasks:
            await next(iter(self.group._tasks.values()))
