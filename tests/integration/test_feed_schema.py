"""The feed and a drama's page keep to their OpenAPI document: requests made from it get answers that it describes."""

from __future__ import annotations

import pytest
import schemathesis
from fastapi import FastAPI

from ingest_api.feed.service import Feed
from ingest_api.play.states import Owned
from ingest_api.product.drama_page import DramaPages
from tests.api import FixedCatalogue, Twins
from tests.builders import DRAMA, NOW_MS, OTHER_DRAMA, a_catalogue, a_drama, a_token
from tests.memory_feed import MemoryLists, MemoryShown
from tests.memory_money import MemoryMoney
from tests.openapi import CHECKS, answers_as_described, examples
from tests.unit.test_api_product import MemoryViewers


def an_app() -> FastAPI:
    """Two dramas; of one an episode is free, one is locked and one is to come."""
    money = MemoryMoney()
    drama = a_drama(DRAMA, free_first=1, price_coins=60, releases=[0, 0, NOW_MS + 1])
    twins = Twins(catalogue=FixedCatalogue(a_catalogue(drama, a_drama(OTHER_DRAMA, 2))), money=money, purse=money)
    app = twins.app()
    lists = MemoryLists(charts={"hot": [7, 9], "trending": []})
    app.state.feed = Feed(twins.catalogue, lists, MemoryShown(), now_ms=twins.now_ms)
    owned = Owned(money, app.state.threads[0])
    app.state.drama_pages = DramaPages(twins.catalogue, MemoryViewers(), owned, now_ms=twins.now_ms)
    app.state.threads = []  # each call starts and ends the app: the threads are for all of them
    return app


schema = schemathesis.openapi.from_asgi("/openapi.json", an_app())


@schema.include(path_regex=r"^/v1/feed$|also-watched$|^/v1/dramas/\{drama_id\}$").parametrize()
@examples(25)
def test_whatever_is_made_from_the_document_gets_an_answer_of_the_document(case: schemathesis.Case) -> None:
    answers_as_described(case)


@pytest.mark.parametrize(("drama_id", "states"), [(DRAMA, ["free", "locked", "coming"]), (OTHER_DRAMA, ["free"] * 3)])
def test_also_the_page_of_a_drama_that_there_is(drama_id: int, states: list[str]) -> None:
    case = schema["/v1/dramas/{drama_id}"]["GET"].Case(path_parameters={"drama_id": drama_id})
    answer = case.call(headers={"Authorization": f"Bearer {a_token()}"})
    assert [one["state"] for one in answer.json()["items"]] == states
    case.validate_response(answer, checks=CHECKS)
