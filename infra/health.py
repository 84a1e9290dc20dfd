"""/livez, /readyz and /metrics of a worker: an HTTP server in a thread, so that a blocked loop can still be asked."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import msgspec

from infra import logs, metrics

REQUEST_S = 2.0  # one request at a time: a slow asker must not hold up the next

log = logs.get(__name__)

Answer = tuple[bool, dict[str, Any]]


class Health:
    """Serves on `port` (0: not at all) until close().  `alive` and `ready` say yes or no, and why, as JSON."""

    def __init__(self, host: str, port: int, alive: Callable[[], Answer], ready: Callable[[], Answer]) -> None:
        self._server: HTTPServer | None = None
        if port:
            self._server = HTTPServer((host, port), _handler({"/livez": alive, "/readyz": ready}))
            threading.Thread(target=self._server.serve_forever, name="health", daemon=True).start()

    def close(self) -> None:
        """Stop serving."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()


def _handler(routes: dict[str, Callable[[], Answer]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = REQUEST_S

        def do_GET(self) -> None:
            if self.path == "/metrics":
                self._send(200, *metrics.exposition())
            elif self.path in routes:
                good, says = routes[self.path]()
                self._send(200 if good else 503, msgspec.json.encode(says), "application/json")
            else:
                self._send(404, b"{}", "application/json")

        def _send(self, status: int, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Scrapes are not news."""

    return Handler
