"""Unlocking and the wallet keep to their OpenAPI document: requests made from it get answers that it describes."""

from __future__ import annotations

import itertools

import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, settings

from ingest_api.unlock.service import Unlocking
from tests.api import Twins
from tests.builders import DRAMA, USER, a_token
from tests.memory_money import MemoryMoney, MemoryPermission

_turn = itertools.count()


def an_app() -> FastAPI:
    """A viewer with coins, and a drama that costs some."""
    money = MemoryMoney()
    money.drama(DRAMA, episodes=100, free_first=1, price_coins=60)
    money.credit(USER, 200, "test", "r1")
    app = Twins(money=money, purse=money).app()
    app.state.unlocking = Unlocking(money, money, app.state.threads[0], MemoryPermission())
    app.state.threads.clear()  # schemathesis starts and ends the app for every request
    return app


app = an_app()
schema = schemathesis.openapi.from_asgi("/openapi.json", app)


@schema.include(path_regex="unlock$|wallet$").parametrize()
@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
def test_whatever_is_made_from_the_document_gets_an_answer_of_the_document(case: schemathesis.Case) -> None:
    if next(_turn) % 2 and case.path_parameters:  # a drama that is there, and now and then its price
        case.path_parameters["drama_id"] = DRAMA
        case.path_parameters["episode_no"] = 2 + next(_turn) % 90
        if isinstance(case.body, dict) and next(_turn) % 4:
            case.body["price_version"] = app.state.connections.money.version(DRAMA)
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
