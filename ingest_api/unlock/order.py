"""What a viewer asks for when unlocking: a small JSON body and a key that makes asking again harmless."""

from __future__ import annotations

import hashlib
import re
from typing import Annotated, Any

import msgspec
from fastapi import Request

from ingest_api.errors import UnsupportedEncoding
from ingest_api.events.body import is_gzip
from ingest_api.small_body import decoded, received
from ingest_api.unlock.errors import IdempotencyKeyMissing, Way

MAX_BYTES = 4_096  # an order has about 60
KEY = re.compile(r"[!-~]{1,64}")


class Order(msgspec.Struct, frozen=True):
    """`price_version` as it was shown to the viewer; `way`: this episode alone, or all that is left of the drama."""

    price_version: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    way: Way = "episode"


_decode = msgspec.json.Decoder(Order).decode


async def idempotency_key(request: Request) -> str:
    """FastAPI dependency: the header's one value.  Raises IdempotencyKeyMissing."""
    keys = request.headers.getlist("idempotency-key")
    if len(keys) != 1 or not KEY.fullmatch(keys[0]):
        raise IdempotencyKeyMissing
    return keys[0]


async def order(request: Request) -> Order:
    """FastAPI dependency: the body.  Raises the errors that tell what is wrong with it."""
    if is_gzip(dict(request.headers.raw)):
        raise UnsupportedEncoding("send the body plain")
    return decode(await received(request, MAX_BYTES))


def decode(body: bytes) -> Order:
    """The order in a body.  Raises MalformedJson, Unprocessable."""
    return decoded(_decode, body)


def body_hash(drama_id: int, episode_no: int, one: Order) -> bytes:
    """What a key is bound to: the route with its ids and what the body means, however it is spelled (32 bytes)."""
    return hashlib.sha256(msgspec.json.encode(["unlock", drama_id, episode_no, one.way, one.price_version])).digest()


def document() -> dict[str, Any]:
    """What FastAPI cannot see of the request, for the OpenAPI document."""
    key = {
        "name": "Idempotency-Key",
        "in": "header",
        "required": True,
        "description": "new for each purchase, the same when it is sent again",
        "schema": {"type": "string", "pattern": "^[!-~]{1,64}$"},
    }
    _, schemas = msgspec.json.schema_components([Order])
    content = {"application/json": {"schema": schemas["Order"]}}
    return {"parameters": [key], "requestBody": {"required": True, "content": content}}
