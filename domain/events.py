"""The events of the log.  Times are milliseconds since 1970 (UTC), content positions milliseconds of the episode.

One shape, written once: a class here is the record in the log.  The fields named in STAMPS are facts that the API adds
once, so that every reader agrees for ever; `wire(cls)` is the same class without them, which is what a client sends
(fields that it does not know are dropped: nothing that a client adds can pass for a stamp).
A new field has a default; removing or renaming one breaks the log (tests/unit/corpus holds every released version).
"""

from __future__ import annotations

import uuid
from typing import Annotated, Any, get_args, get_type_hints

import msgspec

RULE_VERSION = 1  # of domain.playback: stamped, so that a later rule does not change what was counted
MAX_ID = 2**53  # ids are exact in JavaScript
MAX_SEQ = 2**53

Uuid = Annotated[str, msgspec.Meta(description="UUID of any version")]
Millis = Annotated[int, msgspec.Meta(ge=0, lt=MAX_ID)]
Id = Annotated[int, msgspec.Meta(ge=1, lt=MAX_ID)]
Seq = Annotated[int, msgspec.Meta(ge=1, lt=MAX_SEQ)]
EpisodeNo = Annotated[int, msgspec.Meta(ge=1, le=100_000)]
Word = Annotated[str, msgspec.Meta(max_length=64)]
Count = Annotated[int, msgspec.Meta(ge=0, lt=2**31)]
Chance = Annotated[float, msgspec.Meta(ge=0, le=1)]


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", gc=False):
    """What every event has.  Its identity is (user_id, session_id, seq); event_id is its label."""

    event_id: Uuid
    seq: Seq
    at_ms: Millis
    request_id: Word = ""
    # stamped by the API
    user_id: int = 0
    session_id: str = ""
    ts_ms: int = 0
    received_at_ms: int = 0
    late: bool = False
    clock_reset: bool = False
    rule: int = 1  # for ever: of a record without one
    app_id: str = ""
    platform: str = ""
    version: str = ""
    network: str = ""
    scene: int = 0
    channel: str = ""


class DramaEvent(Event, frozen=True, kw_only=True, gc=False):
    """Something about a drama.  `drama_index` is the catalogue's dense index, stamped."""

    drama_id: Id
    drama_index: int = 0


class EpisodeEvent(DramaEvent, frozen=True, kw_only=True, gc=False):
    """Something about one episode of a drama."""

    episode_no: EpisodeNo


class PlayEvent(EpisodeEvent, frozen=True, kw_only=True, gc=False):
    """Something about one playback: (user_id, session_id, play_id).  `duration_ms` is the episode's, stamped."""

    play_id: Uuid
    duration_ms: int = 0


class PlayStarted(PlayEvent, frozen=True, kw_only=True, tag="play_started", gc=False):
    """The first frame was shown, `first_frame_ms` after the viewer asked.

    `qualified`, stamped: this playback may heat its drama.
    """

    first_frame_ms: Count = 0
    ticket: Annotated[str, msgspec.Meta(max_length=512)] | None = None
    qualified: bool = False


class Heartbeat(PlayEvent, frozen=True, kw_only=True, tag="heartbeat", gc=False):
    """The viewer watched from_ms..to_ms (half open) of the episode in one go, at one speed, in `wall_ms`."""

    from_ms: Millis
    to_ms: Millis
    wall_ms: Count = 0
    stalls: Count = 0
    stall_ms: Count = 0


class PlayEnded(PlayEvent, frozen=True, kw_only=True, tag="play_ended", gc=False):
    """The playback is over; from_ms..to_ms is its last interval, which may be empty."""

    from_ms: Millis
    to_ms: Millis
    wall_ms: Count = 0
    stalls: Count = 0
    stall_ms: Count = 0
    reason: Word = ""


class Liked(EpisodeEvent, frozen=True, kw_only=True, tag="liked", gc=False):
    """The viewer likes this episode."""


class Unliked(EpisodeEvent, frozen=True, kw_only=True, tag="unliked", gc=False):
    """The viewer takes the like of this episode back."""


class Shared(EpisodeEvent, frozen=True, kw_only=True, tag="shared", gc=False):
    """The viewer shared this episode; each time counts."""


class Followed(DramaEvent, frozen=True, kw_only=True, tag="followed", gc=False):
    """The viewer follows this drama (追剧)."""


class Unfollowed(DramaEvent, frozen=True, kw_only=True, tag="unfollowed", gc=False):
    """The viewer no longer follows this drama."""


class Disliked(DramaEvent, frozen=True, kw_only=True, tag="disliked", gc=False):
    """The viewer is not interested in this drama (不感兴趣)."""


class Impression(DramaEvent, frozen=True, kw_only=True, tag="impression", gc=False):
    """This drama was on the screen, at `position` of the answer `request_id`, put there by `source`.

    All four, and `propensity`, are the feed's own words, told back; `propensity` is the chance with which this drama
    had this place, 0: not known.
    """

    position: Count = 0
    source: Word = ""
    arm: Word = ""
    propensity: Chance = 0.0


class Clicked(DramaEvent, frozen=True, kw_only=True, tag="clicked", gc=False):
    """The viewer opened this drama from the answer `request_id`; `position` to `propensity` as in its impression."""

    position: Count = 0
    source: Word = ""
    arm: Word = ""
    propensity: Chance = 0.0


class Unlocked(DramaEvent, frozen=True, kw_only=True, tag="unlocked", gc=False):
    """The viewer may watch this episode (0: the whole drama) from now on; so many coins of each kind paid for it.

    From the relay alone: session SERVER_SESSION, `seq` the viewer's next there, all times those of the transaction.
    """

    episode_no: Annotated[int, msgspec.Meta(ge=0, le=100_000)] = 0
    way: Word = "coin"  # later also ad, membership, bundle
    paid_coins: Count = 0
    bonus_coins: Count = 0
    price_version: Word = ""


class Refunded(DramaEvent, frozen=True, kw_only=True, tag="refunded", gc=False):
    """An unlock of this episode (0: of the whole drama) was taken back; so many coins of each kind came back for it.

    From the relay alone, as Unlocked; `price_version` is that of the unlock.
    """

    episode_no: Annotated[int, msgspec.Meta(ge=0, le=100_000)] = 0
    paid_coins: Count = 0
    bonus_coins: Count = 0
    price_version: Word = ""


AnyEvent = (
    PlayStarted | Heartbeat | PlayEnded
    | Liked | Unliked | Shared | Followed | Unfollowed | Disliked
    | Impression | Clicked
    | Unlocked | Refunded
)  # fmt: skip
ALL: tuple[type[Event], ...] = get_args(AnyEvent)
SERVER: tuple[type[Event], ...] = (Unlocked, Refunded)  # decided in MySQL, told to the log by the relay
PUBLIC = tuple(event for event in ALL if event not in SERVER)  # those that a client may send
SERVER_SESSION = "server"  # a client's session is a UUID, so none can be taken for it
STAMPS = frozenset({
    "user_id", "session_id", "ts_ms", "received_at_ms", "late", "clock_reset", "rule",
    "app_id", "platform", "version", "network", "scene", "channel",
    "drama_index", "duration_ms", "qualified",
})  # fmt: skip

decode = msgspec.json.Decoder(AnyEvent).decode
encode = msgspec.json.Encoder().encode


class Head(msgspec.Struct, gc=False):
    """The part of a record that the store of rows looks at; the rest stays bytes."""

    user_id: int
    session_id: str
    seq: int
    received_at_ms: int
    late: bool = False


decode_head = msgspec.json.Decoder(Head).decode


def wire(event: type[Event]) -> type[msgspec.Struct]:
    """What a client sends: `event` without the stamped fields, its UUIDs checked and written in the canonical form."""
    hints = get_type_hints(event, include_extras=True)
    fields: list[Any] = []
    for field in msgspec.structs.fields(event):
        if field.name in STAMPS:
            continue
        kind = uuid.UUID if hints[field.name] == Uuid else hints[field.name]
        fields.append((field.name, kind) if field.required else (field.name, kind, field.default))
    config = event.__struct_config__
    return msgspec.defstruct(
        event.__name__,
        fields,
        tag=config.tag,
        tag_field="type",
        kw_only=True,
        omit_defaults=True,
        frozen=True,
        gc=False,
        namespace={"__doc__": event.__doc__},
    )


WIRE = {event.__struct_config__.tag: wire(event) for event in PUBLIC}
