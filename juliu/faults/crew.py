"""The programs of an arena, each kept by a keeper of its own: they are killed, frozen, stopped and come back."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from infra.local import log_files
from infra.local.errors import StackError
from infra.local.home import Home
from infra.local.keeper import Keeper
from infra.local.program import Program
from infra.local.restarts import READY_CAP_S, Restarts
from infra.local.state import ProgramState
from juliu.faults.outfit import Outfit

READY_S = 120.0  # a JVM, or three Pythons, on two cores that are busy
POLL_S = 0.02
_LOG_LINES = 25


@dataclass
class Tireless(Restarts):
    """The supervisor's delays, without its giving up: a fault may kill as often as it likes."""

    def after_death(self, now_s: float, *, was_ready: bool) -> float:
        """Seconds to wait before the next start."""
        return min(READY_CAP_S, super().after_death(now_s, was_ready=was_ready) or READY_CAP_S)


@dataclass
class Member:
    """One program: what it is started with, its keeper while it is wanted, and how often it was started."""

    outfit: Outfit
    keeper: Keeper | None = None
    lives: int = 0
    frozen: bool = False
    state: ProgramState = field(default_factory=lambda: ProgramState(""))

    def changed(self) -> None:
        """The keeper tells that something is new."""
        if self.keeper is not None:
            before, self.state = self.state.process, self.keeper.state
            self.lives += self.state.phase == "starting" and self.state.process != before

    @property
    def ready(self) -> bool:
        """It answers, and is alive."""
        process = self.state.process
        return self.state.phase == "ready" and process is not None and process.alive()

    @property
    def wanted(self) -> bool:
        """It is kept running."""
        return self.keeper is not None


class Crew:
    """Programs by name.  KeyError for a name that is not among them."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self._members: dict[str, Member] = {}

    def names(self) -> list[str]:
        """Of those that are kept running."""
        return [name for name, member in self._members.items() if member.wanted]

    def take(self, program: Program, environment: Mapping[str, str], module: tuple[str, ...] = ()) -> None:
        """Know a program, in place of a stopped one of its name; its lives are counted on."""
        name = program.name
        before = self._members.get(name)
        assert before is None or not before.wanted, f"{name} runs"
        self._members[name] = Member(Outfit(program, environment, module), lives=before.lives if before else 0)

    def program(self, name: str) -> Program | None:
        """What is kept running under this name."""
        member = self._members.get(name)
        return member.outfit.program if member and member.wanted else None

    # -- what is done to them ------------------------------------------------------------------------------------------

    async def start(self, name: str, **environment: str) -> None:
        """Start it, with these variables from now on in place of those of its last start; returns when it is ready."""
        self.launch(name, **environment)
        await self.ready(name)

    def launch(self, name: str, **environment: str) -> None:
        """`start`, without waiting."""
        member = self._members[name]
        if member.wanted:
            raise StackError(f"{name} runs already")
        member.outfit.given = dict(environment)
        member.keeper = Keeper(member.outfit, self.home, member.changed, Tireless())
        member.keeper.start()

    async def stop(self, *names: str, by_force: bool = False) -> None:
        """End them all at once, in order or by kill -9, and start them no more."""
        await asyncio.gather(*(self._stop(self._members[name], by_force) for name in names if name in self._members))

    async def _stop(self, member: Member, by_force: bool) -> None:
        if (keeper := member.keeper) is None:
            return
        ending = asyncio.create_task(keeper.stop())
        await asyncio.sleep(0)  # from now on its death is no reason to start it again
        self._signal(member, signal.SIGKILL if by_force else signal.SIGCONT)
        await ending
        member.keeper, member.frozen = None, False

    async def again(self, name: str, **environment: str) -> None:
        """An orderly restart."""
        await self.stop(name)
        await self.start(name, **environment)

    def kill(self, name: str) -> None:
        """kill -9; the keeper starts it again in place."""
        self._signal(self._members[name], signal.SIGKILL)
        self._members[name].frozen = False

    def freeze(self, name: str) -> None:
        """It holds its connections and answers nothing."""
        self._members[name].frozen = True
        self._signal(self._members[name], signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        """It goes on where it was."""
        self._members[name].frozen = False
        self._signal(self._members[name], signal.SIGCONT)

    def fail_next(self, name: str, at: str) -> None:
        """kill -9 now; the next life dies at this failpoint, the one after it lives."""
        self._members[name].outfit.fail_at = at
        self.kill(name)

    def _signal(self, member: Member, number: signal.Signals) -> None:
        if (process := member.state.process) is not None:
            process.signal(number)

    # -- what they are -------------------------------------------------------------------------------------------------

    def pid(self, name: str) -> int:
        """Of the process that lives now; 0 where none does."""
        process = self._members[name].state.process
        return process.pid if process is not None and process.alive() else 0

    def life(self, name: str) -> int:
        """How often it was started."""
        return self._members[name].lives

    def is_ready(self, name: str) -> bool:
        """It answers, as far as its keeper has heard.  AssertionError where the keeper has given it up."""
        member = self._members[name]
        assert member.state.phase != "failed", f"{name}: {member.state.message}"
        return member.ready

    async def died(self, name: str, lives: int, within_s: float = READY_S) -> None:
        """Return when it has been started more than `lives` times."""
        await self.until(lambda: self.life(name) > lives, f"{name} has begun life {lives + 1}", within_s, name)

    async def ready(self, *names: str, within_s: float = READY_S) -> None:
        """Return when all of them answer."""
        for name in names:
            await self.until(partial(self.is_ready, name), f"{name} is ready", within_s, name)

    async def until(self, done: Callable[[], bool], why: str, within_s: float, name: str = "") -> None:
        """Poll.  Raises AssertionError, with the end of the program's log, when it takes too long."""
        end = time.monotonic() + within_s
        while not done():
            if time.monotonic() > end:
                said = f"\n{log_files.tail(self.home.log(name), _LOG_LINES)}" if name else ""
                raise AssertionError(f"not within {within_s:.0f} s: {why}{said}")
            await asyncio.sleep(POLL_S)


def sweep(home: Home) -> int:
    """Kill what a killed run of this home left behind, frozen or not; how many there were."""
    import psutil  # noqa: PLC0415 - not needed by who only lists faults

    mark, found = str(home.path), []
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get("JULIU_HOME") == mark:
                found.append(process)
        except psutil.Error:
            continue
    for process in found:
        process.kill()
    psutil.wait_procs(found, timeout=10)
    return len(found)
