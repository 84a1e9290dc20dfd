"""Signed addresses of files where Storage is a folder: what COS' signatures are there, our API's are here.

{base}/v1/media/storage/{key}?method=put&size=1024&expires=1790000000&signature=...
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from typing import Literal, NamedTuple

PATH = "/v1/media/storage"
SHORTEST_S, LONGEST_S = 60, 7 * 86_400

_PURPOSE = "juliu media storage"  # the same secret signs other things: none can pass for another


class Permission(NamedTuple):
    """Anybody may GET this key, or PUT exactly `size` bytes there, before `expires_s` (Unix time)."""

    method: Literal["get", "put"]
    key: str
    expires_s: int
    size: int = 0  # of a GET


def address(secret: bytes, base: str, permission: Permission) -> str:
    """The whole address below `base` (scheme, host, port).  Keys need no escaping: see names.is_key."""
    method, key, expires_s, size = permission
    query = f"method={method}&size={size}&expires={expires_s}&signature={sign(secret, permission)}"
    return f"{base}{PATH}/{key}?{query}"


def sign(secret: bytes, permission: Permission) -> str:
    """43 characters of base64url."""
    text = "\0".join((_PURPOSE, *(str(fact) for fact in permission)))
    return urlsafe_b64encode(hmac.digest(secret, text.encode(), "sha256")).decode().rstrip("=")


def genuine(secrets: Sequence[bytes], permission: Permission, signature: str, now_s: int) -> bool:
    """Did one of these secrets sign it, and is it still good?"""
    given = signature.encode("utf-8", "replace")
    signed = any(hmac.compare_digest(sign(secret, permission).encode(), given) for secret in secrets)
    return signed and now_s < permission.expires_s


def expires_s(now_s: int, life_s: int) -> int:
    """When an address of now ends.  Raises ValueError for a life of none or weeks."""
    if not SHORTEST_S <= life_s <= LONGEST_S:
        raise ValueError(f"an address lives {SHORTEST_S} s to {LONGEST_S} s, not {life_s}")
    return now_s + life_s
