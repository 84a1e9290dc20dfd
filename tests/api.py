"""The API on twins: no sockets, a clock that stands still, a log in memory."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import httpx
import msgspec
from fastapi import FastAPI
from pydantic import SecretStr
from starlette.routing import Route

from domain import events
from domain.catalogue import Catalogue
from infra.settings import Settings
from ingest_api.app import assemble
from ingest_api.errors import LogUnavailable
from ingest_api.events.log import Log
from tests.builders import NOW_S, SECRET, TICKET_SECRET, a_catalogue, a_token
from tests.memory_log import MemoryLog

PARTITIONS = 4
SETTINGS = Settings(jwt_secret=SecretStr(SECRET), ticket_secret=SecretStr(TICKET_SECRET), partitions=PARTITIONS)


@dataclass
class FixedCatalogue:
    """A catalogue that is followed; a test may change it, or let it grow old."""

    current: Catalogue = field(default_factory=a_catalogue)
    age_s: float = 0.1


@dataclass
class Twins:
    """Connections that reach nothing."""

    log: Any = field(default_factory=lambda: MemoryLog(PARTITIONS))
    catalogue: Any = field(default_factory=FixedCatalogue)
    redis: Any = None
    mysql: Any = None
    money: Any = None
    purse: Any = None
    now_s: float = NOW_S

    async def open(self) -> None:
        """Nothing to connect."""

    async def close(self) -> None:
        """Nothing to let go."""

    def app(self, settings: Settings = SETTINGS, **more: Any) -> FastAPI:
        """The API on these twins."""
        return with_routers_read(assemble(settings, self, now_s=lambda: self.now_s, **more))

    def now_ms(self) -> int:
        """The clock in milliseconds."""
        return int(self.now_s * 1000)

    @property
    def logged(self) -> list[Any]:
        """All events in the log, partition by partition, as readers of the log decode them."""
        return [events.decode(value) for records in self.log.partitions for _, value in records]


@cache
def _kept() -> FastAPI:
    return assemble(SETTINGS, Twins())


def with_routers_read(app: FastAPI) -> FastAPI:
    """The app with the routers and the document of one that is kept, since FastAPI makes them anew for each app: 20 ms
    and 100 ms.

    What a route works on is in the state of the app that was called all the same (`request.app`).
    """
    pairs = zip(app.routes, _kept().routes, strict=True)
    app.router.routes = [own if isinstance(own, Route) else kept for own, kept in pairs]
    app.openapi = _kept().openapi  # type: ignore[method-assign]
    return app


def caller(app: FastAPI, peer: str = "127.0.0.1") -> httpx.AsyncClient:
    """A client that calls the app without a socket, from address `peer`."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=(peer, 50_000))
    return httpx.AsyncClient(transport=transport, base_url="http://api")


async def post(app: FastAPI, body: bytes, peer: str = "127.0.0.1", **headers: str) -> httpx.Response:
    """POST /v1/events with a good token and content type unless `headers` (underscores are hyphens) say otherwise."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    ours = {"authorization": f"Bearer {a_token()}", "content-type": "application/json"}
    async with caller(app, peer) as client:
        return await client.post("/v1/events", content=body, headers=ours | given)


async def until_there(log: Log) -> None:
    """A topic that was just made is not known everywhere at once."""
    async with asyncio.timeout(20):
        while True:
            try:
                return await log.check()
            except LogUnavailable:
                await asyncio.sleep(0.05)


def reasons(answer: httpx.Response) -> list[str]:
    """One word an event: accepted, or why not."""
    return [result.get("reason", result["status"]) for result in answer.json()["results"]]


def code(answer: httpx.Response) -> str:
    """The code of an answer that is an error."""
    return str(msgspec.convert(answer.json()["error"]["code"], str))
