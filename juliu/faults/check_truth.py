"""What one partition must have become: contents from the ledger, the order of records from the log, folded by hand."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from domain import canary
from domain.events import SERVER_SESSION
from domain.topics import PULSE_KEY, partition_of
from juliu.faults.expected import Expected
from juliu.faults.ledger import Ledger, LogRecord, PoisonLine, SentLine, taken

Identity = tuple[int, str, int]  # user, session, seq
SHOWN = 20  # problems of one kind that are told
DAY_MS, AHEAD_MS = 86_400_000, 600_000
LATE_MS, LONGEST_MS = 7 * DAY_MS, 90 * DAY_MS
NO_PLAY = "00000000-0000-0000-0000-000000000000"

_decode = msgspec.json.Decoder().decode


class Problems:
    """What is wrong, in words: the first SHOWN of each kind, and how many there are."""

    def __init__(self) -> None:
        self._of: dict[str, list[str]] = {}
        self._count: dict[str, int] = {}

    def add(self, kind: str, told: object = "") -> None:
        """One more of this kind."""
        self._count[kind] = self._count.get(kind, 0) + 1
        of = self._of.setdefault(kind, [])
        if len(of) < SHOWN:
            of.append(str(told)[:300])

    def count(self, kind: str) -> int:
        """How many of this kind."""
        return self._count.get(kind, 0)

    def told(self) -> list[str]:
        """A line a kind."""
        return [f"{count} x {kind}: {'; '.join(self._of[kind][:3])}" for kind, count in self._count.items()]


@dataclass
class Truth:
    """Of one partition.  `rows` and `late` are offset -> content (`row_of`), hashed."""

    partition: int
    expected: Expected = field(default_factory=Expected)
    rows: dict[int, int] = field(default_factory=dict)
    late: dict[int, int] = field(default_factory=dict)
    poison: dict[int, bytes] = field(default_factory=dict)
    acked: set[Identity] = field(default_factory=set)  # answered 202 and not rejected
    end: int = 0  # offset after the last record
    repeats: int = 0
    controls: int = 0


def truth_of(ledger: Ledger, p: int, partitions: int, log: Iterable[LogRecord], found: Problems) -> Truth:
    """The truth of partition `p`; what is in the log and must not be, or the other way round, goes into `found`."""
    between = (ledger.began_ms - ledger.skew_ms, int(time.time() * 1000) + ledger.skew_ms)
    lines, acked = taken(ledger.path, p, partitions)
    reading = _Reading(Truth(p), dict(_identities(lines)), ledger.drama_indexes, found, between)
    truth = reading.truth
    truth.acked = {identity for identity, (line, _) in reading.sent.items() if line.n in acked}
    poison = {
        line.value: line.offset for line in ledger.lines() if isinstance(line, PoisonLine) and line.partition == p
    }
    for record in log:
        truth.end = record.offset + 1
        if record.key == PULSE_KEY:
            truth.controls += 1
        elif record.value in poison:
            truth.poison[record.offset] = record.value
        else:
            reading.take(record)
    for identity in truth.acked - reading.in_log:
        found.add("answered 202 and not in the log", identity)
    for value, offset in poison.items():
        if offset >= 0 and offset not in truth.poison:
            found.add("acknowledged poison that is not in the log", value)
    for user_id in {user_id for user_id, _, _ in reading.in_log if partition_of(user_id, partitions) != p}:
        found.add("in a partition that is not the viewer's", (user_id, p))
    return truth


def _identities(lines: Iterable[SentLine]) -> Iterator[tuple[Identity, tuple[SentLine, int]]]:
    for line in lines:
        for place, (wire, reason, _) in enumerate(line.events):
            if not reason:
                yield (line.user_id, line.session_id, _decode(wire)["seq"]), (line, place)


@dataclass
class _Reading:
    """The log of one partition, being read: every event must be one that was sent."""

    truth: Truth
    sent: Mapping[Identity, tuple[SentLine, int]]
    indexes: Mapping[int, int]
    found: Problems
    between: tuple[int, int]  # when the API can have received something
    in_log: set[Identity] = field(default_factory=set)

    def take(self, record: LogRecord) -> None:
        """An event, or something that nobody knows."""
        event = _event(record.value)
        if event is None:
            self.found.add("in the log, and neither sent nor poison", (self.truth.partition, *record))
            return
        identity = (event["user_id"], event["session_id"], event["seq"])
        self._look_at(identity, event)
        self.in_log.add(identity)
        truth = self.truth
        if event.get("late"):
            truth.late[record.offset] = hash(row_of(event))
        elif identity in truth.expected.accepted:
            truth.repeats += 1
        else:
            truth.rows[record.offset] = hash(row_of(event))
        truth.expected.take(event)

    def _look_at(self, identity: Identity, event: Mapping[str, Any]) -> None:
        if identity in self.sent:
            line, received_ms = self.sent[identity][0], event["received_at_ms"]
            of_history = line.backfill and received_ms == line.sent_at_ms
            if not of_history and not self.between[0] <= received_ms <= self.between[1]:
                self.found.add("received when it was not sent", (identity, received_ms, "for", self.between))
            for wrong in differences(event, *self.sent[identity], self.indexes):
                self.found.add("not in the log as it was sent", (identity, wrong))
        elif event["session_id"] != SERVER_SESSION and event["user_id"] not in canary.USERS:
            self.found.add("in the log and never sent", identity)


def _event(value: bytes | None) -> dict[str, Any] | None:
    """The record as an object with an identity; None for anything else."""
    try:
        event = _decode(value or b"")
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    if not isinstance(event, dict) or not {"user_id", "session_id", "seq", "ts_ms", "received_at_ms"} <= event.keys():
        return None
    return event


def differences(event: Mapping[str, Any], line: SentLine, place: int, indexes: Mapping[int, int]) -> Iterator[str]:
    """What of a record is not as its client sent it, or not stamped as the rules say.  received_at is believed."""
    raw, _, qualifies = line.events[place]
    wire = _decode(raw)
    ts_ms, late, reset = when(wire["at_ms"], line.offset_ms, line.sent_at_ms, event["received_at_ms"])
    replayed = line.backfill and event["received_at_ms"] == line.sent_at_ms
    good = wire["type"] == "play_started" and replayed
    good = good or (qualifies is not None and qualifies[0] <= ts_ms < qualifies[1])
    must = {name: value for name, value in wire.items() if name != "ticket"}
    must |= {"user_id": line.user_id, "session_id": line.session_id, "drama_index": indexes.get(wire["drama_id"])}
    must |= {"ts_ms": ts_ms, "late": late, "clock_reset": reset, "qualified": good, "app_id": "wxstorm"}
    for name, value in must.items():
        if event.get(name, value if not value else None) != value:
            yield f"{name} {event.get(name)!r} for {value!r}"
    if "ticket" in event:
        yield "a ticket is in the log"


def when(at_ms: int, offset_ms: int, sent_at_ms: int, received_ms: int) -> tuple[int, bool, bool]:
    """(ts, late, clock_reset) of an event of this device clock."""

    def possible(ms: int) -> bool:
        return received_ms - LONGEST_MS <= ms <= received_ms + AHEAD_MS

    ts_ms = at_ms + offset_ms
    if possible(ts_ms):
        return ts_ms, received_ms - ts_ms > LATE_MS, False
    wrong_clock = sent_at_ms > 0 and not possible(sent_at_ms + offset_ms)
    return received_ms, wrong_clock and sent_at_ms - at_ms > LATE_MS, True


def row_of(event: Mapping[str, Any]) -> tuple[Any, ...]:
    """What its row says, in the order of check_rows.COLUMNS."""
    return (
        event["type"], event["event_id"], event["user_id"], event["session_id"], event["seq"],
        event.get("play_id", NO_PLAY), event["drama_id"], event.get("drama_index", 0), event.get("episode_no", 0),
        event["ts_ms"], event["received_at_ms"], event.get("from_ms", 0), event.get("to_ms", 0),
        event.get("duration_ms", 0), event.get("qualified", False),
        event["at_ms"], event.get("clock_reset", False), event.get("late", False), event.get("first_frame_ms", 0),
        event.get("wall_ms", 0), event.get("reason", ""), event.get("request_id", ""), event.get("position", 0),
        event.get("source", ""), event.get("rule", 1), event.get("app_id", ""), event.get("platform", ""),
        event.get("version", ""), event.get("network", ""), event.get("scene", 0), event.get("arm", ""),
        event.get("propensity", 0.0),
    )  # fmt: skip
