"""The feed keeps to its OpenAPI document: requests made from it, right and wrong, get answers that it describes."""

from __future__ import annotations

import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, settings

from ingest_api.feed.service import Feed
from tests.api import Twins
from tests.builders import a_token
from tests.memory_feed import MemoryLists, MemoryShown


def an_app() -> FastAPI:
    twins = Twins()
    app = twins.app()
    app.state.feed = Feed(twins.catalogue, MemoryLists(charts={"hot": [7, 9], "trending": []}), MemoryShown())
    return app


schema = schemathesis.openapi.from_asgi("/openapi.json", an_app())


@schema.include(path_regex="^/v1/feed$|also-watched$").parametrize()
@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_whatever_is_made_from_the_document_gets_an_answer_of_the_document(case: schemathesis.Case) -> None:
    answer = case.call(headers={"Authorization": f"Bearer {a_token()}"})
    case.validate_response(
        answer,
        checks=[
            schemathesis.checks.not_a_server_error,
            schemathesis.checks.status_code_conformance,
            schemathesis.checks.content_type_conformance,
            schemathesis.checks.response_schema_conformance,
        ],
    )
