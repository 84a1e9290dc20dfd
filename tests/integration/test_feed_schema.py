"""The feed keeps to its OpenAPI document: requests made from it, right and wrong, get answers that it describes."""

from __future__ import annotations

import schemathesis
from fastapi import FastAPI

from ingest_api.feed.service import Feed
from tests.api import Twins
from tests.memory_feed import MemoryLists, MemoryShown
from tests.openapi import answers_as_described, examples


def an_app() -> FastAPI:
    twins = Twins()
    app = twins.app()
    lists = MemoryLists(charts={"hot": [7, 9], "trending": []})
    app.state.feed = Feed(twins.catalogue, lists, MemoryShown(), now_ms=twins.now_ms)
    return app


schema = schemathesis.openapi.from_asgi("/openapi.json", an_app())


@schema.include(path_regex="^/v1/feed$|also-watched$").parametrize()
@examples(25)
def test_whatever_is_made_from_the_document_gets_an_answer_of_the_document(case: schemathesis.Case) -> None:
    answers_as_described(case)
