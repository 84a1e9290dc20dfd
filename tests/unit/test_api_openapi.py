"""The OpenAPI document tells all of POST /v1/events."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.openapi.utils import get_openapi

from domain import events
from ingest_api import errors
from ingest_api.errors import ApiError
from ingest_api.events.reasons import Reason
from ingest_api.openapi import EVENTS_ERRORS, schemas_by_hand
from tests.api import Twins


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return Twins().app().openapi()


@pytest.fixture(scope="module")
def operation(document: dict[str, Any]) -> dict[str, Any]:
    return document["paths"]["/v1/events"]["post"]


def test_every_event_type_and_its_fields_are_described(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    for tag, wire in events.WIRE.items():
        fields = schemas[wire.__name__]["properties"]
        assert fields["type"]["enum"] == [tag]
        assert set(fields) == {"type", *wire.__struct_fields__}
        assert not set(fields) & events.STAMPS


def test_every_reason_has_its_sentence(operation: dict[str, Any]) -> None:
    for reason in Reason:
        assert f"`{reason.value}`: {reason.sentence}" in operation["description"]


def test_every_code_stands_under_its_status(operation: dict[str, Any]) -> None:
    for error in EVENTS_ERRORS:
        assert f"`{error.code}`" in operation["responses"][str(error.status)]["description"]
    assert operation["responses"]["503"]["headers"]["Retry-After"]


def test_codes_are_unique() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, ApiError)]
    codes = [kind.code for kind in kinds if kind not in (errors.PostOnly, errors.WrongPartitions)]
    assert len(codes) == len(set(codes))


def test_what_is_referred_to_is_there(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]

    def walk(node: Any) -> None:
        if isinstance(node, dict):
            if "$ref" in node:
                assert node["$ref"].removeprefix("#/components/schemas/") in schemas
            for value in node.values():
                walk(value)
        elif isinstance(node, list):
            for value in node:
                walk(value)

    walk(document)
    assert document["components"]["securitySchemes"]["HTTPBearer"]["scheme"] == "bearer"


def test_no_name_means_two_things() -> None:
    """Schemas that FastAPI writes and those written by hand share one place: the one would replace the other."""
    app = Twins().app()
    by_fastapi = get_openapi(title="", version="", routes=app.routes)["components"]["schemas"]
    assert by_fastapi.keys() & schemas_by_hand().keys() == set()
