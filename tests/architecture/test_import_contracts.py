"""The import contracts of pyproject.toml hold, and fail when they are broken on purpose."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from infra.place import ROOT

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = PYPROJECT["tool"]["importlinter"]["root_packages"]
BROKEN = {
    "domain/broken.py": "import infra.settings",
    "infra/broken.py": "import streams",
    "streams/broken.py": "import ingest_api",
    "ingest_api/broken.py": "import recommender",
    "recommender/broken.py": "import media_jobs",
    "media_jobs/broken.py": "import juliu",
    "domain/broken_io.py": "import socket",
    "domain/broken_clock.py": "import time",
    "domain/broken_async.py": "import asyncio",
    "domain/broken_redis.py": "import redis",
    "ingest_api/broken_faust.py": "import faust",
    "streams/broken_faust.py": "import faust",
    "recommender/broken_fastapi.py": "import fastapi",
    "infra/broken_implicit.py": "import implicit",
    "ingest_api/broken_cos.py": "import qcloud_cos",
}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The packages and their contracts, where a bad import does no harm."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("lint-imports")
    return subprocess.run([program, "--no-cache"], cwd=folder, capture_output=True, text=True, timeout=120, check=False)


def test_the_contracts_hold():
    done = lint(ROOT)
    assert done.returncode == 0, done.stdout


def test_every_import_that_is_forbidden_is_found(copy):
    for path, line in BROKEN.items():
        (copy / path).write_text(f'"""Broken on purpose."""\n\n{line}\n')
    done = lint(copy)
    assert done.returncode != 0
    for path, line in BROKEN.items():
        module = path.removesuffix(".py").replace("/", ".")
        assert f"{module} -> {line.removeprefix('import ')}" in done.stdout, f"{path}: {line}\n{done.stdout}"
    printed = " ".join(done.stdout.split())
    for contract in PYPROJECT["tool"]["importlinter"]["contracts"]:
        assert f"{contract['name']} BROKEN" in printed, "no line above breaks this contract"
