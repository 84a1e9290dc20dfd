"""The next version, as deploys roll it out: this code with one field more, which it stamps and this version keeps."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from domain import events
from juliu.faults import arena_next

STAMP = """
import sys
import domain
from domain import events
from infra.clickhouse import columns
from ingest_api.events import stamps
assert domain.__file__.startswith(sys.argv[1]), domain.__file__
assert "build" in [field.name for field in columns.FIELDS]
common = stamps._Common(1, "s", 2, build=7)
print(events.encode(common).decode())
"""


def test_the_next_version_is_this_one_with_a_field_more(tmp_path: Path):
    tree = arena_next.make(tmp_path / "next")
    done = subprocess.run(
        [sys.executable, "-c", STAMP, str(tree)], env=os.environ | {"PYTHONPATH": str(tree)}, capture_output=True,
        text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert '"build":7' in done.stdout
    assert not hasattr(events.Event, "build")
