"""CPU seconds of processes, read from the kernel."""

from __future__ import annotations

from collections.abc import Mapping

import psutil

from infra.local import state
from infra.local.errors import StackError
from infra.local.home import Home


def pids(home: Home) -> dict[str, int]:
    """Every server and process of the local stack that runs now.  Raises StackError where there is no stack."""
    known = state.read(home)
    if known is None:
        raise StackError("no stack runs here: `juliu up --all`")
    return {
        name: program.process.pid
        for name, program in known.programs.items()
        if program.process and program.process.alive()
    }


def seconds(pid: int) -> float:
    """User and system time of a process and the children that it has now.  0.0 where it is gone."""
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
        return sum(sum(one.cpu_times()[:2]) for one in family)
    except psutil.NoSuchProcess:
        return 0.0


class Meter:
    """CPU seconds that each process uses from now on."""

    def __init__(self, processes: Mapping[str, int]) -> None:
        self._began = {name: (pid, seconds(pid)) for name, pid in processes.items()}

    def used(self) -> dict[str, float]:
        """So far, by name."""
        return {name: seconds(pid) - before for name, (pid, before) in self._began.items()}
