"""Links between a client and a server: what flows, what is cut, slow, half-open, reset or unanswered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from infra.local.home import HOST
from juliu.faults.links import Link


class Echo:
    """A server that answers each chunk with itself, and remembers what it got."""

    def __init__(self) -> None:
        self.got = b""
        self.server: asyncio.Server

    async def open(self) -> int:
        self.server = await asyncio.start_server(self._answer, HOST, 0)
        return int(self.server.sockets[0].getsockname()[1])

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                self.got += data
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()


class Far:
    """A server behind a link."""

    def __init__(self, link: Link, echo: Echo, port: int) -> None:
        self.link, self.echo, self.port = link, echo, port

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection(HOST, self.port)

    async def ask(self, data: bytes, within_s: float = 5.0) -> bytes:
        """The answer on a connection of its own; b"" when it was ended without one."""
        reader, writer = await self.connect()
        try:
            writer.write(data)
            async with asyncio.timeout(within_s):
                return await reader.readexactly(len(data))
        except (ConnectionError, asyncio.IncompleteReadError):
            return b""
        finally:
            writer.transport.abort()


@pytest.fixture
async def far() -> AsyncIterator[Far]:
    echo, link = Echo(), Link()
    door = await link.open(0, await echo.open())
    yield Far(link, echo, door.port)
    await link.close()
    echo.server.close()


async def test_a_whole_link_carries_everything_both_ways_and_both_ends(far: Far):
    data = bytes(range(256)) * 4_000
    reader, writer = await far.connect()
    writer.write(data)
    writer.write_eof()
    assert await reader.read(-1) == data
    writer.close()
    assert (far.link.connections, far.link.resets, far.link.lost) == (1, 0, 0)


async def test_a_cut_resets_what_is_open_and_what_comes_until_it_is_healed(far: Far):
    reader, writer = await far.connect()
    writer.write(b"before")
    assert await reader.readexactly(6) == b"before"
    far.link.cut()
    with pytest.raises(ConnectionResetError):
        await reader.readexactly(1)
    assert await far.ask(b"during") == b""
    assert far.echo.got == b"before"
    far.link.heal()
    assert await far.ask(b"after") == b"after"


async def test_a_hanging_link_accepts_and_holds_until_it_is_healed(far: Far):
    reader, writer = await far.connect()
    far.link.hang()
    writer.write(b"held")
    with pytest.raises(TimeoutError):
        await far.ask(b"new", within_s=0.2)
    assert far.echo.got == b""
    far.link.heal()
    assert await reader.readexactly(4) == b"held"


async def test_a_hanging_link_can_be_cut(far: Far):
    reader, writer = await far.connect()
    far.link.hang()
    writer.write(b"held")
    far.link.cut()
    with pytest.raises(ConnectionResetError):
        await reader.readexactly(1)
    assert far.echo.got == b""


async def test_a_late_link_keeps_the_order_and_is_late_each_way(far: Far):
    far.link.delay(50, 40)
    began = time.monotonic()
    reader, writer = await far.connect()
    for n in range(20):
        writer.write(b"%d " % n)
        await asyncio.sleep(0)
    want = b"".join(b"%d " % n for n in range(20))
    assert await reader.readexactly(len(want)) == want
    assert time.monotonic() - began >= 2 * 0.010
    writer.write_eof()
    assert await reader.read(-1) == b""


async def test_a_narrow_link_takes_its_time(far: Far):
    far.link.throttle(100_000)
    began = time.monotonic()
    assert await far.ask(b"x" * 30_000) == b"x" * 30_000
    assert time.monotonic() - began >= 0.3


async def test_a_reset_comes_after_so_many_bytes_and_once(far: Far):
    far.link.reset_after(10)
    assert await far.ask(b"12345678") == b"12345678"
    assert await far.ask(b"12345678") == b""
    assert far.echo.got == b"12345678"
    assert await far.ask(b"12345678") == b"12345678"
    assert far.link.resets == 1


async def test_a_lost_answer_is_one_whose_request_was_carried_out(far: Far):
    far.link.lose_answers(b"INSERT", 2)
    assert await far.ask(b"SELECT 1") == b"SELECT 1"
    assert [await far.ask(b"INSERT %d" % n) for n in range(3)] == [b"", b"", b"INSERT 2"]
    assert far.echo.got == b"SELECT 1INSERT 0INSERT 1INSERT 2"
    assert far.link.lost == 2


async def test_a_switched_link_leads_to_the_other_server(far: Far):
    other = Echo()
    port = await other.open()
    reader, _writer = await far.connect()
    far.link.switch(port)
    with pytest.raises(ConnectionResetError):
        await reader.readexactly(1)
    assert await far.ask(b"there") == b"there"
    assert (far.echo.got, other.got) == (b"", b"there")
    other.server.close()


async def test_a_server_that_is_away_resets(far: Far):
    far.echo.server.close()
    await far.echo.server.wait_closed()
    assert await far.ask(b"x") == b""
