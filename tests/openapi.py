"""What the suites made from the API's own document share: how they are run, and what every answer is held to."""

from __future__ import annotations

import schemathesis
from hypothesis import HealthCheck, settings

from tests.builders import a_token

CHECKS = [
    schemathesis.checks.not_a_server_error,
    schemathesis.checks.status_code_conformance,
    schemathesis.checks.content_type_conformance,
    schemathesis.checks.response_schema_conformance,
]


def examples(most: int) -> settings:
    """So many requests a path and method, the same ones every time."""
    return settings(max_examples=most, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def answers_as_described(case: schemathesis.Case) -> None:
    """Ask as a viewer; the answer must be one that the document describes."""
    answer = case.call(headers={"Authorization": f"Bearer {a_token()}"})
    case.validate_response(answer, checks=CHECKS)
