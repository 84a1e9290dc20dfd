"""What the process that answers viewers does without: arrays and models are the trainings'."""

from __future__ import annotations

import subprocess
import sys

import pytest

from infra.place import ROOT

HEAVY = ("numpy", "scipy", "implicit", "pyarrow", "pandas")
# every module of ours that the process can ever load, with the heavy ones not there to be imported
PROGRAM = """
import importlib, pkgutil, sys
sys.modules.update(dict.fromkeys(sys.argv[2:]))
importlib.import_module("juliu.commands.api")
package = importlib.import_module(sys.argv[1])
for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    importlib.import_module(found.name)
print(len([name for name in sys.modules if name.startswith("ingest_api.")]))
"""


def _import(package: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", PROGRAM, package, *HEAVY]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("package", ["ingest_api", "domain"])
def test_the_api_and_the_domain_need_no_numpy_and_no_model(package):
    done = _import(package)
    assert not done.returncode, done.stderr
    assert int(done.stdout) > 10


def test_this_is_noticed_where_a_module_needs_it():
    assert "numpy" in _import("recommender").stderr
