"""Small builders: what a test is not about is filled in.  Events and batches are as a client sends them."""

from __future__ import annotations

import itertools
import json
import uuid
from typing import Any

import msgspec

from domain import events
from domain.catalogue import Catalogue, Drama
from ingest_api.auth import Scope, issue

SECRET = "only-for-tests-0123456789abcdefghijkl"
TICKET_SECRET = "only-for-tickets-0123456789abcdefghij"
NOW_MS = 1_790_000_000_000
NOW_S = NOW_MS // 1000
USER = 7
DRAMA, OTHER_DRAMA, UNKNOWN_DRAMA = 7, 9, 404
EPISODE_MS = 90_000
SESSION = "0190c5e2-7d5a-7c3e-9a51-2f6f1c8e4b10"
PLAY = "0190c5e2-9b1f-7d42-8f60-7a1f0c2d3e4f"

_RIGHT = {"drama_id": DRAMA, "episode_no": 1, "play_id": PLAY, "from_ms": 0, "to_ms": 5_000}
_REQUIRED = {
    kind: {field.name for field in msgspec.structs.fields(wire) if field.required} for kind, wire in events.WIRE.items()
}


def an_event(kind: str = "liked", seq: int = 1, **fields: Any) -> dict[str, Any]:
    """A right event of any type; `fields` replace or add, a field given as ... is left out."""
    event: dict[str, Any] = {"type": kind, "event_id": str(uuid.UUID(int=seq)), "seq": seq, "at_ms": NOW_MS}
    event |= {name: value for name, value in _RIGHT.items() if name in _REQUIRED[kind]}
    return {name: value for name, value in (event | fields).items() if value is not ...}


def a_batch(*events: dict[str, Any], **envelope: Any) -> dict[str, Any]:
    """A batch of these events (else of one); `envelope` replaces or adds, a field given as ... is left out."""
    batch = {"session_id": SESSION, "sent_at_ms": NOW_MS, "clock_offset_ms": 0, "client": {"platform": "weapp"}}
    batch |= {"events": list(events) or [an_event()]}
    return {name: value for name, value in (batch | envelope).items() if value is not ...}


def a_session(events: int, drama_id: int = DRAMA) -> list[dict[str, Any]]:
    """Events as a viewer makes them: a start, heartbeats (the episode begins again at its end), likes between."""
    made, at_ms, seqs = [an_event("play_started", 1, drama_id=drama_id)], 0, itertools.count(2)
    for seq in itertools.islice(seqs, events - 1):
        if seq % 10 == 0:
            made.append(an_event("liked", seq, drama_id=drama_id))
            continue
        made.append(an_event("heartbeat", seq, drama_id=drama_id, from_ms=at_ms, to_ms=at_ms + 5_000, wall_ms=5_000))
        at_ms = (at_ms + 5_000) % EPISODE_MS
    return made


def a_body(*events: dict[str, Any], **envelope: Any) -> bytes:
    """The batch as bytes."""
    return json.dumps(a_batch(*events, **envelope)).encode()


def a_drama(
    drama_id: int = DRAMA, index: int = 1, episodes: int = 3, duration_ms: int = EPISODE_MS, **more: Any
) -> Drama:
    """A drama whose episodes are all of one length."""
    return Drama(drama_id=drama_id, index=index, durations=[duration_ms] * episodes, **more)


def a_catalogue(*dramas: Drama, takedowns: tuple[int, ...] = ()) -> Catalogue:
    """These dramas, else DRAMA and OTHER_DRAMA."""
    return Catalogue.of(dramas or (a_drama(), a_drama(OTHER_DRAMA, 2)), takedowns)


def a_token(user_id: int = USER, scope: Scope = Scope.VIEWER, now_s: int = NOW_S, days: int = 30, **about: Any) -> str:
    """A token as `juliu token` makes it."""
    return issue(SECRET, user_id, scope, now_s, days, **about)
