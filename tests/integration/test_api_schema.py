"""The API keeps to its OpenAPI document: requests made from it, right and wrong, get answers that it describes."""

from __future__ import annotations

import schemathesis

from tests.api import Twins
from tests.openapi import answers_as_described, examples

schema = schemathesis.openapi.from_asgi("/openapi.json", Twins().app())


@schema.include(path="/v1/events").parametrize()
@examples(12)
def test_whatever_is_made_from_the_document_gets_an_answer_of_the_document(case: schemathesis.Case) -> None:
    answers_as_described(case)
