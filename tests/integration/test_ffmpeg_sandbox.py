"""A program held by its limits: whatever ends the call, nothing of it is left running."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from media_jobs.ffmpeg.sandbox import Bounds, Failed, OverCpu, OverMemory, OverTime, Ran, run
from media_jobs.ffmpeg.sinks import Kept, TooMuchOutput
from media_jobs.watch import Cancelled, Unwatched
from tests.videos import needs_ffmpeg

# Without -B it would leave caches of modules behind, cut off at the bound that its files have.
PYTHON = (sys.executable, "-I", "-S", "-B", "-c")
BOUNDS = Bounds(wall_s=30, cpu_s=20, memory_mb=400, address_mb=2_048, file_bytes=1_000_000)


def marked() -> str:
    """A number of seconds to sleep that only this test's processes have in their arguments."""
    marked.count += 1  # type: ignore[attr-defined]
    return f"{1000 + os.getpid()}.{marked.count}"  # type: ignore[attr-defined]


marked.count = 0  # type: ignore[attr-defined]


def running(mark: str) -> list[psutil.Process]:
    """Processes, zombies not, that have the mark among their arguments."""
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        alive = process.info["status"] != psutil.STATUS_ZOMBIE
        if alive and any(mark in word for word in process.info["cmdline"] or ()) and process.pid != os.getpid():
            found.append(process)
    return found


def until(true: Callable[[], object], within_s: float = 15) -> None:
    """Returns when it is so; fails when it is not in time."""
    end = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def sh(script: str, bounds: Bounds = BOUNDS, **others: object) -> Ran:
    return run(["sh", "-c", script], bounds, Unwatched(), **others)  # type: ignore[arg-type]


class Stop:
    """A watch that has enough at its second look."""

    def __init__(self) -> None:
        self.told = 0

    def progress(self, permille: int) -> None:
        self.told += 1
        if self.told == 2:
            raise Cancelled("enough")


def test_what_it_says_and_uses_is_told():
    kept = Kept(100)
    ran = sh("echo out; echo err >&2; i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done", out=kept)
    assert (bytes(kept.body), ran.stderr_tail) == (b"out\n", "err")
    assert 0 < ran.cpu_s < 20


def test_it_gets_nothing_of_our_environment_nor_of_our_input(monkeypatch):
    monkeypatch.setenv("JULIU_TICKET_SECRET", "a-secret")
    kept = Kept(10_000)
    sh("env; cat; readlink /proc/$$/fd/0", out=kept)
    assert b"SECRET" not in kept.body
    assert kept.body.endswith(b"/dev/null\n")


def test_limits_are_set_and_it_gives_way_to_others():
    kept = Kept(1_000)
    sh("ulimit -v; ulimit -c; ulimit -n; cat /proc/self/oom_score_adj; nice", out=kept)
    limits = kept.body.decode().split()
    assert limits[:4] == [str(2_048 * 1024), "0", "256", "500"]
    assert int(limits[4]) >= 5


def test_past_its_time_it_is_killed_with_its_children():
    mark = marked()
    with pytest.raises(OverTime):
        sh(f"sleep {mark} & sleep {mark}", Bounds(0.5, 5, 400, 2_048, 1_000))
    assert running(mark) == []


def test_past_its_cpu_time_it_is_killed():
    with pytest.raises(OverCpu):
        sh("while :; do :; done", Bounds(30, 1, 400, 2_048, 1_000))


def test_past_its_memory_it_is_killed():
    program = "x = bytearray(300_000_000); import time; time.sleep(30)"
    with pytest.raises(OverMemory):
        run([*PYTHON, program], Bounds(20, 20, 150, 4_096, 1_000), Unwatched())


def test_the_kernel_refuses_more_address_space_at_once():
    with pytest.raises(Failed) as failed:
        run([*PYTHON, "x = bytearray(3_000_000_000)"], BOUNDS, Unwatched())
    assert "MemoryError" in failed.value.tail


def test_a_file_does_not_grow_past_its_bound(tmp_path: Path):
    with pytest.raises(Failed) as failed:
        sh(f"exec cat /dev/zero >{tmp_path}/big")
    assert failed.value.code == -signal.SIGXFSZ
    assert (tmp_path / "big").stat().st_size == 1_000_000


def test_a_watch_that_raises_ends_it():
    mark = marked()
    with pytest.raises(Cancelled, match="enough"):
        run(["sh", "-c", f"sleep {mark}; true"], BOUNDS, Stop())
    assert running(mark) == []


def test_a_program_that_says_too_much_is_ended():
    mark = marked()
    with pytest.raises(TooMuchOutput):
        sh(f"yes {mark}", out=Kept(10_000))
    assert running(mark) == []


def test_what_it_leaves_behind_is_killed_and_not_waited_for():
    mark = marked()  # so many seconds are far more than a test may take
    with pytest.raises(Failed) as failed:
        sh(f"sleep {mark} & exit 3")
    assert failed.value.code == 3
    assert running(mark) == []


def test_one_that_closes_its_output_is_still_held_to_its_time():
    mark = marked()
    with pytest.raises(OverTime):
        sh(f"exec >&- 2>&-; sleep {mark}", Bounds(0.5, 5, 400, 2_048, 1_000))
    assert running(mark) == []


def test_a_program_that_is_not_there_is_told():
    with pytest.raises(Failed) as failed:
        run(["no-such-program"], BOUNDS, Unwatched())
    assert failed.value.code == 127


def test_when_we_are_killed_it_dies_with_us():
    mark = marked()
    ours = textwrap.dedent(f"""
        from media_jobs.ffmpeg.sandbox import Bounds, run
        from media_jobs.watch import Unwatched
        run(["sleep", "{mark}"], Bounds(60, 20, 400, 2048, 1000), Unwatched())
    """)
    worker = subprocess.Popen([sys.executable, "-c", ours], cwd=Path(__file__).parents[2])
    sleeper = ["sleep", mark]
    try:
        until(lambda: any(process.cmdline() == sleeper for process in running(mark)))
    finally:
        worker.kill()
        worker.wait()
    until(lambda: not running(mark))


@needs_ffmpeg
def test_ffmpeg_itself_runs_within_the_usual_bounds():
    kept = Kept(100_000)
    run(["ffmpeg", "-hide_banner", "-version"], BOUNDS, Unwatched(), out=kept)
    assert kept.body.startswith(b"ffmpeg version")
