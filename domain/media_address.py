"""Signed addresses of an episode's video: whose, which episode, until when; nobody else can write one.

An address names its viewer, so that one that was passed on tells whose it was, and for whom it was given: the region
and age that the viewer's token said, to which the drama's rules are held when it is used.  Times are rounded to a grid:
a viewer who asks twice in a row gets the same address, and the player's cache keeps what it has.
"""

from __future__ import annotations

import hmac
import struct
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from typing import NamedTuple

from domain.audience import ANYBODY, Audience

GRID_MS = 5 * 60_000
SIGNATURE_LENGTH = 43

_FACTS = struct.Struct(">QQIQ")
_PURPOSE = b"juliu media address\0"  # the same secret signs tickets: neither can pass for the other


class Address(NamedTuple):
    """`user_id` may fetch the video of this episode before `expires_ms`.

    `audience`: whom the viewer counted as when they asked how to play it; ANYBODY in addresses that do not say.
    """

    user_id: int
    drama_id: int
    episode_no: int
    expires_ms: int
    audience: Audience = ANYBODY


def sign(secret: bytes, address: Address) -> str:
    """The address's signature, 43 characters of base64url.  Raises struct.error for numbers that cannot be."""
    mac = hmac.digest(secret, _PURPOSE + _FACTS.pack(*address[:4]) + _for_whom(address.audience), "sha256")
    return urlsafe_b64encode(mac).decode().rstrip("=")


def genuine(secrets: Sequence[bytes], address: Address, signature: str, now_ms: int) -> bool:
    """Did one of these secrets sign the address, and is it still good?  Numbers are below 2**63, episodes 2**32."""
    given = signature.encode("utf-8", "replace")
    signed = any(hmac.compare_digest(sign(secret, address).encode(), given) for secret in secrets)
    return signed and now_ms < address.expires_ms


def _for_whom(audience: Audience) -> bytes:
    """Empty for ANYBODY, as it was signed before addresses said it."""
    return b"" if audience == ANYBODY else audience.region.encode() + bytes([audience.age_years])


def grid_before(at_ms: int) -> int:
    """The last point of the grid at or before `at_ms`."""
    return at_ms - at_ms % GRID_MS


def grid_after(at_ms: int) -> int:
    """The first point of the grid at or after `at_ms`."""
    return -(-at_ms // GRID_MS) * GRID_MS
