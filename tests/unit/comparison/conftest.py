"""One made-up run of the fault runner, and the truth that its comparison finds in it."""

from __future__ import annotations

import pytest

from juliu.faults.check_truth import Problems, Truth
from tests.faults_run import Run


@pytest.fixture(scope="package")
def run(tmp_path_factory) -> Run:
    return Run(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="package")
def truth(run) -> Truth:
    found = Problems()
    truth = run.truth(found)
    assert found.told() == []
    return truth
