"""What the log hands a worker: records, and the one rule that says which of them are poison.

Both workers decode with `read`, so that they agree about every record from the log alone.
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


class Poison(Exception):
    """A record that cannot be processed, now or ever; its text is the reason."""


def is_pulse(record: Record) -> bool:
    """Whether this is a control record, which no fold counts."""
    return record.key == PULSE_KEY


def read(record: Record, p: int, partitions: int) -> events.AnyEvent:
    """The event in a record of partition `p` of `partitions`.  Raises Poison."""
    try:
        event: events.AnyEvent = events.decode(record.value or b"")
    except (msgspec.DecodeError, RecursionError) as error:
        raise Poison(f"undecodable: {error}"[:MAX_REASON]) from error
    if event.user_id < 1 or not event.session_id or event.received_at_ms < 1:
        raise Poison("unstamped")
    if partition_of(event.user_id, partitions) != p:
        raise Poison("wrong partition")
    return event


def from_offset(records: Sequence[Record], offset: int) -> Sequence[Record]:
    """Those of ascending `records` that are not before `offset`."""
    if not records or records[0].offset >= offset:
        return records
    return [record for record in records if record.offset >= offset]
