"""Checks of single events against the catalogue and their batch."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from domain import events
from domain.catalogue import Catalogue
from ingest_api.events.contract import Accepted, Client
from ingest_api.events.judge import PAST_THE_END_MS, Judged, judge
from ingest_api.events.stamps import Receipt
from tests.builders import (
    DRAMA,
    EPISODE_MS,
    NOW_MS,
    OTHER_DRAMA,
    SESSION,
    UNKNOWN_DRAMA,
    a_catalogue,
    a_drama,
    an_event,
)

RECEIPT = Receipt(7, SESSION, NOW_MS, 0, Client())


def judged(*sent: dict[str, Any], catalogue: Catalogue | None = None) -> Judged:
    wires = [msgspec.convert(event, events.WIRE[event["type"]]) for event in sent]
    return judge(wires, RECEIPT, catalogue or a_catalogue())


def verdicts(found: Judged) -> list[str]:
    return ["ok" if isinstance(result, Accepted) else result.reason.value for result in found.results]


def verdict(kind: str = "liked", **fields: Any) -> str:
    return verdicts(judged(an_event(kind, **fields)))[0]


@pytest.mark.parametrize("kind", sorted(events.WIRE))
def test_every_public_type_is_taken(kind: str) -> None:
    assert verdict(kind) == "ok"


@pytest.mark.parametrize("kind", sorted(events.WIRE))
def test_a_drama_that_nobody_knows_is_rejected_whatever_happened_to_it(kind: str) -> None:
    assert verdict(kind, drama_id=UNKNOWN_DRAMA) == "unknown_drama"


@pytest.mark.parametrize("kind", ["play_started", "heartbeat", "play_ended", "liked", "unliked", "shared"])
def test_an_episode_that_the_drama_lacks_is_rejected(kind: str) -> None:
    assert verdict(kind, episode_no=3) == "ok"
    assert verdict(kind, episode_no=4) == "unknown_episode"


@pytest.mark.parametrize("drama", [a_drama(published=False), a_drama()])
def test_what_happened_to_a_drama_that_is_no_longer_shown_is_taken(drama: Any) -> None:
    catalogue = a_catalogue(drama, takedowns=(DRAMA,))
    assert verdicts(judged(an_event("heartbeat"), an_event("followed", 2), catalogue=catalogue)) == ["ok", "ok"]


@pytest.mark.parametrize("kind", ["heartbeat", "play_ended"])
@pytest.mark.parametrize(
    ("from_ms", "to_ms", "expected"),
    [
        (0, 0, "ok"),
        (5_000, 5_000, "ok"),
        (5_000, 4_999, "bad_interval"),
        (0, EPISODE_MS, "ok"),
        (0, EPISODE_MS + PAST_THE_END_MS, "ok"),
        (0, EPISODE_MS + PAST_THE_END_MS + 1, "bad_interval"),
        (EPISODE_MS + 60_000, EPISODE_MS + 61_000, "bad_interval"),
        (0, 2**53 - 1, "bad_interval"),
    ],
)
def test_an_interval_runs_forward_within_the_episode(kind: str, from_ms: int, to_ms: int, expected: str) -> None:
    assert verdict(kind, from_ms=from_ms, to_ms=to_ms) == expected


def test_the_length_is_that_of_the_episode_watched() -> None:
    catalogue = Catalogue.of([a_drama().__class__(drama_id=DRAMA, index=1, durations=[10_000, 60_000])])
    long = [an_event("heartbeat", no, episode_no=no, to_ms=30_000) for no in (1, 2)]
    assert verdicts(judged(*long, catalogue=catalogue)) == ["bad_interval", "ok"]


def test_numbers_that_do_not_rise_are_rejected_one_by_one() -> None:
    found = judged(*(an_event(seq=seq) for seq in (1, 2, 2, 1, 3, 9, 4)))
    assert verdicts(found) == ["ok", "ok", "seq_order", "seq_order", "ok", "ok", "seq_order"]


def test_a_rejected_event_does_not_use_its_number_up() -> None:
    found = judged(an_event(seq=1), an_event(seq=50, drama_id=UNKNOWN_DRAMA), an_event(seq=2))
    assert verdicts(found) == ["ok", "unknown_drama", "ok"]


def test_what_is_logged_is_what_was_accepted_in_its_order() -> None:
    found = judged(an_event(seq=1), an_event(seq=2, drama_id=UNKNOWN_DRAMA), an_event("followed", 3))
    logged = [events.decode(value) for value in found.values]
    assert [event.seq for event in logged] == [1, 3]
    assert found.types == {"liked": 1, "followed": 1}


def test_the_catalogues_facts_are_stamped() -> None:
    found = judged(
        an_event("heartbeat", 1, drama_id=OTHER_DRAMA),
        an_event("liked", 2),
        an_event("followed", 3, drama_id=OTHER_DRAMA),
    )
    beat, liked, followed = (events.decode(value) for value in found.values)
    assert (beat.drama_index, beat.duration_ms) == (2, EPISODE_MS)
    assert liked.drama_index == 1
    assert followed.drama_index == 2
    assert b"duration_ms" not in found.values[1] + found.values[2]


def test_a_playback_qualifies_and_its_ticket_goes_no_further() -> None:
    found = judged(an_event("play_started", ticket="very-secret"), an_event("heartbeat", 2))
    started = events.decode(found.values[0])
    assert (started.qualified, started.ticket) == (True, None)
    assert b"very-secret" not in found.values[0]
    assert b"qualified" not in found.values[1]
