"""Playing keeps to its OpenAPI document: requests made from it, right and wrong, get answers that it describes."""

from __future__ import annotations

import pytest
import schemathesis
from fastapi import FastAPI

from tests.api import FixedCatalogue, Twins
from tests.builders import DRAMA, a_catalogue, a_drama, a_token
from tests.memory_money import MemoryMoney
from tests.openapi import answers_as_described, examples


def an_app() -> FastAPI:
    """One drama whose first two episodes are free; nobody has coins."""
    money = MemoryMoney()
    money.drama(DRAMA, episodes=5, free_first=2, price_coins=60)
    drama = a_drama(episodes=5, free_first=2, price_coins=60)
    app = Twins(catalogue=FixedCatalogue(a_catalogue(drama)), money=money, purse=money).app()
    app.state.threads = []  # each call starts and ends the app: the threads are for all of them
    return app


schema = schemathesis.openapi.from_asgi("/openapi.json", an_app())


@schema.include(path_regex="/play$|^/v1/media/").parametrize()
@examples(25)
def test_whatever_is_made_from_the_document_gets_an_answer_of_the_document(case: schemathesis.Case) -> None:
    answers_as_described(case)


@pytest.mark.parametrize(("episode_no", "status"), [(1, 200), (2, 200), (3, 402), (6, 404)])
def test_also_what_is_told_of_a_drama_that_there_is(episode_no: int, status: int) -> None:
    asked = schema["/v1/dramas/{drama_id}/episodes/{episode_no}/play"]["GET"]
    case = asked.Case(path_parameters={"drama_id": DRAMA, "episode_no": episode_no})
    answer = case.call(headers={"Authorization": f"Bearer {a_token()}"})
    assert answer.status_code == status
    case.validate_response(answer, checks=[schemathesis.checks.response_schema_conformance])
