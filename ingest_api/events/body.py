"""Receiving a body from somebody who may be slow, huge or hostile: every step has a bound."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from ingest_api.errors import (
    BadGzip,
    BadRequest,
    BodyTimeout,
    ClientGone,
    TooLarge,
    UnsupportedEncoding,
    UnsupportedMedia,
)
from ingest_api.events.admission import Admission
from ingest_api.events.contract import MAX_BODY_BYTES, MAX_GZIP_BYTES

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
GZIP_WINDOW = 16 + zlib.MAX_WBITS
BODY_S = 10.0  # 512 KB in this time is a poor mobile line


def is_gzip(headers: Mapping[bytes, bytes]) -> bool:
    """Whether the body is gzip.  Raises UnsupportedMedia or UnsupportedEncoding for what we do not read."""
    media = headers.get(b"content-type", b"application/json")
    if media != b"application/json" and not _is_json(media):
        raise UnsupportedMedia
    encoding = headers.get(b"content-encoding", b"identity").lower()
    if encoding not in (b"identity", b"gzip"):
        raise UnsupportedEncoding
    return encoding == b"gzip"


def _is_json(media: bytes) -> bool:
    kind, _, parameters = media.lower().partition(b";")
    charset = parameters.replace(b" ", b"").replace(b'"', b"")
    return kind.strip() == b"application/json" and charset in (b"", b"charset=utf-8")


async def receive_body(
    receive: Receive, headers: Mapping[bytes, bytes], limit: int, admission: Admission, within_s: float
) -> bytes:
    """The whole body as sent.  Raises TooLarge past `limit`, BodyTimeout after `within_s`, ClientGone, Overloaded."""
    length = headers.get(b"content-length", b"0")
    if not length.isdigit():
        raise BadRequest("content-length is not a number")
    if len(length) > 12 or int(length) > limit:
        raise TooLarge(f"at most {limit} bytes")
    try:
        async with asyncio.timeout(within_s):
            return await _receive(receive, limit, admission)
    except TimeoutError as error:
        raise BodyTimeout(f"the body did not come within {within_s:g} s") from error


async def _receive(receive: Receive, limit: int, admission: Admission) -> bytes:
    parts: list[bytes] = []
    held = 0
    try:
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            part: bytes = message.get("body", b"")
            parts.append(part)
            held += len(part)
            admission.hold(len(part))
            if held > limit:
                raise TooLarge(f"at most {limit} bytes")
            if not message.get("more_body", False):
                return b"".join(parts)
    finally:
        admission.release(held)


def inflate(body: bytes) -> bytes:
    """The JSON in one gzip stream.  Stops at the bound: a bomb costs no more than an honest body.

    Raises TooLarge past MAX_BODY_BYTES, BadGzip if it is not one whole stream and nothing else.
    """
    stream = zlib.decompressobj(GZIP_WINDOW)
    try:
        plain = stream.decompress(body, MAX_BODY_BYTES + 1)
    except zlib.error as error:
        raise BadGzip from error
    if len(plain) > MAX_BODY_BYTES:
        raise TooLarge(f"at most {MAX_BODY_BYTES} bytes inflated")
    if not stream.eof or stream.unused_data:
        raise BadGzip
    return plain


def wire_limit(gzip: bool) -> int:
    """Bytes that a body may have on the wire."""
    return MAX_GZIP_BYTES if gzip else MAX_BODY_BYTES
