"""Serving the API: uvicorn's settings, and the deadlines that uvicorn itself does not have."""

from __future__ import annotations

import asyncio
import os
import resource
import tempfile
from typing import Any

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from domain.media.storage_address import PATH as STORAGE
from infra import logs
from infra.settings import Settings, load
from ingest_api.app import create_app
from ingest_api.events.body import BODY_S

HEADERS_S = 10.0  # from a request's first byte (or the connection) to the end of its headers
WHOLE_S = HEADERS_S + BODY_S + 5.0  # to the end of its body: above what the routes themselves allow
MAX_HEADER_BYTES = 32 * 1024
KEEP_ALIVE_S = 75  # longer than a proxy in front keeps its idle connections
OTHER_FILES = 256  # sockets to Kafka and Redis, code, logs
GRACE_S = 5  # beyond the longest request, at SIGTERM


class DeadlineProtocol(HttpToolsProtocol):
    """HTTP/1.1 that hangs up on who sends headers without end, or a request too slowly.

    A file that comes into storage takes as long as its route allows, while something of it comes.
    """

    headers_s = HEADERS_S
    whole_s = WHOLE_S

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._in_headers, self._header_bytes = True, 0
        self._deadline: asyncio.TimerHandle | None = None
        self._arm(self.headers_s)

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._deadline is None:  # these bytes end uvicorn's keep-alive timer, whether or not a request begins
            self._arm(self.whole_s)
        super().data_received(data)
        if self._deadline is not None and self._taken_in():
            self._arm(self.whole_s)
        if self._in_headers:
            self._header_bytes += len(data)
            if self._header_bytes > MAX_HEADER_BYTES:
                self.transport.abort()

    def on_message_begin(self) -> None:
        self._in_headers = True
        self._arm(self.headers_s)
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_headers, self._header_bytes = False, 0
        self._arm(self.whole_s)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._disarm()
        super().on_message_complete()

    def _taken_in(self) -> bool:
        """Whether these bytes are a file's that a route takes in; what comes after a refusal is not."""
        if self._in_headers or self.cycle is None or self.cycle.response_complete:
            return False
        return self.scope["method"] == "PUT" and self.scope["path"].startswith(f"{STORAGE}/")

    def _arm(self, seconds: float) -> None:
        self._disarm()
        self._deadline = self.loop.call_later(seconds, self.transport.abort)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def options(settings: Settings, protocol: type[DeadlineProtocol] = DeadlineProtocol) -> dict[str, Any]:
    """How uvicorn serves us."""
    return {
        "host": settings.api_host,
        "port": settings.api_port,
        "loop": "uvloop",
        "http": protocol,
        "ws": "none",
        "lifespan": "on",
        "log_config": None,
        "access_log": False,
        "proxy_headers": False,  # nobody's address is believed; what came through a proxy is seen by its headers
        "server_header": False,
        "backlog": 2_048,
        "limit_concurrency": settings.api_connections,
        "timeout_keep_alive": KEEP_ALIVE_S,
        "timeout_graceful_shutdown": settings.ack_timeout_ms // 1000 + GRACE_S,
    }


def serve(settings: Settings, workers: int) -> None:
    """Serve until SIGTERM or SIGINT: refuse new connections, finish what is in flight, flush the log.

    Several workers are processes that share the port.  Raises as create_app.
    """
    _allow_connections(settings.api_connections)
    if workers == 1:
        uvicorn.Server(uvicorn.Config(create_app(settings), **options(settings))).run()
        return
    create_app(settings)  # what is wrong with the settings is said here, not by every worker
    with tempfile.TemporaryDirectory(prefix="juliu-metrics-") as folder:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        uvicorn.run("ingest_api.server:worker", factory=True, workers=workers, **options(settings))


def _allow_connections(count: int) -> None:
    """Let this process and its workers have `count` connections and some files, as far as the system permits."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + OTHER_FILES if hard == resource.RLIM_INFINITY else min(count + OTHER_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def worker() -> FastAPI:
    """The app of one of several workers, in its own process."""
    settings = load()
    logs.setup("api", settings)
    return create_app(settings)
