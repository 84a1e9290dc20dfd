"""Videos over a real socket: who hangs up, or reads slowly, holds a place no longer than allowed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI

from domain import media_address
from domain.media_address import Address
from ingest_api.play.media import Media
from ingest_api.server import DeadlineProtocol, options
from tests.api import SETTINGS, Twins
from tests.builders import DRAMA, NOW_MS, TICKET_SECRET, USER

KEY = TICKET_SECRET.encode()
SIZE = 64 << 20  # more than sockets hold between the two
pytestmark = pytest.mark.timeout(60)


class OnePath:
    def path(self, drama_id: int, episode_no: int) -> str:
        return "1.mp4"


@pytest.fixture
def app(tmp_path: Path) -> FastAPI:
    with (tmp_path / "1.mp4").open("wb") as file:
        file.truncate(SIZE)
    twins = Twins()
    app = twins.app(SETTINGS.model_copy(update={"api_port": 0}))
    app.state.media = Media(
        str(tmp_path), [KEY], OnePath(), twins.catalogue, threads=app.state.threads[-1], now_ms=lambda: NOW_MS
    )
    return app


@pytest.fixture
async def port(app: FastAPI) -> AsyncIterator[int]:
    config = options(SETTINGS.model_copy(update={"api_port": 0}), DeadlineProtocol) | {"loop": "none"}
    server = uvicorn.Server(uvicorn.Config(app, **config))
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(10):
        while not server.started:  # noqa: ASYNC110  uvicorn has no event for it
            await asyncio.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await serving


async def begin(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Ask for the video and read the head of the answer."""
    address = Address(USER, DRAMA, 1, NOW_MS + 60_000)
    query = f"user={USER}&expires={address.expires_ms}&signature={media_address.sign(KEY, address)}"
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET /v1/media/{DRAMA}/1?{query} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200")
    return reader, writer


async def until_taken(app: FastAPI, count: int) -> None:
    async with asyncio.timeout(20):
        while app.state.media.places.taken != count:  # noqa: ASYNC110  nothing tells it
            await asyncio.sleep(0.01)


async def test_a_whole_video_arrives_and_its_place_is_free_again(app: FastAPI, port: int) -> None:
    reader, writer = await begin(port)
    left = SIZE
    while left:
        left -= len(await reader.read(min(left, 1 << 20)))
    await until_taken(app, 0)
    writer.close()


async def test_who_hangs_up_gives_the_place_back(app: FastAPI, port: int) -> None:
    _, writer = await begin(port)
    await until_taken(app, 1)
    writer.transport.abort()
    await until_taken(app, 0)


async def test_who_reads_nothing_is_hung_up_on(app: FastAPI, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingest_api.play.video.SEND_S", 0.3)
    reader, writer = await begin(port)
    await until_taken(app, 1)
    await until_taken(app, 0)
    received = 0
    while part := await reader.read(1 << 20):
        received += len(part)
    assert received < SIZE
    writer.close()
