"""What the log hands a worker: records, and the one rule that says which of them are poison.

Both workers decode with `read_all`, so that they agree about every record from the log alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec

from domain import events
from domain.topics import PULSE_KEY, partition_of

MAX_REASON = 200  # characters of a reason in a header


class Record(Protocol):
    """One record of the log, as the consumer gives it.  `timestamp` is the broker's or producer's, in ms."""

    @property
    def offset(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def timestamp(self) -> int: ...


def read_all(
    run: Sequence[Record], p: int, partitions: int
) -> tuple[list[events.AnyEvent | None], list[tuple[Record, str]]]:
    """The events of records of partition `p` of `partitions`, None for a pulse and for poison; the poison with why."""
    read: list[events.AnyEvent | None] = []
    poison: list[tuple[Record, str]] = []
    decode = events.decode  # this loop sees every event there is
    for record in run:
        event: events.AnyEvent | None = None
        if record.key != PULSE_KEY:
            try:
                event = decode(record.value or b"")
            except (msgspec.DecodeError, RecursionError) as error:
                poison.append((record, f"undecodable: {error}"[:MAX_REASON]))
            else:
                if wrong := _wrong(event, p, partitions):
                    poison.append((record, wrong))
                    event = None
        read.append(event)
    return read, poison


def _wrong(event: events.AnyEvent, p: int, partitions: int) -> str:
    """Why an event that could be decoded cannot have come from the API."""
    if event.user_id < 1 or not event.session_id or event.received_at_ms < 1:
        return "unstamped"
    return "" if partition_of(event.user_id, partitions) == p else "wrong partition"


def from_offset(records: Sequence[Record], offset: int) -> Sequence[Record]:
    """Those of ascending `records` that are not before `offset`."""
    if not records or records[0].offset >= offset:
        return records
    return [record for record in records if record.offset >= offset]
