"""Each failpoint is reached in exactly one place of the product, every place has a name, and media's are killed at."""

from __future__ import annotations

import ast
import re
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


def test_media_workers_are_killed_at_every_failpoint_of_theirs():
    tests = " ".join(path.read_text() for path in (ROOT / "tests" / "faults").glob("test_media*.py"))
    killed = set(re.findall(r'"(media\.[a-z_]+)(?::\d+)?"', tests))
    assert killed == {name for name in NAMES if name.startswith("media.")}
