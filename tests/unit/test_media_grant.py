"""Grants: one form, one spelling, nobody else's to write."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode

import pytest

from domain import media_address, tickets
from domain.media import grant
from domain.media.grant import BadGrant, Grant
from domain.media_address import Address
from domain.tickets import Ticket
from tests.builders import DRAMA, NOW_MS, USER

KEY, OTHER_KEY = b"k" * 32, b"o" * 32
HASH = "0123456789ab"
GRANT = Grant(USER, DRAMA, 3, HASH, NOW_MS + 60_000)


def test_what_was_written_is_read():
    text = grant.make(KEY, GRANT)
    assert len(text) == grant.LENGTH
    assert grant.read([KEY], text) == GRANT
    assert grant.read([OTHER_KEY, KEY], text) == GRANT


def test_another_secret_did_not_write_it():
    with pytest.raises(BadGrant):
        grant.read([OTHER_KEY], grant.make(KEY, GRANT))


def test_no_character_can_be_another():
    text = grant.make(KEY, GRANT)
    for at in range(len(text)):
        changed = text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]
        with pytest.raises(BadGrant):
            grant.read([KEY], changed)


@pytest.mark.parametrize("text", ["", "g1.", "g1." + "A" * 67, "g1." + "A" * 69, "g1." + "é" * 68, "t1." + "A" * 68])
def test_what_is_no_grant_is_said_so(text: str):
    with pytest.raises(BadGrant):
        grant.read([KEY], text)


def test_every_fact_is_in_it():
    changes = {"user_id": 9, "drama_id": 9, "episode_no": 9, "hash12": "ba9876543210", "expires_ms": 9}
    texts = {grant.make(KEY, GRANT._replace(**{name: value})) for name, value in changes.items()}
    assert len(texts) == len(changes)
    assert all(grant.read([KEY], text) != GRANT for text in texts)


@pytest.mark.parametrize("hash12", ["", "0123456789a", "0123456789AB", "../../../etc", "0123456789abc"])
def test_a_rendition_that_cannot_be_is_not_granted(hash12: str):
    with pytest.raises(ValueError, match="twelve hex digits"):
        grant.make(KEY, GRANT._replace(hash12=hash12))


def test_what_the_same_secret_signs_for_other_purposes_is_no_grant():
    ticket = tickets.make(KEY, Ticket(USER, DRAMA, 3, 60_000, NOW_MS, 60_000))
    signature = media_address.sign(KEY, Address(USER, DRAMA, 3, NOW_MS))
    facts = urlsafe_b64decode(grant.make(KEY, GRANT)[3:])[:35]
    plain = urlsafe_b64encode(facts + hmac.digest(KEY, facts, "sha256")[:16]).decode()  # signed for no purpose at all
    for text in ("g1." + ticket[3:71], "g1." + (signature * 2)[:68], "g1." + plain):
        with pytest.raises(BadGrant):
            grant.read([KEY], text)
