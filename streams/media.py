"""What is on juliu.media: ends of steps -> `media_steps`, orders -> `media_orders` in ClickHouse, at least once.

A task of the store worker that holds partition 0.  Copies of a record are one row there (its key has the record's id),
so nothing has to be counted: reading goes on one after the last step that has a row, and whoever is not sure reads
again.  A log that was made anew has another record where that step was: it is read from its begin.  Orders are stored
before the steps of their page: none that is before that step is lacking.  Poison is in juliu.dead before anything
behind it is stored.  Whatever is wrong here, viewers' events go on.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from confluent_kafka import KafkaException

from domain.media import orders
from domain.media.record import decode
from domain.topics import DEAD, MEDIA
from infra import logs, metrics
from infra.clickhouse.media_rows import MOST, Mark, MediaRow, MediaRows, OrderRow
from infra.fold_store import Wait
from infra.log_reader import Bounds, Entry, LogReader
from infra.settings import Settings
from streams.dead import Letters
from streams.group import Group
from streams.log_writer import Letter

GROUP, PARTITION = "media", 0  # juliu.media has one partition
EVERY_S = 2.0
LOG_EVERY_S = 60.0
PAGE_BYTES = 8_000_000  # of values held at once, and the largest record
MOST_POISON = 100  # of one page; where that is more than half of it, the code is wrong and not the records

log = logs.get(__name__)


class TooMuchPoison(Exception):
    """Most of a page cannot be read: a person mends the code (docs/runbooks/media.md), the log keeps the records."""


class MediaLog(Protocol):
    """juliu.media.  Both block and may raise KafkaException."""

    def bounds(self) -> Bounds:
        """What it holds now."""

    def page(self, begin: int, end: int) -> Sequence[Entry]:
        """Records from `begin` on, before `end`: at least one, at most MOST and about PAGE_BYTES."""


class KafkaMediaLog:
    """Keeps the promises of MediaLog.  Connects when first asked."""

    def __init__(self, settings: Settings, topic: str = MEDIA.name) -> None:
        self._settings, self._topic = settings, topic
        self._reader: LogReader | None = None

    def bounds(self) -> Bounds:
        """See MediaLog."""
        return self._connected().bounds(PARTITION)

    def page(self, begin: int, end: int) -> Sequence[Entry]:
        """See MediaLog."""
        found: list[Entry] = []
        size = 0
        for entry in self._connected().records(PARTITION, begin, min(end, begin + MOST)):
            found.append(entry)
            size += len(entry.value or b"")
            if size >= PAGE_BYTES:
                break
        return found

    def close(self) -> None:
        """Let go of the connections."""
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()

    def _connected(self) -> LogReader:
        self._reader = self._reader or LogReader(self._settings, self._topic)
        return self._reader


class Read(NamedTuple):
    """What a page says: rows of both tables, and poison with why."""

    rows: list[MediaRow]
    orders: list[OrderRow]
    poison: list[tuple[Entry, str]]


@dataclass
class Media:
    """Brings what is in the log into the table.  `version` is the code's, for letters (streams.dead)."""

    log: MediaLog
    rows: MediaRows
    letters: Letters
    version: str
    wall: Callable[[], float] = time.time
    _next: int | None = None  # where to go on; None: ask the table
    _logged: float = float("-inf")

    async def run(self, group: Group) -> None:
        """Beside the store worker: for as long as it holds partition 0."""
        while True:
            more = False
            if 0 in group.held:
                more = await self._patiently()
            else:
                self._next = None  # whoever holds it goes on; when it is ours again, the table says from where
            await asyncio.sleep(0 if more else EVERY_S)

    async def turn(self) -> bool:
        """Store a page; True where more waits.  Raises Wait, KafkaException, TooMuchPoison: then turn again."""
        begin, end = await asyncio.to_thread(self.log.bounds)
        at = await self._position(begin, end)
        page = await asyncio.to_thread(self.log.page, at, end) if at < end else []
        if page:
            await self.store(page)
            at = page[-1].offset + 1
        self._next = at
        if at >= end:
            metrics.MEDIA_ROWS_AT.set(self.wall())
        return bool(page) and at < end

    async def store(self, page: Sequence[Entry]) -> None:
        """Its poison into juliu.dead, its orders into their table, then its steps.  Raises as turn()."""
        read = read_all(page)
        if len(read.poison) > max(MOST_POISON, len(page) // 2):
            raise TooMuchPoison(f"{len(read.poison)} of {len(page)} records, the first: {read.poison[0][1]}")
        if read.poison:
            await self.letters.write([self._letter(*each) for each in read.poison])
            metrics.POISON.labels(GROUP).inc(len(read.poison))
            log.warning("poison", topic=MEDIA.name, records=len(read.poison), first_reason=read.poison[0][1])
        if read.orders:
            await self.rows.insert_orders(read.orders)
        if read.rows:
            await self.rows.insert(read.rows)
        metrics.RECORDS.labels(GROUP).inc(len(page))

    async def _position(self, begin: int, end: int) -> int:
        """Where to go on.  A log that was made anew is read from its begin: what is there already changes nothing."""
        at = await self._behind_last(begin, end) if self._next is None else self._next
        if begin <= at <= end:
            return at
        if at < begin and await self.rows.last_order() + 1 < begin:  # else a month of nothing but orders, all stored
            log.error("records of juliu.media are gone before they were stored", wanted=at, log_begins=begin)
        elif at > end:
            log.warning("juliu.media ends before what was stored of it: read from its begin", stored=at, log_ends=end)
        return begin

    async def _behind_last(self, begin: int, end: int) -> int:
        """One after what the table has last; the begin where the log has another record there: it was made anew."""
        last = await self.rows.last()
        if not begin <= last.offset < end:
            return last.offset + 1
        there = read_all(await asyncio.to_thread(self.log.page, last.offset, last.offset + 1)).rows
        if there and Mark(there[0].record.record_id, there[0].record.at_ms) in last.marks:
            return last.offset + 1
        log.warning("juliu.media was made anew: read from its begin", stored=last.offset, log_ends=end)
        return begin

    async def _patiently(self) -> bool:
        try:
            return await self.turn()
        except (Wait, KafkaException, TooMuchPoison) as error:
            self._next = None
            if self.wall() - self._logged >= LOG_EVERY_S:
                self._logged = self.wall()
                log.warning("media rows wait", error=f"{type(error).__name__}: {error}"[:300])
            return False

    def _letter(self, entry: Entry, reason: str) -> Letter:
        says = {
            "topic": MEDIA.name, "partition": PARTITION, "offset": entry.offset, "group": GROUP,
            "reason": reason, "version": self.version,
        }  # fmt: skip
        headers = [(name, str(value).encode()) for name, value in says.items()]
        return Letter(DEAD.name, entry.key, entry.value or b"", headers=headers)


def read_all(page: Sequence[Entry]) -> Read:
    """The rows of these records, and the poison among them."""
    read = Read([], [], [])
    for entry in page:
        value = entry.value or b""
        try:
            if orders.is_order(value):
                read.orders.append(OrderRow(entry.offset, orders.decode(value)))
            else:
                read.rows.append(MediaRow(entry.offset, decode(value)))
        except ValueError as error:
            read.poison.append((entry, str(error)))
    return read
