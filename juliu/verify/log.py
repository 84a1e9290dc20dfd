"""The log's own records against ClickHouse, one by one, for the offsets that Kafka still holds.

The rule for duplicates here is none of the product's: a record that is no row must have its identity in a row of an
earlier offset.  No windows, and nothing is held beyond a slice of blocks.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from clickhouse_connect.driver.client import Client

from domain import events
from domain.topics import PULSE_KEY
from infra.log_reader import Entry, LogReader
from juliu.verify.chain import Span, StoredBlock, blocks
from juliu.verify.found import Compared, Report
from streams import records

SLICE = 40_000  # records held at once, about 40 MB; a block of more is a slice by itself
LOOKED_UP = 1_000  # identities of one question

STORED = """
SELECT offset, event_type, user_id, session_id, seq, drama_id, toUnixTimestamp64Milli(ts),
    toUnixTimestamp64Milli(received_at), drama_index, episode_no, from_ms, to_ms, duration_ms, qualified
FROM events
WHERE partition = {p:UInt16} AND offset BETWEEN {from:UInt64} AND {to:UInt64}
"""
LATE = (
    "SELECT offset, late FROM late_events WHERE partition = {p:UInt16} AND offset BETWEEN {from:UInt64} AND {to:UInt64}"
)
EARLIER = """
SELECT user_id, session_id, seq, min(offset) FROM events
WHERE partition = {p:UInt16} AND user_id IN {users:Array(UInt64)} AND session_id IN {sessions:Array(String)}
    AND seq IN {seqs:Array(UInt64)}
GROUP BY user_id, session_id, seq
"""

NUMBERS = ("drama_index", "episode_no", "from_ms", "to_ms", "duration_ms", "qualified")  # 0 where a type has none

Identity = tuple[int, str, int]


class Place(NamedTuple):
    """A record that is an event: offset, and the event itself."""

    offset: int
    event: events.AnyEvent

    @property
    def type(self) -> str:
        """As in `event_type`."""
        return str(self.event.__struct_config__.tag)

    @property
    def identity(self) -> Identity:
        """What may be a row once."""
        return self.event.user_id, self.event.session_id, self.event.seq

    @property
    def content(self) -> tuple[Any, ...]:
        """What its row says, in the order of STORED."""
        event = self.event
        numbers = (getattr(event, name, 0) for name in NUMBERS)
        return self.type, *self.identity, event.drama_id, event.ts_ms, event.received_at_ms, *numbers

    def __str__(self) -> str:
        return f"offset {self.offset}, viewer {self.identity[0]}, session {self.identity[1]}, seq {self.identity[2]}"


@dataclass
class Became:
    """What the records of a slice became in ClickHouse, by offset: repeats and poison, to be held against `blocks`."""

    rows: set[int] = field(default_factory=set)
    late: set[int] = field(default_factory=set)
    repeats: set[int] = field(default_factory=set)
    poison: set[int] = field(default_factory=set)


@dataclass
class LogCheck:
    """One partition.  `dead` are the offsets of records that the store group put into juliu.dead."""

    client: Client
    log: LogReader
    p: int
    partitions: int
    dead: Container[int]
    compared: Compared
    report: Report

    def check(self, span: Span) -> None:
        """Every block of the span that the log still holds whole.  Raises what the two servers' clients raise."""
        begin, _ = self.log.bounds(self.p)
        for part in slices(blocks(self.client, self.p, span), begin):
            first, last = part[0].first, part[-1].last
            if self.compared.log_from is None:
                self.compared.log_from = first
            self.compared.log_to = last
            self._slice(part, list(self.log.records(self.p, first, last + 1)))

    def _slice(self, part: list[StoredBlock], entries: list[Entry]) -> None:
        became, first, last = Became(), part[0].first, part[-1].last
        places = self._events(entries, became)
        stored = {row[0]: tuple(row[1:]) for row in self._ask(STORED, first, last)}
        late = {int(offset): bool(is_late) for offset, is_late in self._ask(LATE, first, last)}
        open_ = [place for place in places if not self._is_there(place, stored, late, became)]
        self._repeats(open_, became)
        for offset in stored.keys() - {place.offset for place in places}:
            self.report.differs("row without an event", self.p, f"offset {offset}", "a row", "no event in the log")
        for block in part:
            self._agrees(block, became)

    def _events(self, entries: list[Entry], became: Became) -> list[Place]:
        """The records that are events; pulses and poison are counted."""
        read, poison = records.read_all(entries, self.p, self.partitions)
        became.poison.update(record.offset for record, _ in poison)
        self.compared.poison += len(poison)
        self.compared.pulses += sum(entry.key == PULSE_KEY for entry in entries)
        for record, reason in poison:
            if record.offset not in self.dead:
                self.report.differs(
                    "letter missing", self.p, f"offset {record.offset}: {reason}", "none", "in juliu.dead"
                )
        return [Place(entry.offset, event) for entry, event in zip(entries, read, strict=True) if event is not None]

    def _is_there(
        self, place: Place, stored: dict[int, tuple[Any, ...]], late: dict[int, bool], became: Became
    ) -> bool:
        """Whether the record is a row, of `events` or `late_events`; counts it, and says where it is the wrong one."""
        self.compared.types[place.type].records += 1
        if (row := stored.get(place.offset)) is not None:
            became.rows.add(place.offset)
            self._row(place, row)
            return True
        if (is_late := late.get(place.offset)) is not None:
            became.late.add(place.offset)
            self._late_row(place, is_late)
            return True
        return False

    def _row(self, place: Place, row: tuple[Any, ...]) -> None:
        count, wanted = self.compared.types[place.type], place.content
        count.rows += 1
        if row != wanted or place.event.late:
            self.report.differs("row says something else", self.p, str(place), row, wanted)
        else:
            count.distinct += 1

    def _late_row(self, place: Place, is_late: bool) -> None:
        """`is_late`: what the row says of itself; not late is too old to tell."""
        count = self.compared.types[place.type]
        count.late += is_late
        count.too_old += not is_late
        if is_late != place.event.late:
            self.report.differs("late row", self.p, str(place), f"late {is_late}", f"late {place.event.late}")

    def _repeats(self, open_: list[Place], became: Became) -> None:
        """Records that are no row: repeats of an earlier one, in juliu.dead, or lost."""
        for at in range(0, len(open_), LOOKED_UP):
            some = open_[at : at + LOOKED_UP]
            earlier = self._earlier([place for place in some if not place.event.late])
            for place in some:
                self._one(place, earlier.get(place.identity), became)

    def _one(self, place: Place, stored_at: int | None, became: Became) -> None:
        count = self.compared.types[place.type]
        if not place.event.late and stored_at is not None and stored_at < place.offset:
            count.repeats += 1
            became.repeats.add(place.offset)
        elif place.offset in self.dead:
            count.dead += 1
            became.poison.add(place.offset)
        else:
            count.distinct += 1
            table = "late_events" if place.event.late else "events"
            elsewhere = "no row" if stored_at is None else f"a row of offset {stored_at}"
            self.report.differs("row missing", self.p, f"{place.type}, {place}", elsewhere, f"a row in {table}")

    def _earlier(self, places: Sequence[Place]) -> dict[Identity, int]:
        """The first offset at which each of these identities is a row."""
        if not places:
            return {}
        asked = {
            "p": self.p, "users": sorted({place.event.user_id for place in places}),
            "sessions": sorted({place.event.session_id for place in places}),
            "seqs": sorted({place.event.seq for place in places}),
        }  # fmt: skip
        found = self.client.query(EARLIER, asked).result_rows
        return {(user_id, session_id, seq): int(offset) for user_id, session_id, seq, offset in found}

    def _agrees(self, block: StoredBlock, became: Became) -> None:
        """What the block says of repeats and poison is what its records are."""
        inside = range(block.first, block.last + 1)
        for name in ("repeats", "poison"):
            found = sum(offset in inside for offset in getattr(became, name))
            if found != getattr(block, name):
                self.report.differs(
                    f"{name} of a block", self.p, str(block), getattr(block, name), f"{found} in the log"
                )

    def _ask(self, sql: str, first: int, last: int) -> Sequence[Sequence[Any]]:
        return self.client.query(sql, {"p": self.p, "from": first, "to": last}).result_rows


def slices(pages: Iterator[list[StoredBlock]], begin: int) -> Iterator[list[StoredBlock]]:
    """Blocks that begin at `begin` or behind it, put together to about SLICE records that follow each other."""
    part: list[StoredBlock] = []
    for page in pages:
        for block in page:
            if block.first < begin or (part and block.first <= part[-1].last):
                continue
            if part and (block.last - part[0].first >= SLICE or block.first != part[-1].last + 1):
                yield part
                part = []
            part.append(block)
    if part:
        yield part
