"""Which events of a batch are taken, and in what form they go into the log.  Pure: a catalogue and a receipt go in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from enum import StrEnum
from typing import NamedTuple

import msgspec

from domain import canary, tickets
from domain.catalogue import NO_INDEX, Catalogue
from domain.events import PUBLIC, WIRE, EpisodeEvent, Heartbeat, PlayEnded, PlayEvent, PlayStarted
from ingest_api.events.contract import Accepted, Rejected, WireEvent
from ingest_api.events.reasons import Reason
from ingest_api.events.stamps import Receipt, Stamper, place_stamps

PAST_THE_END_MS = 2_000  # players report a little more than the file's length
QUALIFIED = b',"qualified":true'


class Kind(NamedTuple):
    """What is checked and stamped for one type of event."""

    tag: str
    episode: bool  # names an episode
    play: bool  # is part of a playback: the episode's duration is stamped
    interval: bool  # has from_ms..to_ms
    start: bool  # brings a ticket, may qualify


KINDS = {
    WIRE[tag]: Kind(
        tag,
        episode=issubclass(event, EpisodeEvent),
        play=issubclass(event, PlayEvent),
        interval=issubclass(event, Heartbeat | PlayEnded),
        start=issubclass(event, PlayStarted),
    )
    for event in PUBLIC
    if (tag := str(event.__struct_config__.tag))
}

CANARY_EVENT = WIRE[str(canary.EVENT.__struct_config__.tag)]


class Place(NamedTuple):
    """Where an event happened: its stamps, the last position an interval may reach, or why there is no such place."""

    stamps: bytes = b""
    play_stamps: bytes = b""
    end_ms: int = 0
    unknown: Reason | None = None


class Places(dict[tuple[int, int], Place]):
    """(drama, episode) -> Place, looked up once a batch; episode 0 is the drama itself."""

    def __init__(self, catalogue: Catalogue) -> None:
        super().__init__()
        self._catalogue = catalogue

    def __missing__(self, key: tuple[int, int]) -> Place:
        place = self[key] = self._find(*key)
        return place

    def _find(self, drama_id: int, episode_no: int) -> Place:
        index = self._catalogue.index_of(drama_id)
        if index is None:
            return Place(unknown=Reason.UNKNOWN_DRAMA)
        if not episode_no:
            return Place(place_stamps(index))
        duration_ms = self._catalogue.duration_ms(drama_id, episode_no)
        if duration_ms is None:
            return Place(unknown=Reason.UNKNOWN_EPISODE)
        return Place(place_stamps(index), place_stamps(index, duration_ms), duration_ms + PAST_THE_END_MS)


class CanaryPlaces(Places):
    """What a canary's token may speak of: the one drama that nobody else has."""

    def _find(self, drama_id: int, episode_no: int) -> Place:
        if drama_id != canary.DRAMA_ID or episode_no:
            return Place(unknown=Reason.UNKNOWN_DRAMA)
        return Place(place_stamps(NO_INDEX))


class Brought(StrEnum):
    """What a `play_started` brought to show that it may heat its drama."""

    BACKFILL = "backfill"  # a history that is replayed: it was entitled when it happened
    VALID = "valid"
    NONE = "none"
    BAD = "bad"  # no ticket of ours
    OTHER = "other"  # another viewer's or episode's, or its life does not cover the playback


QUALIFIES = frozenset({Brought.BACKFILL, Brought.VALID})


class Judged(NamedTuple):
    """`values` go into the log, in order; `results` has one entry an event; `types` counts what is accepted.

    `starts` has what each accepted `play_started` brought.
    """

    values: list[bytes]
    results: list[Accepted | Rejected]
    types: Counter[str]
    starts: list[Brought]


def judge(
    events: list[WireEvent], receipt: Receipt, catalogue: Catalogue, ticket_secrets: Sequence[bytes] = ()
) -> Judged:
    """Check each event (some may be Rejected already) for itself; what is not taken costs the others nothing.

    A playback is qualified by a ticket that one of `ticket_secrets` signed; one without is counted, and heats nothing.
    """
    judged, last_seq = Judged([], [], Counter(), []), 0
    places, stamper, tags = Places(catalogue), Stamper(receipt), []
    if receipt.canary:
        events, places = [_canary(event) for event in events], CanaryPlaces(catalogue)
    for event in events:
        kind = KINDS.get(type(event))
        if kind is None:
            judged.results.append(event)
            continue
        place = places[event.drama_id, event.episode_no if kind.episode else 0]
        reason = _fault(event, kind, place, last_seq)
        if reason is not None:
            judged.results.append(Rejected(str(event.event_id), reason))
            continue
        last_seq = event.seq
        if kind.start:
            judged.starts.append(brought := _brought(event, stamper, ticket_secrets))
            judged.values.append(_logged_start(event, place, stamper, brought))
        else:
            judged.values.append(stamper.stamped(event, place.play_stamps if kind.play else place.stamps))
        judged.results.append(Accepted(event.event_id))
        tags.append(kind.tag)
    judged.types.update(tags)
    return judged


def _canary(event: WireEvent) -> WireEvent:
    """The event, if it is of the canary's type (or rejected already)."""
    if type(event) in (Rejected, CANARY_EVENT):
        return event
    return Rejected(str(event.event_id), Reason.UNKNOWN_TYPE)


def _fault(event: WireEvent, kind: Kind, place: Place, last_seq: int) -> Reason | None:
    if event.seq <= last_seq:
        return Reason.SEQ_ORDER
    if place.unknown is not None:
        return place.unknown
    if kind.interval and not event.from_ms <= event.to_ms <= place.end_ms:
        return Reason.BAD_INTERVAL
    return None


def _brought(event: WireEvent, stamper: Stamper, secrets: Sequence[bytes]) -> Brought:
    receipt = stamper.receipt
    if receipt.backfill:
        return Brought.BACKFILL
    if event.ticket is None:
        return Brought.NONE
    try:
        ticket = tickets.read(secrets, event.ticket)
    except tickets.BadTicket:
        return Brought.BAD
    began_ms = stamper.when(event).ts_ms
    good = tickets.valid(ticket, receipt.user_id, event.drama_id, event.episode_no, began_ms)
    return Brought.VALID if good else Brought.OTHER


def _logged_start(event: WireEvent, place: Place, stamper: Stamper, brought: Brought) -> bytes:
    if event.ticket is not None:  # a ticket is a capability: it is looked at here and goes no further
        event = msgspec.structs.replace(event, ticket=None)
    marks = QUALIFIED if brought in QUALIFIES else b""
    return stamper.stamped(event, place.play_stamps + marks)
