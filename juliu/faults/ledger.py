"""The ledger of a run: what was sent and what was answered, a line each in a file, flushed before the next request.

It is what the check believes: nothing in it comes from the product but the answers.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Literal, NamedTuple, Self

import msgspec

from domain.topics import partition_of
from juliu.faults.traffic import Parcel


class LogRecord(NamedTuple):
    """A record as it lies in the log."""

    offset: int
    key: bytes | None
    value: bytes | None


Outcome = Literal["acked", "unknown", "rejected", "gone"]  # gone: nobody said yes or no, and we stopped asking


class SentLine(msgspec.Struct, frozen=True, tag="sent", tag_field="line", array_like=True, gc=False):
    """A request before it is sent.  `events`: wire form, reason to reject it, times at which its ticket is good."""

    n: int
    user_id: int
    session_id: str
    sent_at_ms: int
    offset_ms: int
    copy_of: int
    garbage: bool
    backfill: bool
    events: list[tuple[msgspec.Raw, str, tuple[int, int] | None]]


class AnswerLine(msgspec.Struct, frozen=True, tag="answer", tag_field="line", array_like=True, gc=False):
    """What became of attempt `attempt` of request `n`, `done_ms` after the beginning; `accepted` events of it."""

    n: int
    attempt: int
    outcome: Outcome
    status: int
    accepted: int
    done_ms: int


class PoisonLine(msgspec.Struct, frozen=True, tag="poison", tag_field="line", array_like=True, gc=False):
    """Undecodable bytes that were written into the log at this place; offset -1: nobody knows whether they were."""

    partition: int
    offset: int
    value: bytes


Line = SentLine | AnswerLine | PoisonLine
_decode = msgspec.json.Decoder(Line).decode


class Ledger:
    """Writes the file; the counts are of events that were sent for the first time."""

    def __init__(self, path: Path, drama_indexes: dict[int, int]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.drama_indexes = drama_indexes  # dense index of each drama, as the catalogue was published
        self.sent = self.acked = self.unknown = self.rejected = 0
        self.poison = 0
        self.shared_labels = 0  # events sent under an event_id that is another's
        self.began_ms = int(time.time() * 1000)
        self.skew_ms = 5_000  # how wrong the API's clock may be
        self.kept: dict[int, list[LogRecord]] = {}  # by partition: what a fault has Kafka delete
        self.problems: list[str] = []  # answers that must not be, in words
        self._file = path.open("wb")
        self._encode = msgspec.json.Encoder().encode

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def sends(self, parcel: Parcel) -> None:
        """Before the first attempt."""
        self.sent += len(parcel.events)
        events = [(event.wire, event.reason, event.qualifies) for event in parcel.events]
        self._write(SentLine(
            parcel.n, parcel.user_id, parcel.session_id, parcel.sent_at_ms, parcel.offset_ms, parcel.copy_of,
            parcel.garbage, parcel.backfill, events,
        ))  # fmt: skip

    def answered(self, line: AnswerLine) -> None:
        """After an attempt."""
        self._write(line)

    def poisoned(self, partition: int, offset: int, value: bytes) -> None:
        """After it was written, or may have been."""
        self.poison += 1
        self._write(PoisonLine(partition, offset, value))

    def wrong(self, problem: str) -> None:
        """An answer that breaks a promise; the first hundred are kept."""
        if len(self.problems) < 100:
            self.problems.append(problem)

    def close(self) -> None:
        """Nothing more will be written."""
        self._file.close()

    def lines(self) -> Iterator[Line]:
        """Everything that was written, in order."""
        return read(self.path)

    def _write(self, line: Line) -> None:
        self._file.write(self._encode(line) + b"\n")
        self._file.flush()


def read(path: Path) -> Iterator[Line]:
    """The lines of a ledger.  A last line that was cut short (the runner was killed) is left out."""
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield _decode(line)


def taken(path: Path, partition: int, partitions: int) -> tuple[list[SentLine], set[int]]:
    """The requests of this partition, without copies and garbage, and the numbers of those that were answered 202.

    A request counts as answered also where only a copy of it was.
    """
    sent: list[SentLine] = []
    copies: dict[int, int] = {}
    acked: set[int] = set()
    for line in read(path):
        if isinstance(line, SentLine):
            if partition_of(line.user_id, partitions) == partition and not line.garbage:
                if line.copy_of >= 0:
                    copies[line.n] = line.copy_of
                else:
                    sent.append(line)
        elif isinstance(line, AnswerLine) and line.outcome == "acked":
            acked.add(copies.get(line.n, line.n))
    return sent, acked
