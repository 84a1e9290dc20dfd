"""One program, held: limits on time, memory and files; no secrets; it never outlives the thread that asked for it.

The program runs as `setpriv | prlimit | sh | nice | program`, all by exec in one process, in a session of its own.
The kernel kills it when our thread dies (pdeathsig); that we had not died before that was set, sh asks by our pid.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple

from domain.media.limits import MIB
from media_jobs.ffmpeg.sinks import Sink, Tail
from media_jobs.watch import Watch

TICK_S = 0.25  # how often the watch is asked, and time and memory are looked at
CHUNK = 64 * 1024
NICE = 5  # on top of the worker's own
CAUGHT = 255  # ffmpeg's code for a signal, whichever
# $0 is the pid that must still be our parent.  The kernel is told to take us first when memory is short.
_GUARD = '[ "$PPID" = "$0" ] || exit 97; { echo 500 >/proc/self/oom_score_adj; } 2>/dev/null; exec "$@"'


@dataclass(frozen=True)
class Bounds:
    """What the program may use.  `memory_mb` is resident and looked at each tick; the others the kernel holds."""

    wall_s: float
    cpu_s: float
    memory_mb: int
    address_mb: int
    file_bytes: int  # of each file that it writes
    open_files: int = 256


class Ran(NamedTuple):
    """A program that ended with 0.  `peak_mb` is as of the last tick."""

    cpu_s: float
    peak_mb: float
    stderr_tail: str


class NotDone(Exception):
    """The program did not end with 0.  `tail`: the last of what it wrote to stderr."""

    def __init__(self, what: str, tail: str = "") -> None:
        super().__init__(f"{what}: {tail[-300:]}" if tail else what)
        self.tail = tail


class Failed(NotDone):
    """It ended by itself with this code; negative: by this signal."""

    def __init__(self, code: int, tail: str) -> None:
        super().__init__(f"ended with {code}", tail)
        self.code = code


class OverTime(NotDone):
    """It ran past its wall time and was killed."""


class OverCpu(NotDone):
    """It used up its CPU time."""


class OverMemory(NotDone):
    """It had more resident memory than allowed, and was killed."""


def run(
    argv: Sequence[str],
    bounds: Bounds,
    watch: Watch,
    *,
    out: Sink | None = None,
    err: Sink | None = None,
    permille: Callable[[], int] = lambda: 0,
    cwd: Path | None = None,
) -> Ran:
    """Run it to its end; stdout goes to `out` (else nowhere), stderr to `err` and its tail.

    Whatever ends this call, also what the watch or a sink raises, has killed the program and its children first.
    Raises NotDone's subclasses, what the watch and the sinks raise, and OSError where nothing can be started.
    """
    tail = Tail()
    process = subprocess.Popen(  # noqa: S603 - argv is a list; names in it are made harmless by `source`
        _held(argv, bounds),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        env=_environment(os.environ),
        cwd=cwd,
    )
    held = _Held(process, bounds, tail)
    try:
        held.follow([out], [tail, err], lambda: watch.progress(max(0, min(1000, permille()))))
    finally:
        held.end()
    return held.ran()


def _held(argv: Sequence[str], bounds: Bounds) -> list[str]:
    cpu = max(1, round(bounds.cpu_s))
    limits = (
        f"--as={bounds.address_mb * MIB}",
        f"--cpu={cpu}:{cpu + 2}",
        f"--fsize={bounds.file_bytes}",
        f"--nofile={bounds.open_files}",
        "--core=0",
    )
    guard = ("sh", "-c", _GUARD, str(os.getpid()), "nice", "-n", str(NICE))
    return ["setpriv", "--pdeathsig", "KILL", "--no-new-privs", "--", "prlimit", *limits, "--", *guard, *argv]


def _environment(ours: Mapping[str, str]) -> dict[str, str]:
    """Nothing of ours but where programs are: our environment has secrets."""
    return {
        "PATH": ours.get("PATH", "/usr/bin:/bin"),
        "LC_ALL": "C.UTF-8",
        "HOME": "/nonexistent",
        "AV_LOG_FORCE_NOCOLOR": "1",
        "MALLOC_ARENA_MAX": "4",  # each reserves 64 MiB of the address space, by default 8 for each core
    }


class _Held:
    """A started program: what it says is read until it ends or somebody says stop; then nothing is left of it."""

    def __init__(self, process: subprocess.Popen[bytes], bounds: Bounds, tail: Tail) -> None:
        self._process, self._bounds, self._tail = process, bounds, tail
        self._began, self._peak_mb, self._cpu_s = time.monotonic(), 0.0, 0.0

    def follow(self, out: Sequence[Sink | None], err: Sequence[Sink | None], tick: Callable[[], None]) -> None:
        """Hand on what it writes, and tick, until it has ended and what it had said by then is read."""
        with selectors.DefaultSelector() as pipes:
            for pipe, sinks in ((self._process.stdout, out), (self._process.stderr, err)):
                assert pipe is not None
                pipes.register(pipe, selectors.EVENT_READ, [sink for sink in sinks if sink is not None])
            due = self._began + TICK_S
            over = False
            while self._read(pipes, 0.0 if over else max(0.0, due - time.monotonic())) or not over:
                over = over or self._ended()
                if time.monotonic() >= due:
                    due = time.monotonic() + TICK_S
                    self._look()
                    tick()

    def end(self) -> None:
        """Kill the whole group, also where its leader has ended, and reap the leader; twice is harmless."""
        if self._process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)  # not reaped yet: the number is still its own
        _, status, used = os.wait4(self._process.pid, 0)
        self._process.returncode = os.waitstatus_to_exitcode(status)
        self._cpu_s = used.ru_utime + used.ru_stime
        for pipe in (self._process.stdout, self._process.stderr):
            assert pipe is not None
            pipe.close()

    def ran(self) -> Ran:
        """How it ended.  Raises OverCpu and Failed."""
        code, tail = self._process.returncode, self._tail.text()
        if self._used_up(code):
            raise OverCpu(f"used {self._cpu_s:.0f} s of CPU", tail)
        if code != 0:
            raise Failed(code, tail)
        return Ran(self._cpu_s, self._peak_mb, tail)

    def _used_up(self, code: int) -> bool:
        """Whether the kernel ended it for its CPU time, which it counts in ticks; ffmpeg catches that signal."""
        by_signal = code in (-signal.SIGKILL, CAUGHT) and self._cpu_s >= 0.9 * self._bounds.cpu_s
        return code == -signal.SIGXCPU or by_signal

    def _read(self, pipes: selectors.BaseSelector, wait_s: float) -> bool:
        """Wait for so long for more; whether there was some (or the end of a pipe)."""
        if not pipes.get_map():  # it has closed both: only its end is left to wait for
            self._await_end(wait_s)
            return False
        ready = pipes.select(wait_s)
        for key, _ in ready:
            pipe: IO[bytes] = key.fileobj  # type: ignore[assignment]
            chunk = os.read(pipe.fileno(), CHUNK)
            if not chunk:
                pipes.unregister(pipe)
            for sink in key.data:
                sink.feed(chunk)
        return bool(ready)

    def _await_end(self, wait_s: float) -> None:
        descriptor = os.pidfd_open(self._process.pid)
        try:
            with selectors.DefaultSelector() as end:
                end.register(descriptor, selectors.EVENT_READ)
                end.select(wait_s)
        finally:
            os.close(descriptor)

    def _ended(self) -> bool:
        """Whether it has; it is not reaped, so that its number stays its own until `end`."""
        return os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def _look(self) -> None:
        """Raises OverTime and OverMemory."""
        ran_s = time.monotonic() - self._began
        if ran_s > self._bounds.wall_s:
            raise OverTime(f"ran for {ran_s:.0f} s", self._tail.text())
        self._peak_mb = max(self._peak_mb, _peak_mb(self._process.pid))
        if self._peak_mb > self._bounds.memory_mb:
            raise OverMemory(f"took {self._peak_mb:.0f} MiB", self._tail.text())


def _peak_mb(pid: int) -> float:
    """Most resident memory (MiB) that the process has had; 0 where it has just ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM:")), 0.0)
