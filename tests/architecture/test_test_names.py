"""No two modules of tests have one name: pytest collects them as top-level modules, and refuses the second."""

from __future__ import annotations

from collections import Counter
from pathlib import PurePosixPath

from tests.architecture.test_names import tracked


def test_each_module_of_tests_has_a_name_of_its_own():
    names = Counter(
        PurePosixPath(path).name for path in tracked() if path.startswith("tests/") and path.endswith(".py")
    )
    modules = {name: count for name, count in names.items() if name.startswith("test_")}
    assert len(modules) > 300
    assert {name for name, count in modules.items() if count > 1} == set()
