"""Unlocking and the wallet keep to their OpenAPI document: requests made from it get answers that it describes."""

from __future__ import annotations

import itertools

import schemathesis
from fastapi import FastAPI

from ingest_api.unlock.service import Unlocking
from tests.api import Twins
from tests.builders import DRAMA, USER
from tests.memory_feed import MemoryHints
from tests.memory_money import MemoryMoney, MemoryPermission
from tests.openapi import answers_as_described, examples

_turn = itertools.count()


def an_app() -> FastAPI:
    """A viewer with coins, and a drama that costs some."""
    money = MemoryMoney()
    money.drama(DRAMA, episodes=100, free_first=1, price_coins=60)
    money.credit(USER, 200, "test", "r1")
    app = Twins(money=money, purse=money).app()
    app.state.unlocking = Unlocking(money, money, app.state.threads[0], MemoryPermission(), MemoryHints())
    app.state.threads.clear()  # schemathesis starts and ends the app for every request
    return app


app = an_app()
schema = schemathesis.openapi.from_asgi("/openapi.json", app)


@schema.include(path_regex="unlock$|wallet$").parametrize()
@examples(40)
def test_whatever_is_made_from_the_document_gets_an_answer_of_the_document(case: schemathesis.Case) -> None:
    if next(_turn) % 2 and case.path_parameters:  # a drama that is there, and now and then its price
        case.path_parameters["drama_id"] = DRAMA
        case.path_parameters["episode_no"] = 2 + next(_turn) % 90
        if isinstance(case.body, dict) and next(_turn) % 4:
            case.body["price_version"] = app.state.connections.money.version(DRAMA)
    answers_as_described(case)
