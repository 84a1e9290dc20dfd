"""Each failpoint is reached in exactly one place of the product, and every place has a name."""

from __future__ import annotations

import ast
from collections import Counter

from infra.failpoints import NAMES
from infra.place import ROOT
from tests.architecture.test_names import code


def reached(source: str) -> list[str]:
    """The names of failpoints.reached("...") in a module; "?" for one that is computed."""
    return [
        str(call.args[0].value) if isinstance(call.args[0], ast.Constant) else "?"
        for call in ast.walk(ast.parse(source))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "reached"
        if isinstance(call.func.value, ast.Name) and call.func.value.id == "failpoints"
    ]


def test_every_failpoint_has_its_one_place():
    found = Counter(name for path in code() for name in reached((ROOT / path).read_text()))
    assert found == dict.fromkeys(NAMES, 1)
