"""What a request of the feed says, read by hand: this route is asked most, and FastAPI's reading costs it half a ms."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from fastapi import Request
from msgspec import Meta

from domain.events import MAX_ID
from domain.feed import MAX_SIZE
from ingest_api.audience import Audiences
from ingest_api.auth import viewer_of
from ingest_api.errors import Unprocessable
from ingest_api.feed.pages import CURSOR
from ingest_api.feed.service import Wish


class FeedQuery(msgspec.Struct, frozen=True):
    """The query of GET /v1/feed; what it does not know is passed over."""

    size: Annotated[int, Meta(ge=1, le=MAX_SIZE, description="how many")] = 10
    cursor: (
        Annotated[str, Meta(pattern=CURSOR, description="`cursor` of the page before; without it a new opening begins")]
        | None
    ) = None
    from_drama: Annotated[
        int,
        Meta(ge=0, lt=MAX_ID, description="the drama of the card or advertisement that the viewer came by; 0: none"),
    ] = 0


def wish_of(request: Request) -> Wish:
    """Who asks for which page.  Raises Unauthorized, ViewersOnly, Unprocessable."""
    viewer = viewer_of(request)
    audiences: Audiences = request.app.state.audiences
    try:
        query = msgspec.convert(dict(request.query_params), FeedQuery, strict=False)
    except msgspec.ValidationError as error:
        raise Unprocessable(f"query: {error}") from error
    return Wish(viewer.user_id, query.size, audiences.of(viewer), query.cursor, query.from_drama)


def documented() -> dict[str, Any]:
    """What the OpenAPI document says of it: FastAPI does not see these."""
    _, schemas = msgspec.json.schema_components([FeedQuery], ref_template="{name}")
    parameters = []
    for name, schema in schemas["FeedQuery"]["properties"].items():
        found = next((one for one in schema.get("anyOf", ()) if one["type"] != "null"), schema)
        told = {key: value for key, value in found.items() if key != "description"}
        parameters.append(
            {"name": name, "in": "query", "required": False, "schema": told, "description": found["description"]}
        )
    return {"parameters": parameters, "security": [{"HTTPBearer": []}]}
