"""Starts and ends a local stack from outside: what `juliu up`, `juliu down` and the tests call."""

from __future__ import annotations

import fcntl
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from domain import keys
from infra.local import identity, local_env, log_files, ports, prerequisites, state, wanted
from infra.local.errors import NotReady, StackError
from infra.local.home import Home
from infra.local.identity import Identity
from infra.local.redis import ask
from infra.local.state import ProgramState
from infra.local.wanted import Wanted

Say = Callable[[str], None]

SERVERS_WITHIN_S = 240.0  # a first start, or recovery of much data, on a busy machine
PROCESSES_WITHIN_S = 90.0
STOP_WITHIN_S = 60.0
_ORPHANS_WITHIN_S = 20.0
_POLL_S = 0.05
_HEARD_WITHIN_S = 10.0
_LOG_LINES = 15
_ENDED = "the supervisor has ended or hears nothing; see {log}, then `juliu down` and `juliu up`"


def up(home: Home, say: Say, *, processes: bool) -> None:
    """Start what is not running yet and return when all of it is ready.

    Servers first; with `processes` then ours too.  `say` gets a line of progress at a time.  Raises StackError.
    """
    with _alone(home, say):
        if _supervisor(home) is None:
            _begin(home, say)
        else:
            _ask(home, wanted.read(home))
        _wait_ready(home, "server", say, SERVERS_WITHIN_S)
        if processes:
            require_migrated(home)
            _ask(home, replace(wanted.read(home), processes=True))
            _wait_ready(home, "process", say, PROCESSES_WITHIN_S)


def down(home: Home, say: Say) -> bool:
    """End processes, then servers, in order; also what a killed supervisor left.  False when nothing was running."""
    with _alone(home, say):
        supervisor = _supervisor(home)
        if supervisor is not None:
            supervisor.signal(signal.SIGTERM)
            if identity.wait_gone([supervisor], STOP_WITHIN_S):
                say(f"the supervisor did not end within {STOP_WITHIN_S:.0f} s: killed")
                supervisor.signal(signal.SIGKILL)
        left = end_orphans(home, say)
        return supervisor is not None or left > 0


def end_orphans(home: Home, say: Say) -> int:
    """End what a supervisor that was killed left running; how many there were."""
    known = state.read(home)
    orphans = [process for process in known.processes() if process.alive()] if known else []
    if orphans:
        say(f"ending {len(orphans)} programs that a killed supervisor left")
        identity.end(orphans, _ORPHANS_WITHIN_S)
    home.state.unlink(missing_ok=True)
    return len(orphans)


def require_migrated(home: Home) -> None:
    """Raise StackError unless `juliu migrate` has been here: every process would refuse to start."""
    try:
        (partitions,) = ask(ports.recall(home)["redis"], ("GET", keys.PARTITIONS))
    except NotReady as error:
        raise StackError(f"Redis does not answer: {error}") from error
    if not isinstance(partitions, str):
        raise StackError("the servers run, but hold no tables yet: type `juliu migrate`, then `juliu up --all`")


@contextmanager
def _alone(home: Home, say: Say) -> Iterator[None]:
    """One command at a time changes a stack; a second one waits for the first."""
    home.command_lock.parent.mkdir(parents=True, exist_ok=True)
    with home.command_lock.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another `juliu up` or `juliu down` of this stack to finish")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _supervisor(home: Home) -> Identity | None:
    known = state.read(home)
    return known.supervisor if known and known.supervisor.alive() else None


def _begin(home: Home, say: Say) -> None:
    """Check, settle ports and secrets, and start a supervisor that holds nothing of ours."""
    prerequisites.check(home)
    _refuse_a_second_supervisor(home)
    end_orphans(home, say)
    chosen, moved = ports.settle(home)
    for name in moved:
        say(f"the port of {name} is taken by another program; it is {chosen[name]} from now on")
    local_env.write(home, chosen)
    wanted.write(home, Wanted(processes=False))
    log = home.log("supervisor")
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        started = subprocess.Popen(
            [sys.executable, "-m", "infra.local.supervisor", str(home.path)],
            stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=home.path, start_new_session=True,
        )  # fmt: skip
    _wait_for_state(home, started)


def _refuse_a_second_supervisor(home: Home) -> None:
    """Raise StackError when one runs that told no (readable) state: its servers hold the ports and the data."""
    with home.supervisor_lock.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            raise StackError(
                f"{home.state} is gone while its supervisor runs: type `kill {lock.read().strip()}`"
            ) from error


def _wait_for_state(home: Home, started: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + _HEARD_WITHIN_S
    while state.read(home) is None:
        if started.poll() is not None or time.monotonic() > until:
            raise StackError(f"the supervisor did not start:\n{log_files.tail(home.log('supervisor'), _LOG_LINES)}")
        time.sleep(_POLL_S)


def _ask(home: Home, what: Wanted) -> None:
    """Have the supervisor run `what`, and try again what it has given up; returns when it has heard."""
    supervisor = _supervisor(home)
    if supervisor is None:
        raise StackError(_ENDED.format(log=home.log("supervisor")))
    what = replace(what, asked=what.asked + 1)
    wanted.write(home, what)
    supervisor.signal(signal.SIGHUP)
    until = time.monotonic() + _HEARD_WITHIN_S
    while (known := state.read(home)) is None or known.asked < what.asked:
        if not supervisor.alive() or time.monotonic() > until:
            raise StackError(_ENDED.format(log=home.log("supervisor")))
        time.sleep(_POLL_S)


def _wait_ready(home: Home, kind: str, say: Say, within_s: float) -> None:
    """Wait until every program of this kind answers.  Raises StackError as soon as one is given up."""
    began, told = time.monotonic(), set[str]()
    while time.monotonic() - began < within_s:
        known = state.read(home)
        if known is None or not known.supervisor.alive():
            raise StackError(_ENDED.format(log=home.log("supervisor")))
        ours = {name: program for name, program in known.programs.items() if program.kind == kind}
        for name in (n for n, program in ours.items() if n not in told and _is_ready(program)):
            told.add(name)
            say(f"{name} is ready ({time.monotonic() - began:.1f} s)")
        if len(told) == len(ours):
            return
        _raise_failed(home, ours)
        time.sleep(_POLL_S)
    waiting = [f"{name}: {program.message or program.phase}" for name, program in ours.items() if name not in told]
    raise StackError("\n".join([f"not ready within {within_s:.0f} s; it goes on trying, see `juliu status`", *waiting]))


def _is_ready(program: ProgramState) -> bool:
    return program.phase == "ready" and program.process is not None and program.process.alive()


def _raise_failed(home: Home, programs: dict[str, ProgramState]) -> None:
    for name, program in programs.items():
        if program.phase == "failed":
            raise StackError(f"{name}: {program.message}\n{log_files.tail(home.log(name), _LOG_LINES)}")
