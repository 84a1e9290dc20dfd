"""The API behind a real socket, on twins: who is slow or endless is hung up on, everybody else is served."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import uvicorn

from ingest_api.server import MAX_HEADER_BYTES, DeadlineProtocol, options
from tests.api import SETTINGS, Twins
from tests.builders import a_body, a_token

BODY_S = 0.3
pytestmark = pytest.mark.timeout(60)


class Impatient(DeadlineProtocol):
    headers_s = 0.3
    whole_s = 1.0


@pytest.fixture
def twins() -> Twins:
    return Twins()


@pytest.fixture
async def port(twins: Twins) -> AsyncIterator[int]:
    settings = SETTINGS.model_copy(update={"api_port": 0, "api_connections": 20})
    config = options(settings, Impatient) | {"loop": "none", "timeout_keep_alive": 1}
    server = uvicorn.Server(uvicorn.Config(twins.app(settings, body_s=BODY_S), **config))
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(10):
        while not server.started:  # noqa: ASYNC110  uvicorn has no event for it
            await asyncio.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await serving


class Line:
    """One connection, spoken to in bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def to(cls, port: int) -> Line:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def answer(self) -> tuple[int, bytes]:
        """Status and body of the next answer; status 0 when the other side has hung up."""
        async with asyncio.timeout(20):
            try:
                head = await self.reader.readuntil(b"\r\n\r\n")
                length = next(
                    int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")
                )
                return int(head.split()[1]), await self.reader.readexactly(length)
            except (asyncio.IncompleteReadError, ConnectionError):
                return 0, b""


def request(body: bytes, length: int | None = None) -> bytes:
    head = (
        f"POST /v1/events HTTP/1.1\r\nHost: api\r\nAuthorization: Bearer {a_token()}\r\nContent-Type: application/json"
    )
    return f"{head}\r\nContent-Length: {len(body) if length is None else length}\r\n\r\n".encode() + body


async def test_one_connection_serves_many_requests(port: int) -> None:
    line = await Line.to(port)
    for _ in range(3):
        line.writer.write(request(a_body()))
        assert (await line.answer())[0] == 202
    line.writer.close()


async def test_a_slow_body_is_answered_408_and_hung_up_on(port: int, twins: Twins) -> None:
    line = await Line.to(port)
    line.writer.write(request(b'{"session_id"', length=1_000))
    status, body = await line.answer()
    assert status == 408
    assert b"body_timeout" in body
    assert await line.answer() == (0, b"")
    assert twins.logged == []


async def test_a_body_dripped_byte_by_byte_is_cut_all_the_same(port: int) -> None:
    line = await Line.to(port)
    line.writer.write(request(b"", length=100_000))

    async def drip() -> None:
        while not line.writer.is_closing():
            line.writer.write(b" ")
            await asyncio.sleep(0.01)

    dripping = asyncio.create_task(drip())
    assert (await line.answer())[0] == 408
    dripping.cancel()


@pytest.mark.parametrize("start", [b"", b"P", b"POST /v1/events HTTP/1.1\r\nHost: api\r\nX-Slow: 1\r\n"])
async def test_headers_that_do_not_come_end_the_connection(port: int, start: bytes) -> None:
    line = await Line.to(port)
    line.writer.write(start)
    assert await line.answer() == (0, b"")


async def test_headers_dripped_byte_by_byte_end_the_connection(port: int) -> None:
    line = await Line.to(port)

    async def drip() -> None:
        line.writer.write(b"GET /livez HTTP/1.1\r\nX-Slow: ")
        while not line.writer.is_closing():
            line.writer.write(b"x")
            await asyncio.sleep(0.01)

    dripping = asyncio.create_task(drip())
    assert await line.answer() == (0, b"")
    dripping.cancel()


@pytest.mark.parametrize("endless", [b"GET /" + b"a" * 50_000, b"GET / HTTP/1.1\r\nX: " + b"a" * 50_000])
async def test_endless_headers_end_the_connection_at_the_bound(port: int, endless: bytes) -> None:
    assert len(endless) > MAX_HEADER_BYTES
    line = await Line.to(port)
    line.writer.write(endless)
    assert await line.answer() == (0, b"")


async def test_line_ends_between_requests_do_not_keep_a_connection_for_ever(port: int) -> None:
    line = await Line.to(port)
    line.writer.write(request(a_body()))
    assert (await line.answer())[0] == 202
    line.writer.write(b"\r\n")
    assert await line.answer() == (0, b"")


async def test_a_slow_viewer_does_not_hold_up_the_others(port: int) -> None:
    slow, quick = await Line.to(port), await Line.to(port)
    slow.writer.write(request(b"{", length=1_000))
    quick.writer.write(request(a_body()))
    assert (await quick.answer())[0] == 202
    assert (await slow.answer())[0] == 408


async def test_a_body_that_is_too_large_is_answered_before_it_is_sent(port: int) -> None:
    line = await Line.to(port)
    line.writer.write(request(b"", length=10_000_000_000))
    assert (await line.answer())[0] == 413


async def test_requests_sent_one_behind_the_other_are_answered_in_order(port: int, twins: Twins) -> None:
    line = await Line.to(port)
    line.writer.write(request(a_body()) + request(b"{") + request(a_body()))
    assert [(await line.answer())[0] for _ in range(3)] == [202, 400, 202]
    assert len(twins.logged) == 2
