"""The session that an SDK client is given where a stand-in plays COS and CI: production's requests, other wire.

Hosts, signatures and addresses stay as they are in production; only where the connection goes is another.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests
from requests.adapters import HTTPAdapter


class Loopback(HTTPAdapter):
    """Sends every request to `place` (127.0.0.1:port) in plain HTTP, whatever its host, which it keeps as a header."""

    def __init__(self, place: str, connections: int) -> None:
        self._place = place
        super().__init__(pool_connections=1, pool_maxsize=connections)

    def send(self, request: requests.PreparedRequest, *arguments: Any, **named: Any) -> requests.Response:
        """As HTTPAdapter's."""
        parts = urlsplit(request.url or "")
        request.headers["Host"] = str(parts.netloc)
        request.url = urlunsplit(("http", self._place, str(parts.path), str(parts.query), ""))
        return super().send(request, *arguments, **named)
