"""Files that come into storage over a real socket: as long as something comes, and no longer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import uvicorn

from domain.media import storage_address
from domain.media.storage_address import Permission
from ingest_api.server import DeadlineProtocol, options
from tests.api import SETTINGS, Twins
from tests.builders import NOW_S, TICKET_SECRET

KEY, PIECES, PIECE = "incoming/7/3/episode.mp4", 8, b"x" * 1_000
pytestmark = pytest.mark.timeout(60)


class Impatient(DeadlineProtocol):
    """Each piece is sent in a quarter of what a whole request may take, so a machine may be busy; all take twice it."""

    whole_s = 0.8


@pytest.fixture
async def port(tmp_path: Path) -> AsyncIterator[int]:
    app = Twins().app(SETTINGS.model_copy(update={"media_root": str(tmp_path)}))
    config = options(SETTINGS.model_copy(update={"api_port": 0}), Impatient) | {"loop": "none"}
    server = uvicorn.Server(uvicorn.Config(app, **config))
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(10):
        while not server.started:  # noqa: ASYNC110  uvicorn has no event for it
            await asyncio.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await serving


async def sent(port: int, pieces: int, *, to: str = "", secret: bytes = TICKET_SECRET.encode()) -> tuple[bytes, int]:
    """What is answered to a body of PIECES that comes slowly, and how many pieces were taken before the hanging up."""
    permission = Permission("put", KEY, NOW_S + 60, PIECES * len(PIECE))
    at = to or storage_address.address(secret, "", permission)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        f"PUT {at} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {PIECES * len(PIECE)}\r\n\r\n".encode()
    )
    taken = 0
    try:
        for _ in range(pieces):
            await asyncio.sleep(Impatient.whole_s / 4)  # a slow line is what this is about
            writer.write(PIECE)
            await writer.drain()
            taken += 1
    except ConnectionError:
        pass
    async with asyncio.timeout(20):
        try:
            answer = (await reader.read())[:12]
        except ConnectionError:
            answer = b""
    writer.close()
    return answer, taken


async def test_a_file_on_a_slow_line_comes_in(port: int, tmp_path: Path):
    answer, _ = await asyncio.wait_for(sent(port, PIECES), 30)
    assert answer == b"HTTP/1.1 204"
    assert (tmp_path / KEY).stat().st_size == PIECES * len(PIECE)


async def test_who_stops_in_the_middle_is_hung_up_on(port: int, tmp_path: Path):
    answer, _ = await asyncio.wait_for(sent(port, 3), 30)
    assert answer == b""
    assert not (tmp_path / KEY).exists()


@pytest.mark.parametrize("to", ["", "/v1/events"], ids=["forged", "elsewhere"])
async def test_nobody_else_may_be_so_slow(port: int, to: str):
    answer, taken = await asyncio.wait_for(sent(port, PIECES, to=to, secret=b"another secret of somebody else"), 30)
    assert answer[:9] in (b"HTTP/1.1 ", b"")
    assert taken < PIECES
