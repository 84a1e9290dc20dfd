"""Playback tickets and signed media addresses: ours are read back, anything else is not."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain import media_address, tickets
from domain.media_address import GRID_MS, Address
from domain.tickets import SLACK_MS, BadTicket, Ticket

SECRET, PREVIOUS, OTHER = (bytes([n]) * 32 for n in (1, 2, 3))
HOUR_MS = 3_600_000
AT_MS = 1_790_000_000_000
TICKET = Ticket(user_id=7, drama_id=9, episode_no=4, duration_ms=90_000, issued_ms=AT_MS, life_ms=HOUR_MS)
ADDRESS = Address(user_id=7, drama_id=9, episode_no=4, expires_ms=AT_MS)
BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

ids = st.integers(1, 2**53 - 1)
u32 = st.integers(0, 2**32 - 1)


@given(st.builds(Ticket, ids, ids, st.integers(1, 100_000), u32, st.integers(0, 2**53 - 1), u32))
def test_a_ticket_is_read_back_as_it_was_made(ticket: Ticket) -> None:
    text = tickets.make(SECRET, ticket)
    assert len(text) <= 300
    assert tickets.read([SECRET], text) == ticket


@given(st.integers(0, 94), st.sampled_from(BASE64URL + "+/=. é"))
@settings(max_examples=300)
def test_a_ticket_that_was_changed_anywhere_is_none(at: int, char: str) -> None:
    text = tickets.make(SECRET, TICKET)
    changed = text[:at] + char + text[at + 1 :]
    if changed != text:
        with pytest.raises(BadTicket):
            tickets.read([SECRET], changed)


@given(st.text(max_size=200))
def test_any_text_is_a_bad_ticket(text: str) -> None:
    with pytest.raises(BadTicket):
        tickets.read([SECRET], text)


@pytest.mark.parametrize(
    "change", [lambda t: t[:-1], lambda t: t + "A", lambda t: t + "\n", lambda t: " " + t, str.upper]
)
def test_a_ticket_has_one_spelling(change) -> None:
    with pytest.raises(BadTicket):
        tickets.read([SECRET], change(tickets.make(SECRET, TICKET)))


def test_a_secret_that_was_replaced_is_still_read_and_a_strangers_never() -> None:
    text = tickets.make(PREVIOUS, TICKET)
    assert tickets.read([SECRET, PREVIOUS], text) == TICKET
    for secrets in ([SECRET], [OTHER], []):
        with pytest.raises(BadTicket):
            tickets.read(secrets, text)


@pytest.mark.parametrize(
    ("ts_ms", "good"),
    [
        (AT_MS - SLACK_MS - 1, False),
        (AT_MS - SLACK_MS, True),
        (AT_MS, True),
        (AT_MS + HOUR_MS - 1, True),
        (AT_MS + HOUR_MS, False),
    ],
)
def test_a_tickets_life_is_that_of_its_playback(ts_ms: int, good: bool) -> None:
    assert tickets.valid(TICKET, 7, 9, 4, ts_ms) is good


@pytest.mark.parametrize("who", [(8, 9, 4), (7, 8, 4), (7, 9, 5), (9, 7, 4)])
def test_a_ticket_is_for_one_viewer_and_one_episode(who: tuple[int, int, int]) -> None:
    assert not tickets.valid(TICKET, *who, AT_MS)


@pytest.mark.parametrize("cut", [0, 1, 30, 70])
def test_tickets_are_hidden_wherever_they_stand_also_cut_short(cut: int) -> None:
    text = tickets.make(SECRET, TICKET)
    raw = b'{"ticket":"%s","event_id":"0190c5e2-0000-7000","x":"%s' % (text.encode(), text.encode()[: 95 - cut])
    found = tickets.without_tickets(raw)
    assert text[:19].encode() not in found
    assert b'"event_id":"0190c5e2-0000-7000"' in found


def test_an_address_is_good_until_it_expires() -> None:
    signature = media_address.sign(SECRET, ADDRESS)
    assert len(signature) == media_address.SIGNATURE_LENGTH
    assert media_address.genuine([SECRET], ADDRESS, signature, AT_MS - 1)
    assert media_address.genuine([OTHER, SECRET], ADDRESS, signature, AT_MS - 1)
    assert not media_address.genuine([SECRET], ADDRESS, signature, AT_MS)
    assert not media_address.genuine([OTHER], ADDRESS, signature, 0)
    assert not media_address.genuine([], ADDRESS, signature, 0)


@given(st.sampled_from(Address._fields[:4]), ids)
def test_an_address_says_what_was_signed(field: str, value: int) -> None:
    changed = ADDRESS._replace(**{field: value % 2**32})
    if changed != ADDRESS:
        assert not media_address.genuine([SECRET], changed, media_address.sign(SECRET, ADDRESS), 0)


@given(st.text(max_size=60))
def test_any_text_is_a_bad_signature(text: str) -> None:
    assert not media_address.genuine([SECRET], ADDRESS, text, 0)


def test_a_tickets_proof_is_no_addresss_proof() -> None:
    text = tickets.make(SECRET, TICKET)
    assert not media_address.genuine([SECRET], ADDRESS, text[-43:], 0)


@given(st.integers(0, 2**50))
def test_the_grid_is_around_every_time(at_ms: int) -> None:
    before, after = media_address.grid_before(at_ms), media_address.grid_after(at_ms)
    assert before % GRID_MS == after % GRID_MS == 0
    assert at_ms - GRID_MS < before <= at_ms <= after < at_ms + GRID_MS
