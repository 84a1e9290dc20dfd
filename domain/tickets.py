"""Playback tickets: who may play an episode, and for how long, in a word that only this installation can write.

Given out with a play address, sent back in `play_started`; a playback with a valid one may heat its drama.  A ticket
is `t1.` and 92 characters of base64url: the facts as a fixed struct, then their HMAC-SHA256.  One form, no options.
"""

from __future__ import annotations

import hmac
import re
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import NamedTuple

MAX_LENGTH = 300  # of a ticket of any form; those of today have 95 characters
SLACK_MS = 2 * 60_000  # a device's clock, put right by what it measured, may still be this far behind
HIDDEN = re.compile(rb"\bt[0-9]\.[A-Za-z0-9_-]{16,}")  # a ticket of any form, whole or cut short, in other bytes
MASK = b"t.hidden"

_FORM = re.compile(r"t1\.[A-Za-z0-9_-]{92}")
_FACTS = struct.Struct(">BQQIIQI")  # 37 bytes and 32 of the HMAC are 92 characters exactly: no padding, one spelling
_VERSION = 1
_PURPOSE = b"juliu ticket\0"  # the same secret signs media addresses: neither can pass for the other


class BadTicket(ValueError):
    """This is no ticket of ours."""


class Ticket(NamedTuple):
    """`user_id` may play this episode, which is `duration_ms` long, in issued_ms .. issued_ms + life_ms."""

    user_id: int
    drama_id: int
    episode_no: int
    duration_ms: int
    issued_ms: int
    life_ms: int

    @property
    def expires_ms(self) -> int:
        """The first moment at which it is not valid any more."""
        return self.issued_ms + self.life_ms


def make(secret: bytes, ticket: Ticket) -> str:
    """The ticket as text (95 characters).  Raises struct.error past 32 bits of episode, duration or life, 64 of ids."""
    facts = _FACTS.pack(_VERSION, *ticket)
    return "t1." + urlsafe_b64encode(facts + _mac(secret, facts)).decode()


def read(secrets: Sequence[bytes], text: str) -> Ticket:
    """What one of these secrets has signed.  Raises BadTicket.  Says nothing of its life: see `valid`."""
    if not _FORM.fullmatch(text):
        raise BadTicket
    raw = urlsafe_b64decode(text[3:])
    facts, mac = raw[: _FACTS.size], raw[_FACTS.size :]
    for secret in secrets:
        if hmac.compare_digest(_mac(secret, facts), mac):
            version, *fields = _FACTS.unpack(facts)
            if version == _VERSION:
                return Ticket._make(fields)
    raise BadTicket


def valid(ticket: Ticket, user_id: int, drama_id: int, episode_no: int, ts_ms: int) -> bool:
    """May this viewer's playback of this episode, begun at `ts_ms` by the server's clock, use the ticket?

    The time is the event's, not that of its receipt: what a device sends late was played when it was played.
    """
    if (ticket.user_id, ticket.drama_id, ticket.episode_no) != (user_id, drama_id, episode_no):
        return False
    return ticket.issued_ms - SLACK_MS <= ts_ms < ticket.expires_ms


def without_tickets(raw: bytes) -> bytes:
    """`raw` with every ticket in it hidden, also one that was cut short."""
    return HIDDEN.sub(MASK, raw)


def _mac(secret: bytes, facts: bytes) -> bytes:
    return hmac.digest(secret, _PURPOSE + facts, "sha256")
