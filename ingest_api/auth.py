"""Who is asking: HS256 tokens, what they say and from where they are taken.

Claims: sub (user id in decimal), scope (viewer | backfill | admin | canary), iat, exp, iss "juliu", aud "juliu-api";
where they are known, region ("CN") and age_years.
The key is JULIU_JWT_SECRET.  Identity is the token's alone: nothing in a body or an address says who a viewer is.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Annotated, Any

import jwt
import msgspec
from fastapi import Depends, Request
from fastapi.security import HTTPBearer

from domain import canary
from domain.audience import MOST_YEARS
from domain.events import MAX_ID
from infra.settings import Settings
from ingest_api.errors import AdminsOnly, BackfillNotHere, TokenExpired, TokenMissing, Unauthorized, ViewersOnly

ALGORITHM, ISSUER, AUDIENCE = "HS256", "juliu", "juliu-api"
MIN_SECRET_BYTES = 32  # RFC 7518, 3.2: as long as the hash
LEEWAY_S = 30
MAX_TOKEN_BYTES = 2_048
REMEMBERED = 50_000  # about 15 MB; the oldest goes first
DECIMAL = re.compile(r"[1-9][0-9]{0,15}", re.ASCII)
REGION = re.compile(r"[A-Z0-9]{1,8}(-[A-Z0-9]{1,8})?", re.ASCII)
FORWARDED = (b"forwarded", b"x-forwarded-for", b"x-real-ip")


class Scope(StrEnum):
    """What a token may do."""

    VIEWER = "viewer"
    BACKFILL = "backfill"
    ADMIN = "admin"
    CANARY = "canary"  # its own event alone; goes with a user id of domain.canary.USERS, and these with no other scope


class Viewer(msgspec.Struct, frozen=True):
    """Who is asking.  `user_id` is 1..2**53-1; an empty region and no age are not known."""

    user_id: int
    scope: Scope = Scope.VIEWER
    region: str = ""
    age_years: int | None = None


class WeakSecret(ValueError):
    """A secret is missing or weak; it must be at least 32 random bytes (`openssl rand -hex 32`)."""


def checked_secret(secret: str, name: str = "JULIU_JWT_SECRET") -> bytes:
    """The key, or WeakSecret, which names the setting, if it is short or plainly not random."""
    key = secret.encode()
    if len(key) < MIN_SECRET_BYTES or len(set(key)) < 8:
        raise WeakSecret(
            f"{name} is missing or weak; it must be at least {MIN_SECRET_BYTES} random bytes (`openssl rand -hex 32`)."
        )
    return key


def ticket_secrets(settings: Settings) -> tuple[bytes, ...]:
    """The key that signs tickets and media addresses, then the one before it if there is one.  Raises WeakSecret."""
    now, before = settings.ticket_secret.get_secret_value(), settings.ticket_secret_previous.get_secret_value()
    known = checked_secret(now, "JULIU_TICKET_SECRET")
    return (known, checked_secret(before, "JULIU_TICKET_SECRET_PREVIOUS")) if before else (known,)


def issue(
    secret: str, user_id: int, scope: Scope, now_s: int, days: int, *, region: str = "", age_years: int | None = None
) -> str:
    """A token for `user_id` that lives `days` days from `now_s`; it says region and age where they are given.

    Raises WeakSecret, ValueError outside 1..2**53-1, where the canary's ids and scope do not go together, and for a
    region or age that no token may say.
    """
    if not 1 <= user_id < MAX_ID or days < 1:
        raise ValueError("user ids are 1..2**53-1, days at least 1")
    if not _goes_with(user_id, scope):
        raise ValueError(f"user ids {canary.USERS.start}..{canary.USERS.stop - 1} are the canary's, and no others are")
    about: dict[str, Any] = {"region": region} if region else {}
    if age_years is not None:
        about["age_years"] = age_years
    if not _describes(about):
        raise ValueError(f"a region is like CN or CN-GD, an age 0..{MOST_YEARS} years")
    claims = {"sub": str(user_id), "scope": str(scope), "iss": ISSUER, "aud": AUDIENCE}
    times = {"iat": now_s, "exp": now_s + days * 86_400}
    return jwt.encode({**claims, **about, **times}, checked_secret(secret), algorithm=ALGORITHM)


class Tokens:
    """Verifies tokens; remembers some good ones by hash, so that a viewer costs one HMAC, not one a request."""

    def __init__(
        self,
        secret: str,
        now_s: Callable[[], float],
        backfill_anywhere: bool = False,
        remembered: int = REMEMBERED,
    ) -> None:
        self._secret = checked_secret(secret)
        self._now_s = now_s
        self._backfill_anywhere = backfill_anywhere
        self._remembered = remembered
        self._known: dict[bytes, tuple[Viewer, float]] = {}

    def viewer_of(self, headers: Mapping[bytes, bytes], peer: str | None) -> Viewer:
        """Who sent these headers from address `peer`.  Raises Unauthorized or BackfillNotHere."""
        viewer = self._verified(_bearer(headers))
        if viewer.scope is Scope.BACKFILL and not (self._backfill_anywhere or on_loopback(headers, peer)):
            raise BackfillNotHere
        return viewer

    def _verified(self, token: bytes) -> Viewer:
        digest = hashlib.sha256(token).digest()
        known = self._known.get(digest)
        if known is None:
            known = self._known[digest] = self._decode(token)
            if len(self._known) > self._remembered:
                del self._known[next(iter(self._known))]
        viewer, expires_s = known
        if self._now_s() > expires_s:
            self._known.pop(digest, None)
            raise TokenExpired
        return viewer

    def _decode(self, token: bytes) -> tuple[Viewer, float]:
        try:
            claims = jwt.decode(
                token,
                self._secret,
                algorithms=[ALGORITHM],
                issuer=ISSUER,
                audience=AUDIENCE,
                options={
                    "require": ["sub", "scope", "iat", "exp", "iss", "aud"],
                    "verify_exp": False,
                    "verify_iat": False,
                },
            )
        except (jwt.InvalidTokenError, ValueError, RecursionError) as error:
            raise Unauthorized from error
        return _viewer(claims), self._lifetime(claims)

    def _lifetime(self, claims: dict[str, Any]) -> float:
        """When the token stops being taken, leeway included; issued in the future is not ours."""
        issued, expires = claims["iat"], claims["exp"]
        if not (_is_time(issued) and _is_time(expires)) or issued > self._now_s() + LEEWAY_S:
            raise Unauthorized
        return float(expires + LEEWAY_S)


def on_loopback(headers: Mapping[bytes, bytes], peer: str | None) -> bool:
    """The sender is on this machine: a loopback address, and no proxy says that it speaks for another."""
    if peer is None or came_through_a_proxy(headers):
        return False
    try:
        return ipaddress.ip_address(peer).is_loopback
    except ValueError:
        return False


def came_through_a_proxy(headers: Mapping[bytes, bytes]) -> bool:
    """A proxy says that it speaks for somebody else."""
    return any(name in headers for name in FORWARDED)


def _bearer(headers: Mapping[bytes, bytes]) -> bytes:
    value = headers.get(b"authorization")
    if not value:
        raise TokenMissing
    kind, _, token = value.partition(b" ")
    if kind.lower() != b"bearer" or not token or len(token) > MAX_TOKEN_BYTES:
        raise Unauthorized
    return token.strip()


def _viewer(claims: dict[str, Any]) -> Viewer:
    subject, scope = claims["sub"], claims["scope"]
    if not isinstance(subject, str) or not DECIMAL.fullmatch(subject) or int(subject) >= MAX_ID:
        raise Unauthorized
    if scope not in tuple(Scope) or not _goes_with(int(subject), scope):
        raise Unauthorized
    if not _describes(claims):  # better no answer than one for everybody
        raise Unauthorized
    return Viewer(int(subject), Scope(scope), claims.get("region", ""), claims.get("age_years"))


def _describes(claims: Mapping[str, Any]) -> bool:
    """Whether what is said of region and age can be so."""
    region, age = claims.get("region", "CN"), claims.get("age_years", 0)
    return (
        isinstance(region, str)
        and REGION.fullmatch(region) is not None
        and (type(age) is int and 0 <= age <= MOST_YEARS)
    )


def _goes_with(user_id: int, scope: str) -> bool:
    return (user_id in canary.USERS) == (scope == Scope.CANARY)


def _is_time(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < MAX_ID


_documented = HTTPBearer(auto_error=False, description="Token made by `juliu token` or by the log-in")


def viewer_of(request: Request) -> Viewer:
    """The viewer whose token came with the request.  Raises Unauthorized, and ViewersOnly for a canary's."""
    tokens: Tokens = request.app.state.tokens
    viewer = tokens.viewer_of(dict(request.headers.raw), request.client.host if request.client else None)
    if viewer.scope is Scope.CANARY:
        raise ViewersOnly
    return viewer


async def current_viewer(request: Request, _: Annotated[object, Depends(_documented)]) -> Viewer:
    """FastAPI dependency: the same."""
    return viewer_of(request)


CurrentViewer = Annotated[Viewer, Depends(current_viewer)]


async def viewer_alone(viewer: CurrentViewer) -> Viewer:
    """FastAPI dependency: the same, of scope viewer.  Raises ViewersOnly."""
    if viewer.scope is not Scope.VIEWER:
        raise ViewersOnly
    return viewer


async def admin_alone(viewer: CurrentViewer) -> Viewer:
    """FastAPI dependency: the same, of scope admin.  Raises AdminsOnly."""
    if viewer.scope is not Scope.ADMIN:
        raise AdminsOnly
    return viewer


AdminAlone = Annotated[Viewer, Depends(admin_alone)]
ViewerAlone = Annotated[Viewer, Depends(viewer_alone)]
