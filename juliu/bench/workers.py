"""Stops and starts single processes of a running local stack; its supervisor starts again what ends."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress

from infra.local import state
from infra.local.errors import StackError
from infra.local.home import Home
from juliu.load import cpu

BACK_WITHIN_S = 60.0
POLL_S = 0.05


async def restart(home: Home, name: str, *, ready: bool = True) -> int:
    """Kill a process of the stack; the pid of the one that its supervisor started instead, once it is ready.

    Raises StackError where none comes within BACK_WITHIN_S.
    """
    old = cpu.pids(home)[name]
    os.kill(old, signal.SIGKILL)
    until = time.monotonic() + BACK_WITHIN_S
    while time.monotonic() < until:
        known = state.read(home)
        program = known.programs[name] if known else None
        if program and program.process and program.process.pid != old and (not ready or program.phase == "ready"):
            return program.process.pid
        await asyncio.sleep(POLL_S)
    raise StackError(f"{name} did not come back within {BACK_WITHIN_S:.0f} s; see `juliu logs {name}`")


@contextmanager
def stopped(home: Home, names: Iterable[str]) -> Iterator[None]:
    """Let processes stand still meanwhile (SIGSTOP); those that are still the same go on afterwards."""
    running = cpu.pids(home)
    pids = [running[name] for name in names]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
