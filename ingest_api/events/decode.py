"""From a body to a batch.  All good: one typed pass.  Otherwise event by event, so that a bad one sinks only itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from domain.events import WIRE, Seq
from ingest_api.errors import BadEnvelope, MalformedJson, TooDeep, TooManyEvents
from ingest_api.events.contract import MAX_DETAIL, MAX_EVENTS, AnyWire, Batch, LooseBatch, Rejected, WireEvent
from ingest_api.events.reasons import Reason

SERVER_TYPES = frozenset({"unlocked", "order_paid", "refunded", "wallet_changed", "commented", "pulse"})
ESCAPED_NUL = b"\\u0000"


class Suspect(msgspec.Struct):
    """What is looked at in an event that is none, each field for itself."""

    type: msgspec.Raw = msgspec.Raw()
    event_id: msgspec.Raw = msgspec.Raw()
    seq: msgspec.Raw = msgspec.Raw()


_batch = msgspec.json.Decoder(Batch).decode
_loose = msgspec.json.Decoder(LooseBatch).decode
_event = msgspec.json.Decoder(AnyWire).decode
_suspect = msgspec.json.Decoder(Suspect).decode
_string = msgspec.json.Decoder(str).decode
_seq = msgspec.json.Decoder(Seq).decode


class Read(msgspec.Struct, frozen=True):
    """A batch as it was read: its envelope, and for each event the event itself or why it is rejected."""

    envelope: Batch | LooseBatch
    events: list[WireEvent]  # or Rejected
    originals: list[msgspec.Raw] | None = None  # beside `events` where one may be bad

    def original(self, place: int) -> bytes:
        """The event at `place` as it was sent, or as it was read where all could be."""
        return bytes(self.originals[place]) if self.originals else msgspec.json.encode(self.events[place])


def read(body: bytes) -> Read:
    """The batch in `body`.

    Raises MalformedJson or TooDeep for what is not JSON, BadEnvelope for what surrounds the events, TooManyEvents.
    """
    if ESCAPED_NUL not in body:
        try:
            batch = _batch(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            pass  # who is to blame is found below
        else:
            return Read(batch, _bounded(batch.events))
    return _event_by_event(_loose_batch(body))


def _loose_batch(body: bytes) -> LooseBatch:
    try:
        batch = _loose(body)
    except msgspec.ValidationError as error:
        raise BadEnvelope(str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedJson from error
    except RecursionError as error:
        raise TooDeep from error
    if any("\0" in text for text in msgspec.structs.astuple(batch.client) if isinstance(text, str)):
        raise BadEnvelope("NUL in client")
    return batch


def _event_by_event(batch: LooseBatch) -> Read:
    raws = _bounded(batch.events)
    return Read(batch, [_read_one(raw) for raw in raws], raws)


def _read_one(raw: msgspec.Raw) -> WireEvent | Rejected:
    try:
        event = _event(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return _blame(raw, str(error)[:MAX_DETAIL])
    if any("\0" in text for text in msgspec.structs.astuple(event) if isinstance(text, str)):
        return Rejected(str(event.event_id), Reason.MALFORMED, "NUL in a text")
    return event


def _blame(raw: msgspec.Raw, detail: str) -> Rejected:
    """Why `raw` is no event, looking at the fields that have reasons of their own."""
    try:
        suspect = _suspect(raw)
    except (msgspec.DecodeError, RecursionError):
        return Rejected("", Reason.MALFORMED, detail)
    return Rejected(_text(suspect.event_id)[:64], _reason(_text(suspect.type), suspect.seq), detail)


def _reason(kind: str, seq: msgspec.Raw) -> Reason:
    if kind in SERVER_TYPES:
        return Reason.NOT_PUBLIC
    if kind and kind not in WIRE:
        return Reason.UNKNOWN_TYPE
    if kind and bytes(seq) and not _is(_seq, seq):
        return Reason.BAD_SEQ
    return Reason.MALFORMED


def _text(raw: msgspec.Raw) -> str:
    return _string(raw) if _is(_string, raw) else ""


def _is(decode: Callable[[msgspec.Raw], object], raw: msgspec.Raw) -> bool:
    try:
        decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return True


def _bounded(events: list[Any]) -> list[Any]:
    if len(events) > MAX_EVENTS:
        raise TooManyEvents(f"{len(events)} events; at most {MAX_EVENTS}")
    return events
