"""The OpenAPI document: what FastAPI writes for its routes, and POST /v1/events, which FastAPI does not know, by hand.

Schemas come from the types that are decoded (events.contract), codes and reasons from where they are defined.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from fastapi import FastAPI

from ingest_api import errors
from ingest_api.errors import ApiError, ErrorBody, ReleaseBody
from ingest_api.events.contract import MAX_BODY_BYTES, MAX_EVENTS, MAX_GZIP_BYTES, Answer, Batch
from ingest_api.events.example import ANSWER, BATCH
from ingest_api.events.reasons import Reason
from ingest_api.events.route import PATH
from ingest_api.media_admin.drama_answers import SCHEMAS as DRAMAS
from ingest_api.media_admin.errors import JobBody, MissingBody
from ingest_api.unlock.errors import PaymentBody, PriceBody

REF = "#/components/schemas/{name}"
WHO_ASKS = (errors.TokenMissing, errors.Unauthorized, errors.TokenExpired, errors.BackfillNotHere)
WHO_VIEWS = (*WHO_ASKS, errors.ViewersOnly)
EVENTS_ERRORS: tuple[type[ApiError], ...] = (
    *(errors.BadRequest, errors.MalformedJson, errors.TooDeep, errors.BadGzip),
    *WHO_ASKS,
    *(errors.BodyTimeout, errors.TooLarge, errors.TooManyEvents),
    *(errors.UnsupportedMedia, errors.UnsupportedEncoding, errors.BadEnvelope, errors.BadSentAt),
    *(errors.Overloaded, errors.LogUnavailable, errors.CatalogueUnavailable),
)
ABOUT = f"""Events of one session, in the order of `seq`. The user is the token's; a body cannot name another.

At most {MAX_EVENTS} events, {MAX_BODY_BYTES // 1024} KB inflated, {MAX_GZIP_BYTES // 1024} KB on the wire with
`Content-Encoding: gzip`. One request of a session in flight at a time. An event's identity is (user, session_id, seq):
what was numbered keeps its number, so a batch may be sent again; it is counted once.

**202** comes when every accepted event is on all in-sync replicas; `results` has one entry an event, in their order.
**4xx**: the sender must mend something. **503**: send the same batch again after `Retry-After` seconds.

Why an event is rejected (it alone, not its batch):
{chr(10).join(f"* `{reason.value}`: {reason.sentence}" for reason in Reason)}
"""


def describe(app: FastAPI) -> None:
    """Make `app.openapi()` tell the whole API."""
    plain = app.openapi

    def whole() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = plain()
            components = document.setdefault("components", {})
            components.setdefault("schemas", {}).update(schemas_by_hand())
            components.setdefault("securitySchemes", {})["HTTPBearer"] = {"type": "http", "scheme": "bearer"}
            document.setdefault("paths", {})[PATH] = {"post": _events()}
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = whole  # type: ignore[method-assign]


def schemas_by_hand() -> dict[str, Any]:
    """Those that are no FastAPI route's; their names must be no others'."""
    _, schemas = msgspec.json.schema_components(
        [Batch, Answer, ErrorBody, PaymentBody, PriceBody, ReleaseBody, JobBody, MissingBody, *DRAMAS], ref_template=REF
    )
    schemas["Batch"]["properties"]["events"]["maxItems"] = MAX_EVENTS
    return schemas


def _events() -> dict[str, Any]:
    return {
        "tags": ["events"],
        "summary": "Send events",
        "description": ABOUT,
        "operationId": "send_events",
        "security": [{"HTTPBearer": []}],
        "parameters": [_GZIP],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": _ref("Batch"), "example": BATCH}},
        },
        "responses": {
            "202": {
                "description": "Every event has its result; accepted ones are in the log for good.",
                "headers": _HEADERS,
                "content": {"application/json": {"schema": _ref("Answer"), "example": ANSWER}},
            },
            **refusals(EVENTS_ERRORS),
        },
    }


def found(kind: type[msgspec.Struct], example: Any) -> dict[int | str, dict[str, Any]]:
    """What the document says of a route that answers such a struct, of those in schemas_by_hand."""
    content = {"application/json": {"schema": _ref(kind.__name__), "example": example}}
    return {"200": {"description": (kind.__doc__ or "").splitlines()[0], "content": content}}


def refusals(kinds: Iterable[type[ApiError]]) -> dict[int | str, dict[str, Any]]:
    """What the document says of these errors: the `responses` of a route."""
    by_status: dict[int, list[type[ApiError]]] = {}
    for kind in kinds:
        by_status.setdefault(kind.status, []).append(kind)
    return {str(status): _refusal(alike) for status, alike in sorted(by_status.items())}


def _refusal(kinds: list[type[ApiError]]) -> dict[str, Any]:
    retry = {"Retry-After": {"schema": {"type": "integer"}, "description": "seconds"}} if kinds[0].retry_after_s else {}
    examples = {kind.code: {"summary": kind.sentence(), "value": msgspec.json.decode(kind().body())} for kind in kinds}
    bodies = [_ref(name) for name in sorted({kind.body_type.__name__ for kind in kinds})]
    return {
        "description": "\n".join(f"* `{kind.code}`: {kind.sentence()}" for kind in kinds),
        "headers": {**_HEADERS, **retry},
        "content": {
            "application/json": {"schema": bodies[0] if len(bodies) == 1 else {"anyOf": bodies}, "examples": examples}
        },
    }


def _ref(name: str) -> dict[str, str]:
    return {"$ref": REF.format(name=name)}


_HEADERS = {"X-Request-Id": {"schema": {"type": "string"}, "description": "names this request in our logs"}}
_GZIP = {
    "name": "Content-Encoding",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "enum": ["gzip", "identity"]},
}
