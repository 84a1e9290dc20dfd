"""Grants: one form, one spelling, nobody else's to write."""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode

import pytest

from domain import media_address, tickets
from domain.audience import MOST_YEARS, Audience
from domain.media import grant
from domain.media.grant import BadGrant, Grant
from domain.media_address import Address
from domain.tickets import Ticket
from tests.builders import DRAMA, NOW_MS, USER

KEY, OTHER_KEY = b"k" * 32, b"o" * 32
HASH = "0123456789ab"
GRANT = Grant(USER, DRAMA, 3, HASH, NOW_MS + 60_000, Audience("CN-GD", 17))


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


@pytest.mark.parametrize(
    "text", ["", "g2.", "g2." + "A" * 91, "g2." + "A" * 93, "g2." + "é" * 92, "t1." + "A" * 92, "g1." + "A" * 68]
)
def test_what_is_no_grant_is_said_so(text: str):
    with pytest.raises(BadGrant):
        grant.read([KEY], text)


def test_every_fact_is_in_it():
    changes = {
        "user_id": 9,
        "drama_id": 9,
        "episode_no": 9,
        "hash12": "ba9876543210",
        "expires_ms": 9,
        "audience": Audience("CN", 17),
    }
    texts = {grant.make(KEY, GRANT._replace(**{name: value})) for name, value in changes.items()}
    assert len(texts) == len(changes)
    assert all(grant.read([KEY], text) != GRANT for text in texts)


@pytest.mark.parametrize("hash12", ["", "0123456789a", "0123456789AB", "../../../etc", "0123456789abc"])
def test_a_rendition_that_cannot_be_is_not_granted(hash12: str):
    with pytest.raises(ValueError, match="twelve hex digits"):
        grant.make(KEY, GRANT._replace(hash12=hash12))


@pytest.mark.parametrize("region", ["", "CN", "CN-GD", "ABCDEFGH-12345678"])
@pytest.mark.parametrize("age_years", [0, MOST_YEARS])
def test_any_region_and_age_that_a_token_may_say_is_kept(region: str, age_years: int):
    given = GRANT._replace(audience=Audience(region, age_years))
    assert grant.read([KEY], grant.make(KEY, given)) == given


@pytest.mark.parametrize("region", ["A" * 18, "é"])
def test_a_region_that_no_token_may_say_is_not_cut_to_another(region: str):
    with pytest.raises(ValueError, match="region"):
        grant.make(KEY, GRANT._replace(audience=Audience(region, 17)))


def test_what_the_same_secret_signs_for_other_purposes_is_no_grant():
    ticket = tickets.make(KEY, Ticket(USER, DRAMA, 3, 60_000, NOW_MS, 60_000))
    signature = media_address.sign(KEY, Address(USER, DRAMA, 3, NOW_MS))
    facts = urlsafe_b64decode(grant.make(KEY, GRANT)[3:])[:53]
    plain = urlsafe_b64encode(facts + hmac.digest(KEY, facts, "sha256")[:16]).decode()  # signed for no purpose at all
    for text in ("g2." + ticket[3:95], "g2." + (signature * 3)[:92], "g2." + plain):
        with pytest.raises(BadGrant):
            grant.read([KEY], text)
