"""A process whose wall clock is wrong, and steps while it runs; its monotonic clock is true."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from juliu.faults import clocks

ASK = """
import sys, time
from datetime import datetime, timezone
import pymysql, sqlalchemy, jwt   # what knows datetime must not mind
for _ in sys.stdin:
    print(time.time(), time.time_ns() / 1e9, datetime.now(tz=timezone.utc).timestamp(), time.monotonic(), flush=True)
"""


def test_the_wall_clock_follows_the_file_and_the_other_does_not(tmp_path: Path):
    file = tmp_path / "clock"
    environment = os.environ | clocks.following(file, 600.0)
    with subprocess.Popen(
        [sys.executable, "-c", ASK], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:

        def ask() -> tuple[list[float], float]:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write("\n")
            process.stdin.flush()
            *walls, monotonic = map(float, process.stdout.readline().split())
            return [wall - time.time() for wall in walls], monotonic - time.monotonic()

        ahead, monotonic = ask()
        assert all(abs(each - 600) < 5 for each in ahead)
        assert abs(monotonic) < 5
        clocks.step(file, -600.0)
        end = time.monotonic() + 10
        while not all(abs(each + 600) < 5 for each in ask()[0]):
            assert time.monotonic() < end
        process.stdin.close()
