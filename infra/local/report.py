"""Gathers what `juliu status` tells: every program asked at once, memory, and how far each worker is behind."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from infra.local import lag, local_env, ports, programs, state
from infra.local.errors import NotReady
from infra.local.home import Home
from infra.local.processes import Process
from infra.local.program import Program
from infra.local.state import Phase, ProgramState


@dataclass(frozen=True)
class Line:
    """One program.  None is what is not known: a stopped program has no pid, a server no lag."""

    name: str
    kind: str
    up: bool
    phase: Phase
    addresses: Mapping[str, str]
    version: str | None
    pid: int | None
    memory_bytes: int | None
    uptime_s: float | None
    restarts: int
    message: str
    has_lag: bool = False
    lag: int | None = None


def gather(home: Home) -> list[Line]:
    """One line a program of this home, servers first; nothing before the first start."""
    chosen = ports.recall(home)
    if not chosen:
        return []
    environment = local_env.read(home)
    servers = programs.servers(home, chosen, environment)
    processes = programs.processes(home, chosen)
    known = state.read(home)
    states = known.programs if known and known.supervisor.alive() else {}
    with ThreadPoolExecutor(len(servers) + len(processes) + 2) as pool:
        waiting = pool.submit(lag.unpublished, chosen["mysql"], local_env.mysql_password(environment))
        behind = pool.submit(lag.behind, chosen["kafka"], chosen["redis"], [p.group for p in processes if p.group])
        lines = list(
            pool.map(lambda p: _line(p, states.get(p.name, ProgramState(p.kind, "stopped"))), [*servers, *processes])
        )
        lags = {process.name: behind.result()[process.group] for process in processes if process.group}
        lags |= {process.name: waiting.result() for process in processes if process.has_outbox}
    return [_with_lag(line, lags) for line in lines]


def _line(program: Program | Process, known: ProgramState) -> Line:
    alive = known.process is not None and known.process.alive()
    version, message = known.version or None, known.message
    if alive:
        try:
            version = program.probe()
        except NotReady as error:
            alive_but = str(error)
            return _make(program, known, up=False, version=version, message=message or alive_but)
    return _make(program, known, up=alive, version=version, message=message)


def _make(program: Program | Process, known: ProgramState, *, up: bool, version: str | None, message: str) -> Line:
    process = known.process if known.process and known.process.alive() else None
    return Line(
        name=program.name, kind=program.kind, up=up, phase=known.phase, addresses=program.addresses(), version=version,
        pid=process.pid if process else None, memory_bytes=process.memory_bytes() if process else None,
        uptime_s=round(time.time() - known.ready_at_s, 1) if up and known.ready_at_s else None,
        restarts=known.restarts, message=message,
    )  # fmt: skip


def _with_lag(line: Line, lags: Mapping[str, int | None]) -> Line:
    """The line with the lag of its process, where it has one."""
    return replace(line, has_lag=True, lag=lags[line.name]) if line.name in lags else line


def as_json(lines: list[Line]) -> dict[str, dict[str, dict[str, object]]]:
    """The document of `juliu status --json`: servers and processes by name."""
    found: dict[str, dict[str, dict[str, object]]] = {"servers": {}, "processes": {}}
    for line in lines:
        entry: dict[str, object] = {
            "up": line.up, **line.addresses, "version": line.version, "pid": line.pid,
            "memory_bytes": line.memory_bytes, "uptime_s": line.uptime_s, "restarts": line.restarts,
            "phase": line.phase,
        }  # fmt: skip
        if line.has_lag:
            entry["lag"] = line.lag
        if line.message:
            entry["message"] = line.message
        found["servers" if line.kind == "server" else "processes"][line.name] = entry
    return found
