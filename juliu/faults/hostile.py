"""What thieves and broken clients put on the wire: forged tokens, huge and strange bodies, connections that dawdle."""

from __future__ import annotations

import asyncio
import base64
import gzip
import hmac
import json
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import jwt

from ingest_api.auth import Scope, issue

Address = tuple[str, int]
ANSWER_S = 30.0
USER = 9_200_000_001  # nobody's
MEGABYTE = 1 << 20
HS256 = {"alg": "HS256", "typ": "JWT"}


class Hostile(NamedTuple):
    """A request, and the statuses that are a good answer; 0: the server hung up without one."""

    name: str
    whole: bytes
    good: frozenset[int]


def post(token: str, body: bytes, *headers: str, length: int | None = None) -> bytes:
    """A POST /v1/events as bytes."""
    said = len(body) if length is None else length
    lines = ("POST /v1/events HTTP/1.1", "Host: arena", f"Authorization: Bearer {token}", f"Content-Length: {said}")
    return "\r\n".join((*lines, *(headers or ("Content-Type: application/json",)), "", "")).encode() + body


def batch(events: int = 1, **more: object) -> bytes:
    """A good batch of a session of its own."""
    session, now_ms = str(uuid.uuid4()), int(time.time() * 1000)
    one = {"type": "impression", "drama_id": 7_001, "at_ms": now_ms} | more
    listed = [{"event_id": str(uuid.uuid4()), "seq": n + 1, **one} for n in range(events)]
    return json.dumps({"session_id": session, "sent_at_ms": now_ms, "events": listed}).encode()


async def ask(address: Address, whole: bytes, within_s: float = ANSWER_S) -> int:
    """The status of the answer; 0 where the server hung up instead.  Raises TimeoutError where it does neither."""
    async with asyncio.timeout(within_s):
        try:
            reader, writer = await asyncio.open_connection(*address)
        except OSError:
            return 0
        try:
            writer.write(whole)
            line = await reader.readline()  # also while the body is still going out
        except OSError:
            line = b""
        finally:
            writer.close()
    words = line.split()
    return int(words[1]) if len(words) > 1 else 0


REFUSED = frozenset((400, 413, 415, 422))
TOO_LARGE = frozenset((413, 0))
LONG_HEAD = frozenset((400, 414, 431, 0))


def malformed(token: str) -> list[Hostile]:
    """Bodies that are no batch, in every way that we know."""
    zipped = ("Content-Type: application/json", "Content-Encoding: gzip")
    bodies: list[tuple[str, bytes, tuple[str, ...]]] = [
        ("nothing", b"", ()),
        ("a number", b"9" * 5_000, ()),
        ("NaN", batch().replace(b'"seq": 1', b'"seq": NaN'), ()),
        ("a huge integer", batch().replace(b'"sent_at_ms": ', b'"sent_at_ms": ' + b"9" * 300_000), ()),
        ("a huge exponent", batch().replace(b'"sent_at_ms": ', b'"sent_at_ms": 1e999999999, "x": '), ()),
        ("deep arrays", b"[" * 200_000, ()),
        ("deep objects", b'{"a":' * 100_000, ()),
        ("deep inside", batch().replace(b'"events": [', b'"events": [' + b"[" * 100_000), ()),
        ("invalid UTF-8", batch().replace(b"impression", b"impre\xc3\x28ion"), ()),
        ("a surrogate", b'{"session_id": "\\ud800", "events": []}', ()),
        ("UTF-16", batch().decode().encode("utf-16"), ()),
        ("a bomb", gzip.compress(b" " * (100 * MEGABYTE)), zipped),
        ("half a gzip", gzip.compress(batch())[:-9], zipped),
        ("two gzips", gzip.compress(batch()) * 2, zipped),
        ("no gzip", batch(), zipped),
        ("another encoding", batch(), ("Content-Type: application/json", "Content-Encoding: br")),
        ("another type", batch(), ("Content-Type: text/xml",)),
        ("another charset", batch(), ("Content-Type: application/json; charset=utf-16",)),
    ]
    alone = {"invalid UTF-8": frozenset((202,))}  # one event is bad: it alone is rejected
    return [Hostile(name, post(token, body, *headers), alone.get(name, REFUSED)) for name, body, headers in bodies]


def oversize(token: str) -> list[Hostile]:
    """More than anybody may send."""
    chunk = b"%x\r\n" % MEGABYTE + b" " * MEGABYTE + b"\r\n"
    chunked = post(token, b"", "Content-Type: application/json", "Transfer-Encoding: chunked")
    return [
        Hostile("too many events", post(token, batch(501)), frozenset((413, 422, 400))),
        Hostile("a body of a megabyte", post(token, b" " * MEGABYTE), TOO_LARGE),
        Hostile("a body of a terabyte", post(token, b"{", length=1 << 40), TOO_LARGE),
        Hostile("a length that is none", post(token, b"{}", length=-5), frozenset((400, 0))),
        Hostile("50 MB in chunks", chunked.replace(b"Content-Length: 0\r\n", b"") + chunk * 50, TOO_LARGE),
        Hostile("a header of a megabyte", post(token, batch(), "X-Long: " + "x" * MEGABYTE), LONG_HEAD),
        Hostile("many headers", post(token, batch(), *(f"X-{n}: {n}" for n in range(20_000))), LONG_HEAD),
        Hostile("a long address", b"GET /" + b"x" * MEGABYTE + b" HTTP/1.1\r\nHost: a\r\n\r\n", LONG_HEAD),
        Hostile("a text of 100 kB", post(token, batch(request_id="x" * 100_000)), frozenset((202,))),  # rejected alone
    ]  # fmt: skip


def forged(secret: str, now_s: int) -> list[tuple[str, str]]:
    """Tokens that are none of ours, by name; `secret` is ours."""
    ours = jwt.decode(issue(secret, USER, Scope.VIEWER, now_s - 60, 1), options={"verify_signature": False})
    good = {"sub": str(USER)} | {name: ours[name] for name in ("scope", "iss", "aud")}
    good |= {"iat": now_s - 60, "exp": now_s + 600}
    claims = {name: _signed(HS256, wrong, secret, "sha256") for name, wrong in _wrong_claims(good, now_s).items()}
    return [*_wrong_signatures(good, secret).items(), *claims.items()]


def _wrong_signatures(good: dict[str, Any], secret: str) -> dict[str, str]:
    """Claims that would do, signed by nobody, by another, or as we never sign."""
    head, body, mac = _signed(HS256, good, secret, "sha256").split(".")
    return {
        "no signature": _signed({"alg": "none"}, good, "", ""),
        "signature cut off": f"{head}.{body}.",
        "another's secret": _signed(HS256, good, "x" * 40, "sha256"),
        "a longer hash": _signed({"alg": "HS512"}, good, secret, "sha512"),
        "said to be RS256": _signed({"alg": "RS256"}, good, secret, "sha256"),
        "a path for kid": _signed(HS256 | {"kid": "../../../../dev/null"}, good, "", "sha256"),
        "an address for keys": _signed(HS256 | {"jku": "http://127.0.0.1:1/keys"}, good, "y" * 40, "sha256"),
        "changed": f"{head}.{body[:-4]}AAAA.{mac}",
        "no token": "x",
        "very long": "x." * 10_000,
    }


def _wrong_claims(good: dict[str, Any], now_s: int) -> dict[str, dict[str, Any]]:
    """What one who has our secret might still say, by mistake or from another service."""

    def without(name: str) -> dict[str, Any]:
        return {key: value for key, value in good.items() if key != name}

    return {
        "another audience": good | {"aud": "other"},
        "another issuer": good | {"iss": "other"},
        "expired": good | {"iat": now_s - 90_000, "exp": now_s - 86_000},
        "of tomorrow": good | {"iat": now_s + 86_400, "exp": now_s + 99_000},
        "for ever": without("exp"),
        "of nobody": without("sub"),
        "of no scope": without("scope"),
        "of a scope that is none": good | {"scope": "emperor"},
        "of a negative viewer": good | {"sub": "-5"},
        "of a list": good | {"sub": "1 OR 1=1"},
        "of too large a viewer": good | {"sub": str(2**60)},
    }


def _signed(header: dict[str, str], claims: dict[str, object], key: str, digest: str) -> str:
    """A token as any library would write it, and as none would."""
    text = ".".join(_base64(json.dumps(part).encode()) for part in (header, claims))
    return f"{text}.{_base64(hmac.digest(key.encode(), text.encode(), digest)) if digest else ''}"


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@asynccontextmanager
async def dawdlers(address: Address, how_many: int, piece: Callable[[int], bytes]) -> AsyncIterator[list[float]]:
    """Connections that send `piece(n)` every second; how long each was let live, as they are cut off."""
    lived: list[float] = []

    async def one() -> None:
        began = time.monotonic()
        try:
            reader, writer = await asyncio.open_connection(*address)
            n = 0
            while not reader.at_eof():
                writer.write(piece(n))
                n += 1
                try:
                    async with asyncio.timeout(1.0):
                        await reader.read(65_536)
                except TimeoutError:
                    continue
                break  # an answer or the end: it is over
            writer.close()
        except OSError:
            pass
        lived.append(time.monotonic() - began)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(how_many):
            tasks.create_task(one())
        yield lived
