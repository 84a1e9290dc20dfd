"""POST /v1/events as a bare ASGI app: who asks, may it come in, its body, the service, the answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

import msgspec

from ingest_api.auth import Tokens
from ingest_api.errors import PostOnly
from ingest_api.events.admission import Admission
from ingest_api.events.body import BODY_S, Receive, inflate, is_gzip, receive_body, wire_limit
from ingest_api.events.service import Ingest

PATH = "/v1/events"
JSON = (b"content-type", b"application/json")
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

_encode = msgspec.json.Encoder().encode


class EventsRoute:
    """No router, no Request, no Response, no dependencies on the hot path: ingest_api.edge calls it before FastAPI.

    An ApiError leaves it as an exception; ingest_api.edge answers it.
    """

    def __init__(self, tokens: Tokens, admission: Admission, ingest: Ingest, body_s: float = BODY_S) -> None:
        self._tokens = tokens
        self._admission = admission
        self._ingest = ingest
        self._body_s = body_s

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["method"] != "POST":
            raise PostOnly
        headers = dict(scope["headers"])
        client = scope.get("client")
        viewer = self._tokens.viewer_of(headers, client[0] if client else None)
        gzip = is_gzip(headers)
        self._admission.check()
        body = await receive_body(receive, headers, wire_limit(gzip), self._admission, self._body_s)
        answer = _encode(await self._ingest.accept(viewer, inflate(body) if gzip else body))
        length = (b"content-length", b"%d" % len(answer))
        await send({"type": "http.response.start", "status": 202, "headers": [JSON, length]})
        await send({"type": "http.response.body", "body": answer})
