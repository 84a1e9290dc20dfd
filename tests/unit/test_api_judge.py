"""Checks of single events against the catalogue and their batch."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from domain import events, tickets
from domain.catalogue import Catalogue
from domain.tickets import Ticket
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
SECRET, PREVIOUS, OTHER = (bytes([n]) * 32 for n in (1, 2, 3))
HOUR_MS = 3_600_000


def judged(*sent: dict[str, Any], catalogue: Catalogue | None = None, receipt: Receipt = RECEIPT) -> Judged:
    wires = [msgspec.convert(event, events.WIRE[event["type"]]) for event in sent]
    return judge(wires, receipt, catalogue or a_catalogue(), (SECRET, PREVIOUS))


def a_ticket(secret: bytes = SECRET, **facts: Any) -> str:
    """The ticket of RECEIPT's viewer for the episode of `an_event`, given out an hour ago for two hours."""
    plain: dict[str, Any] = {"user_id": 7, "drama_id": DRAMA, "episode_no": 1, "duration_ms": EPISODE_MS}
    plain |= {"issued_ms": NOW_MS - HOUR_MS, "life_ms": 2 * HOUR_MS}
    return tickets.make(secret, Ticket(**plain | facts))


def start(ticket: str | None, receipt: Receipt = RECEIPT, **fields: Any) -> tuple[bool, str]:
    """Whether a play_started with this ticket is qualified, and why; it is always taken, its ticket never kept."""
    found = judged(an_event("play_started", ticket=ticket, **fields), receipt=receipt)
    record = events.decode(found.values[0])
    assert (verdicts(found), record.ticket) == (["ok"], None)
    assert (ticket or "no ticket").encode() not in found.values[0]
    return record.qualified, found.starts[0].value


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


def test_a_ticket_qualifies_its_playback() -> None:
    assert start(a_ticket()) == (True, "valid")


def test_a_ticket_of_the_secret_before_does_too() -> None:
    assert start(a_ticket(PREVIOUS)) == (True, "valid")


def test_without_one_a_playback_is_taken_and_heats_nothing() -> None:
    assert start(None) == (False, "none")


@pytest.mark.parametrize("ticket", ["", "very-secret", "t1." + "A" * 92, "x" * 512])
def test_what_is_no_ticket_of_ours_is_none(ticket: str) -> None:
    assert start(ticket)[0] is False


def test_a_strangers_signature_is_none() -> None:
    assert start(a_ticket(OTHER)) == (False, "bad")


@pytest.mark.parametrize("facts", [{"user_id": 8}, {"drama_id": OTHER_DRAMA}, {"episode_no": 2}])
def test_anothers_ticket_is_none(facts: dict[str, int]) -> None:
    assert start(a_ticket(**facts)) == (False, "other")


def test_a_tickets_life_is_judged_at_the_playback_not_at_its_receipt() -> None:
    """An offline queue: played yesterday with yesterday's ticket, sent now."""
    day_ms = 24 * HOUR_MS
    ticket = a_ticket(issued_ms=NOW_MS - day_ms - HOUR_MS)
    assert start(ticket, at_ms=NOW_MS - day_ms) == (True, "valid")
    assert start(ticket, at_ms=NOW_MS) == (False, "other")
    assert start(a_ticket(), at_ms=NOW_MS - day_ms) == (False, "other")


def test_the_life_is_judged_by_the_servers_clock() -> None:
    fast = RECEIPT._replace(clock_offset_ms=-3 * HOUR_MS)  # a device three hours ahead
    assert start(a_ticket(), fast, at_ms=NOW_MS + 3 * HOUR_MS) == (True, "valid")
    assert start(a_ticket(), fast, at_ms=NOW_MS) == (False, "other")


def test_a_clock_that_cannot_be_is_the_time_of_receipt() -> None:
    assert start(a_ticket(), at_ms=0) == (True, "valid")


@pytest.mark.parametrize("ticket", [None, "very-secret"])
def test_a_history_that_is_replayed_is_qualified(ticket: str | None) -> None:
    assert start(ticket, RECEIPT._replace(backfill=True)) == (True, "backfill")


def test_only_starts_are_looked_at() -> None:
    found = judged(an_event("play_started", ticket=a_ticket()), an_event("heartbeat", 2), an_event("liked", 3))
    assert [b"qualified" in value for value in found.values] == [True, False, False]
    assert len(found.starts) == 1


def test_a_start_that_is_rejected_brought_nothing() -> None:
    assert judged(an_event("play_started", ticket=a_ticket(), drama_id=UNKNOWN_DRAMA)).starts == []
