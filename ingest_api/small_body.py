"""A small JSON body: a bound on its size, on how long it may take, and an error for each way in which it is none."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

import msgspec
from fastapi import Request
from starlette.requests import ClientDisconnect

from ingest_api.errors import BodyTimeout, ClientGone, MalformedJson, TooLarge, Unprocessable

T = TypeVar("T")
BODY_S = 10.0  # as a batch of events has


async def received(request: Request, most: int) -> bytes:
    """The whole body.  Raises TooLarge past `most` bytes, BodyTimeout, ClientGone."""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            async for part in request.stream():
                body += part
                if len(body) > most:
                    raise TooLarge(f"at most {most} bytes")
    except TimeoutError as error:
        raise BodyTimeout from error
    except ClientDisconnect as error:
        raise ClientGone from error
    return bytes(body)


def decoded(decode: Callable[[bytes], T], body: bytes) -> T:
    """What `decode` (a msgspec decoder's) makes of a body.  Raises MalformedJson, Unprocessable."""
    try:
        return decode(body)
    except msgspec.ValidationError as error:
        raise Unprocessable(str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedJson from error
