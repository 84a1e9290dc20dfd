"""The facts that the API adds to an event, once: every reader of the log agrees for ever.  Pure; handed the time."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from domain.events import RULE_VERSION, encode
from domain.keys import LATENESS_S
from ingest_api.events.contract import Client, WireEvent

MAX_AHEAD_MS = 10 * 60_000
MAX_BEHIND_MS = 90 * 86_400_000
LATENESS_MS = LATENESS_S * 1000


class Receipt(NamedTuple):
    """What is the same for all events of a request.  `received_at_ms` is the server's clock (backfill: sent_at_ms)."""

    user_id: int
    session_id: str
    received_at_ms: int
    clock_offset_ms: int
    client: Client
    sent_at_ms: int = 0  # the device's clock when it sent the request; 0 is unknown
    backfill: bool = False  # a history that is replayed
    canary: bool = False  # may send the canary's event, and nothing else


class When(NamedTuple):
    """When an event happened by the server's clock, and what is odd about it."""

    ts_ms: int
    late: bool
    clock_reset: bool


def when(at_ms: int, clock_offset_ms: int, received_at_ms: int, sent_at_ms: int = 0) -> When:
    """The device's clock put right; a time that cannot be (too far ahead or behind) becomes the time of receipt.

    `late`: received more than 7 days after it happened; kept, not counted.  A clock that is wrong as a whole still
    tells how long ago something was: an event sent again when its duplicate window may be gone must be late too.
    """
    ts_ms = at_ms + clock_offset_ms
    if _can_be(ts_ms, received_at_ms):
        return When(ts_ms, received_at_ms - ts_ms > LATENESS_MS, False)
    wrong_as_a_whole = sent_at_ms > 0 and not _can_be(sent_at_ms + clock_offset_ms, received_at_ms)
    return When(received_at_ms, wrong_as_a_whole and sent_at_ms - at_ms > LATENESS_MS, True)


def _can_be(ts_ms: int, received_at_ms: int) -> bool:
    return received_at_ms - MAX_BEHIND_MS <= ts_ms <= received_at_ms + MAX_AHEAD_MS


class _Common(msgspec.Struct, omit_defaults=True):
    """The stamps of a Receipt as they stand in the log; defaults are left out."""

    user_id: int
    session_id: str
    received_at_ms: int
    app_id: str = ""
    platform: str = ""
    version: str = ""
    network: str = ""
    scene: int = 0
    channel: str = ""


class Stamper:
    """Writes events of one request in their log form."""

    def __init__(self, receipt: Receipt) -> None:
        self.receipt = receipt
        self._offset_ms = receipt.clock_offset_ms
        self._received_at_ms = receipt.received_at_ms
        self._sent_at_ms = receipt.sent_at_ms
        client = msgspec.structs.asdict(receipt.client)
        common = encode(_Common(receipt.user_id, receipt.session_id, receipt.received_at_ms, **client))
        # the rule is always written: a reader with a newer default must not reinterpret what was counted
        self._common = b',"rule":%d,' % RULE_VERSION + common[1:]

    def when(self, event: WireEvent) -> When:
        """When the event happened, as it is stamped."""
        return when(event.at_ms, self._offset_ms, self._received_at_ms, self._sent_at_ms)

    def stamped(self, event: WireEvent, of_place: bytes) -> bytes:
        """The JSON of `event` as a domain.events record; `of_place` is `place_stamps` of where it happened."""
        ts_ms, late, clock_reset = when(event.at_ms, self._offset_ms, self._received_at_ms, self._sent_at_ms)
        marks = b',"ts_ms":%d' % ts_ms
        if late:
            marks += b',"late":true'
        if clock_reset:
            marks += b',"clock_reset":true'
        return encode(event)[:-1] + marks + of_place + self._common


def place_stamps(drama_index: int, duration_ms: int | None = None) -> bytes:
    """What the catalogue adds to an event: JSON fields, a comma before each.  `duration_ms` is for playbacks alone."""
    index = b',"drama_index":%d' % drama_index
    return index if duration_ms is None else index + b',"duration_ms":%d' % duration_ms
