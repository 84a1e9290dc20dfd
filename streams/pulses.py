"""The pulse clock: a block that has been open for long enough is closed by a control record in the log itself.

A pulse is not a message to this worker but part of the log: whoever reads the partition cuts the block there.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from domain.topics import EVENTS, PULSE_KEY
from infra import logs
from infra.fold_store import Wait
from streams.dead import Letters
from streams.group import Group
from streams.log_writer import Letter

BLOCKS_A_SECOND = 4.0  # of all partitions together: a block costs ClickHouse about 30 ms of CPU, however small it is
OLDEST_S = 20.0  # a fence that stands still for watchdog.STALL_S, three times this, ends the process
LOOKS = 20  # in one interval
LONGEST_S = 60.0  # between two pulses for one block: it does not close because a store is away

log = logs.get(__name__)


class Open(NamedTuple):
    """A block that has at least one event: its first offset, and when that event was written (time.monotonic)."""

    first: int
    since: float


class OpenBlocks(Protocol):
    """Who knows which blocks are open: streams.store.Store."""

    def open_blocks(self) -> Mapping[int, Open]:
        """By partition; partitions that this worker has no more may be among them."""


def interval_s(pulse_ms: int, partitions: int) -> float:
    """The age at which a block is closed: `pulse_ms`, or what keeps all at BLOCKS_A_SECOND; OLDEST_S at most."""
    return min(OLDEST_S, max(pulse_ms / 1000, partitions / BLOCKS_A_SECOND))


@dataclass
class Clock:
    """Decides whom to pulse: a partition whose open block is old enough, once an interval.

    A block that does not close is pulsed again after twice the time, LONGEST_S at most: a store is away.
    """

    interval_s: float
    _sent: dict[int, tuple[int, float, float]] = field(default_factory=dict)  # p -> first of the block, when, next gap

    def due(self, blocks: Mapping[int, Open], now: float) -> list[int]:
        """The partitions to pulse now; they count as pulsed."""
        due = [
            p for p, block in blocks.items() if now - block.since >= self.interval_s and now >= self._again(p, block)
        ]
        for p in due:
            first, _, gap = self._sent.get(p, (-1, 0.0, 0.0))
            again = min(LONGEST_S, 2 * gap) if first == blocks[p].first else self.interval_s
            self._sent[p] = (blocks[p].first, now, again)
        return due

    def _again(self, p: int, block: Open) -> float:
        first, sent, gap = self._sent.get(p, (-1, float("-inf"), 0.0))
        return sent + (gap if first == block.first else self.interval_s)


@dataclass
class Pulses:
    """Writes the pulses of this worker's partitions."""

    blocks: OpenBlocks
    log: Letters
    clock: Clock
    now: Callable[[], float] = time.monotonic

    async def run(self, group: Group) -> None:
        """A task beside the worker."""
        while True:
            await asyncio.sleep(self.clock.interval_s / LOOKS)
            await self.beat(group.held - group.waits.now().keys())

    async def beat(self, held: frozenset[int]) -> None:
        """Pulse what is due of these partitions.  A pulse that Kafka does not take is due again later."""
        mine = {p: block for p, block in self.blocks.open_blocks().items() if p in held}
        due = self.clock.due(mine, self.now())
        if not due:
            return
        try:
            await self.log.write([Letter(EVENTS.name, PULSE_KEY, b"", partition=p) for p in due])
        except Wait as error:
            log.warning("no pulse", partitions=due, error=str(error))
