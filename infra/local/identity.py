"""A process named so that a number used again is not taken for it: pid and start time."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

_POLL_S = 0.05


@dataclass(frozen=True)
class Identity:
    """A pid and the tick of this boot at which it started."""

    pid: int
    started: int

    def alive(self) -> bool:
        """True while this very process runs; a zombie has ended."""
        found = _stat(self.pid)
        return found is not None and found == (self.started, False)

    def memory_bytes(self) -> int | None:
        """Resident memory of the process and its children; None when it is gone."""
        if not self.alive():
            return None
        try:
            process = psutil.Process(self.pid)
            return sum(p.memory_info().rss for p in (process, *process.children(recursive=True)))
        except psutil.Error:
            return None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal if it still runs."""
        if self.alive():
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                return


def of(pid: int) -> Identity | None:
    """The identity of a process that runs now; None when there is none."""
    found = _stat(pid)
    return Identity(pid, found[0]) if found else None


def _stat(pid: int) -> tuple[int, bool] | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rpartition(")")[2].split()  # the name before it may hold blanks and parentheses
    return int(fields[19]), fields[0] in "ZX"


def wait_gone(processes: list[Identity], within_s: float) -> list[Identity]:
    """Wait until all have ended; returns those that have not after `within_s`."""
    until = time.monotonic() + within_s
    while (left := [p for p in processes if p.alive()]) and time.monotonic() < until:
        time.sleep(_POLL_S)
    return left


def end(processes: list[Identity], within_s: float) -> None:
    """SIGTERM all at once, SIGKILL what is left after `within_s`.  One that was stopped is woken to hear it."""
    for process in processes:
        process.signal(signal.SIGTERM)
        process.signal(signal.SIGCONT)
    left = wait_gone(processes, within_s)
    for process in left:
        process.signal(signal.SIGKILL)
    wait_gone(left, 5.0)
