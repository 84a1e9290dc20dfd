"""Grants: whose, of which rendition, until when; in the path of every address of an encrypted episode.

A player sends no headers with what it fetches for itself, so who asks stands in the path: /v1/hls/<grant>/master.m3u8.
Playlists name segments and keys relative to themselves, and so inherit the grant.  A grant alone opens nothing that is
locked: the key service asks for the entitlement again.  It says, too, which region and age the viewer's token had when
it was given, so that each request is held to the drama's rules of that moment.  One form, one spelling: `g2.` and 92
characters of base64url.
"""

from __future__ import annotations

import hmac
import re
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import NamedTuple

from domain.audience import MOST_REGION, Audience

LONGEST_MS = 15 * 60_000  # what is out after a take-down dies within this
LENGTH = 95
HASH12 = re.compile(r"[0-9a-f]{12}")  # the beginning of a sha256: names one rendition of an episode

_FORM = re.compile(r"g2\.[A-Za-z0-9_-]{92}")
_FACTS = struct.Struct(f">BQQI6sQ{MOST_REGION}sB")  # 53 bytes, 16 of the HMAC: 92 characters, no padding, one spelling
_MAC = 16  # bytes; RFC 2104 asks for half of the hash at least
_VERSION = 2
_PURPOSE = b"juliu hls grant\0"  # the same secret signs tickets and media addresses: none can pass for another


class BadGrant(ValueError):
    """This is no grant of ours."""


class Grant(NamedTuple):
    """`user_id` may fetch this rendition (`hash12`, twelve hex digits) of an episode before `expires_ms`.

    `audience`: whom the viewer counted as when they asked how to play it.
    """

    user_id: int
    drama_id: int
    episode_no: int
    hash12: str
    expires_ms: int
    audience: Audience


def make(secret: bytes, grant: Grant) -> str:
    """The grant as text (LENGTH characters).  Raises struct.error or ValueError for facts that cannot be."""
    if not HASH12.fullmatch(grant.hash12):
        raise ValueError("a rendition is named by twelve hex digits")
    user_id, drama_id, episode_no, hash12, expires_ms, (region, age_years) = grant
    if len(region) > MOST_REGION or not region.isascii():
        raise ValueError(f"a region has at most {MOST_REGION} letters and digits")
    rendition = (user_id, drama_id, episode_no, bytes.fromhex(hash12), expires_ms)
    facts = _FACTS.pack(_VERSION, *rendition, region.encode(), age_years)
    return "g2." + urlsafe_b64encode(facts + _mac(secret, facts)).decode()


def read(secrets: Sequence[bytes], text: str) -> Grant:
    """What one of these secrets has signed.  Raises BadGrant.  Says nothing of its life: look at `expires_ms`."""
    if not _FORM.fullmatch(text):
        raise BadGrant
    raw = urlsafe_b64decode(text[3:])
    facts, mac = raw[: _FACTS.size], raw[_FACTS.size :]
    if not any([hmac.compare_digest(_mac(secret, facts), mac) for secret in secrets]):
        raise BadGrant
    version, user_id, drama_id, episode_no, hash12, expires_ms, region, age_years = _FACTS.unpack(facts)
    if version != _VERSION:
        raise BadGrant
    audience = Audience(region.rstrip(b"\0").decode("ascii"), age_years)
    return Grant(user_id, drama_id, episode_no, hash12.hex(), expires_ms, audience)


def _mac(secret: bytes, facts: bytes) -> bytes:
    return hmac.digest(secret, _PURPOSE + facts, "sha256")[:_MAC]
