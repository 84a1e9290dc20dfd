"""What POST /v1/events sets aside of rejected events, and that tickets are kept nowhere."""

from __future__ import annotations

import json

import pytest

from domain import tickets
from domain.tickets import Ticket
from ingest_api.events.samples import MAX_SAMPLE_BYTES
from tests.api import Twins, post, reasons
from tests.builders import (
    DRAMA,
    NOW_MS,
    TICKET_SECRET,
    UNKNOWN_DRAMA,
    USER,
    a_body,
    an_event,
)

DAY_MS = 86_400_000


@pytest.fixture
def twins() -> Twins:
    return Twins()


async def test_rejects_are_sampled_into_the_dead_letters(twins: Twins) -> None:
    await post(twins.app(), a_body(an_event(seq=1), an_event() | {"type": "danced"}))
    ((key, original, headers),) = twins.log.aside
    assert key == b"%d" % USER
    assert json.loads(original)["type"] == "danced"
    assert (headers["reason"], headers["group"], headers["topic"]) == (b"unknown_type", b"api", b"juliu.events")
    assert set(headers) == {"topic", "partition", "offset", "group", "reason", "version"}


async def test_a_refused_body_is_sampled_too(twins: Twins) -> None:
    await post(twins.app(), b"{" * 10_000)
    ((_, original, headers),) = twins.log.aside
    assert (len(original), headers["reason"]) == (4_096, b"malformed_json")


async def test_no_sample_holds_a_ticket(twins: Twins) -> None:
    """Whoever reads the dead letters must not be able to heat dramas in a viewer's name."""
    ticket = tickets.make(TICKET_SECRET.encode(), Ticket(7, DRAMA, 1, 90_000, NOW_MS, 60_000))
    await post(twins.app(), a_body(an_event("play_started", ticket=ticket, drama_id=UNKNOWN_DRAMA)))
    await post(twins.app(), a_body(an_event("play_started", ticket=ticket))[:-2])
    await post(twins.app(), b'{"x":"' + b" " * (MAX_SAMPLE_BYTES - 26) + ticket.encode())
    assert len(twins.log.aside) == 3
    assert [ticket[3:20].encode() in original for _, original, _ in twins.log.aside] == [False] * 3
    assert all(len(original) <= MAX_SAMPLE_BYTES for _, original, _ in twins.log.aside)


async def test_a_ticket_qualifies_a_playback_and_is_kept_nowhere(twins: Twins) -> None:
    ticket = tickets.make(TICKET_SECRET.encode(), Ticket(USER, DRAMA, 1, 90_000, NOW_MS, 60_000))
    sent = [an_event("play_started", 1, ticket=ticket), an_event("play_started", 2), an_event("liked", 3)]
    assert reasons(await post(twins.app(), a_body(*sent))) == ["accepted"] * 3
    assert [getattr(event, "qualified", None) for event in twins.logged] == [True, False, None]
    assert ticket.encode() not in b"".join(value for records in twins.log.partitions for _, value in records)


async def test_samples_have_a_rate(twins: Twins) -> None:
    await post(twins.app(), a_body(*(an_event(seq=seq, drama_id=UNKNOWN_DRAMA) for seq in range(1, 501))))
    assert 20 <= len(twins.log.aside) <= 30


async def test_a_log_that_is_away_takes_no_samples_and_does_no_harm(twins: Twins) -> None:
    twins.log.up = False
    assert reasons(await post(twins.app(), a_body(an_event(drama_id=UNKNOWN_DRAMA)))) == ["unknown_drama"]
