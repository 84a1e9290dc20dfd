"""One kept HTTP/1.1 connection, one request at a time: a fraction of a general client's CPU."""

from __future__ import annotations

import asyncio
import re
from typing import NamedTuple

ANSWER_BYTES = 4 << 20  # a longer answer is an error
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_RETRY_AFTER = re.compile(rb"\r\nretry-after: *(\d+)", re.IGNORECASE)


class Answer(NamedTuple):
    """What the server answered; `retry_after_s` is None when it did not say."""

    status: int
    retry_after_s: int | None
    body: bytes


class BadAnswer(ConnectionError):
    """Not HTTP, without a length, or too long: the connection is of no further use."""


def request(method: str, path: str, host: str, token: str, body: bytes = b"", *more: str) -> bytes:
    """A whole request, ready to be written; `more` are headers, `Name: value`."""
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        + "".join(f"{header}\r\n" for header in (*more, ""))
    )
    return head.encode("ascii") + body


class Line(asyncio.Protocol):
    """A connection that is opened when it is needed and kept."""

    def __init__(self, host: str, port: int) -> None:
        self._address = host, port
        self._transport: asyncio.Transport | None = None
        self._waiting: asyncio.Future[Answer] | None = None
        self._received = bytearray()

    async def ask(self, whole_request: bytes, timeout_s: float) -> Answer:
        """Send and wait for the whole answer.  OSError or TimeoutError: it may or may not have been carried out."""
        try:
            async with asyncio.timeout(timeout_s):
                transport = self._transport or await self._open()
                self._waiting = asyncio.get_running_loop().create_future()
                transport.write(whole_request)
                return await self._waiting
        except (OSError, TimeoutError):
            self.close()
            raise

    def close(self) -> None:
        """Hang up; the next `ask` opens anew."""
        if self._transport is not None:
            self._transport.abort()
            self._transport = None

    async def _open(self) -> asyncio.Transport:
        line: Line
        self._transport, line = await asyncio.get_running_loop().create_connection(lambda: self, *self._address)
        assert line is self
        return self._transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:  # noqa: ARG002 - asyncio's name
        self._received.clear()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._settle(exc or ConnectionResetError("the server hung up"))

    def data_received(self, data: bytes) -> None:
        self._received += data
        try:
            answer = parse(self._received)
        except BadAnswer as error:
            self._settle(error)
            return
        if answer is not None:
            self._received.clear()
            self._settle(answer)

    def _settle(self, outcome: Answer | Exception) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is None or waiting.done():
            return
        if isinstance(outcome, Answer):
            waiting.set_result(outcome)
        else:
            waiting.set_exception(outcome)


def parse(received: bytearray) -> Answer | None:
    """The answer that `received` holds, None when it is not whole yet.  Raises BadAnswer."""
    end = received.find(b"\r\n\r\n")
    if end < 0:
        if len(received) > ANSWER_BYTES:
            raise BadAnswer("an endless head")
        return None
    head = bytes(received[: end + 2])
    length = _LENGTH.search(head)
    if not head.startswith(b"HTTP/1.1 ") or length is None or int(length[1]) > ANSWER_BYTES:
        raise BadAnswer(f"cannot read the answer {head[:200]!r}")
    whole = end + 4 + int(length[1])
    if len(received) < whole:
        return None
    wait = _RETRY_AFTER.search(head)
    return Answer(int(head[9:12]), int(wait[1]) if wait else None, bytes(received[end + 4 : whole]))
