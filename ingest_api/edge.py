"""What every request passes first and last: its id, its errors as answers, its count."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping, MutableMapping
from typing import Any, NamedTuple

from prometheus_client import Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from infra import logs
from infra.metrics import API_REFUSED, API_REQUESTS, API_SECONDS
from ingest_api.errors import ApiError, ClientGone

REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}")
JSON = (b"content-type", b"application/json")
OPEN_TO_PAGES = ("/v1/hls/", "/v1/posters/")  # what any page may read, errors too: no cookie is read, no credentials
OPEN = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"retry-after, x-request-id"),
)

log = logs.get(__name__)


class Hot(NamedTuple):
    """What answers a path without a router; of other methods (None: there are none) the router has the word."""

    app: ASGIApp
    method: str | None = None


class Edge:
    """ASGI middleware; `hot` answers the paths that must not pay for a router, by path.

    An ApiError from below becomes its answer; what nobody foresaw a 500 and a logged trace.
    """

    def __init__(self, app: ASGIApp, hot: Mapping[str, Hot]) -> None:
        self._app = app
        self._hot = hot
        self._counters: dict[tuple[str, int], tuple[Counter, Histogram]] = {}  # as many as routes times statuses

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        answer = _Answer(send, _request_id(scope), OPEN if scope["path"].startswith(OPEN_TO_PAGES) else ())
        try:
            await self._for(scope)(scope, receive, answer.send)
        except ApiError as error:
            await answer.refuse(error)
        except Exception:
            log.exception("request failed", request_id=answer.request_id.decode(), route=self._route(scope))
            if answer.status:
                raise  # half an answer is out: the server closes the connection
            await answer.refuse(ApiError())
        finally:
            count, seconds = self._counters_of(self._route(scope), answer.status)
            count.inc()
            seconds.observe(time.perf_counter() - began)

    def _for(self, scope: Scope) -> ASGIApp:
        hot = self._hot.get(scope["path"])
        return hot.app if hot and hot.method in (None, scope["method"]) else self._app

    def _counters_of(self, route: str, status: int) -> tuple[Counter, Histogram]:
        counters = self._counters.get((route, status))
        if counters is None:
            counters = self._counters[route, status] = API_REQUESTS.labels(route, status), API_SECONDS.labels(route)
        return counters

    def _route(self, scope: Scope) -> str:
        """The route's pattern, never the address itself: labels have a bound."""
        if scope["path"] in self._hot:
            return str(scope["path"])
        return getattr(scope.get("route"), "path", None) or "other"


class _Answer:
    """The answer to one request: adds the id and `more` to its headers and remembers the status."""

    __slots__ = ("_more", "_send", "request_id", "status")

    def __init__(self, send: Send, request_id: bytes, more: tuple[tuple[bytes, bytes], ...]) -> None:
        self._send = send
        self._more = more
        self.request_id = request_id
        self.status = 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*message.get("headers", ()), *self._more, (b"x-request-id", self.request_id)]
        await self._send(message)

    async def refuse(self, error: ApiError) -> None:
        API_REFUSED.labels(error.code).inc()
        if isinstance(error, ClientGone):
            self.status = error.status  # there is nobody to tell
            return
        body = error.body()
        headers = [JSON, (b"content-length", b"%d" % len(body)), *error.headers()]
        await self.send({"type": "http.response.start", "status": error.status, "headers": headers})
        await self.send({"type": "http.response.body", "body": body})


def _request_id(scope: MutableMapping[str, Any]) -> bytes:
    """The sender's own id if it is a plain word, else a new one; also in scope["state"] for whoever logs."""
    given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
    request_id: bytes = given if given and REQUEST_ID.fullmatch(given) else os.urandom(12).hex().encode()
    scope.setdefault("state", {})["request_id"] = request_id.decode()
    return request_id
