"""The body of POST /v1/events and its answer, as types: what is decoded, what is documented, what is answered."""

from __future__ import annotations

import uuid
from typing import Annotated, Any, Union

import msgspec

from domain.events import MAX_ID, WIRE, Count, Millis, Word
from ingest_api.events.reasons import Reason

MAX_EVENTS = 500
MAX_BODY_BYTES = 512 * 1024
MAX_GZIP_BYTES = 128 * 1024
MAX_DETAIL = 200

Offset = Annotated[int, msgspec.Meta(gt=-MAX_ID, lt=MAX_ID)]
WireEvent = Any  # one of domain.events.WIRE; made at import, so mypy cannot name it
AnyWire: Any = Union[tuple(WIRE.values())]  # noqa: UP007


class Client(msgspec.Struct, frozen=True, omit_defaults=True):
    """What sends: the app and where it runs.  All of it may be absent."""

    app_id: Word = ""
    platform: Word = ""
    version: Word = ""
    network: Word = ""
    scene: Count = 0
    channel: Word = ""


class Accepted(msgspec.Struct, frozen=True, tag_field="status", tag="accepted", gc=False):
    """The event is in the log for good, and is counted once."""

    event_id: uuid.UUID


class Rejected(msgspec.Struct, frozen=True, tag_field="status", tag="rejected", omit_defaults=True, gc=False):
    """The event was dropped for `reason`; `event_id` is as it was sent, empty if it was no text."""

    event_id: str
    reason: Reason
    detail: str = ""


class Batch(msgspec.Struct, frozen=True, kw_only=True):
    """Events of one session, in the order of `seq`.

    `clock_offset_ms`: what to add to the device's clock to get the server's (from earlier answers' server_time_ms).
    """

    session_id: uuid.UUID
    sent_at_ms: Millis = 0
    clock_offset_ms: Offset = 0
    client: Client = Client()
    events: list[AnyWire]


class LooseBatch(msgspec.Struct, frozen=True, kw_only=True):
    """A Batch whose events are still bytes: how a batch is read that holds a bad event."""

    session_id: uuid.UUID
    sent_at_ms: Millis = 0
    clock_offset_ms: Offset = 0
    client: Client = Client()
    events: list[msgspec.Raw]


class Answer(msgspec.Struct, frozen=True):
    """One result for each event, in their order.  `server_time_ms` is the server's clock when it answers."""

    accepted: int
    rejected: int
    results: list[Accepted | Rejected]
    server_time_ms: int
