"""Keeps one program running: prepares, starts, waits for its answer, starts it anew when it dies, stops it in order."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import signal
import time
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Callable

from infra.local import identity
from infra.local.errors import NotReady, StackError, Waiting
from infra.local.home import Home
from infra.local.program import Program
from infra.local.restarts import Restarts
from infra.local.state import Phase, ProgramState

log = logging.getLogger(__name__)

_PROBE_EVERY_S = 0.1


class Keeper:
    """One program of the supervisor.  `changed` is called after every change of `state`."""

    def __init__(
        self, program: Program, home: Home, changed: Callable[[], None], restarts: Restarts | None = None
    ) -> None:
        self.program = program
        self.state = ProgramState(program.kind)
        self._home = home
        self._changed = changed
        self._restarts = restarts or Restarts()
        self._stopping = asyncio.Event()
        self._process: Process | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to keep it running; where it was given up, try again."""
        if self._task is None or self._task.done():
            self._restarts.forgive()
            self._tell("preparing")
            self._task = asyncio.create_task(self._keep(), name=self.program.name)

    async def stop(self) -> None:
        """End the program in order, by force after `stop_within_s`, and start it no more."""
        self._stopping.set()
        process = self._process
        if process is not None and process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), self.program.stop_within_s)
            except TimeoutError:
                log.warning("%s did not stop within %.0f s: killed", self.program.name, self.program.stop_within_s)
                process.kill()
            self._judge(await process.wait())
        if self._task is not None:
            await self._task
        self._tell("stopped")

    def _judge(self, code: int) -> None:
        if code not in self.program.clean_exits:
            log.warning("%s ended %s, which is no orderly stop", self.program.name, _exit_in_words(code))

    async def _keep(self) -> None:
        try:
            await asyncio.to_thread(self.program.prepare)
            while not self._stopping.is_set():
                was_ready, code = await self._live_once()
                if self._stopping.is_set() or not await self._may_start_again(was_ready, code):
                    return
        except (StackError, OSError) as error:
            self._give_up(_in_words(error))

    async def _live_once(self) -> tuple[bool, int]:
        """One life of the program: whether it became ready, and its exit code."""
        self._process = process = await self._spawn()
        self._tell("starting", process=identity.of(process.pid))
        was_ready = await self._until_ready(process)
        if self._stopping.is_set() and process.returncode is None:
            process.terminate()  # stop() came while there was no process to tell
        code = await process.wait()
        self._process = None
        return was_ready, code

    async def _spawn(self) -> Process:
        """Start it so that it gets SIGTERM when the supervisor dies: setpriv becomes the program, under its pid."""
        run = self._home.run(self.program.name)
        run.mkdir(parents=True, exist_ok=True)
        environment = {**os.environ, **self.program.environment(), "JULIU_HOME": str(self._home.path)}
        with self._home.log(self.program.name).open("ab") as output:  # append: the file may be cut while it writes
            return await asyncio.create_subprocess_exec(
                "setpriv", "--pdeathsig", "TERM", "--", *self.program.command(),
                stdin=DEVNULL, stdout=output, stderr=output, cwd=run, env=environment,
            )  # fmt: skip

    async def _until_ready(self, process: Process) -> bool:
        """Ask until it answers.  One that says nothing for too long is ended by force; one that waits may wait."""
        until = time.monotonic() + self.program.start_within_s
        while process.returncode is None and not self._stopping.is_set():
            try:
                version = await asyncio.to_thread(self._probe)
            except NotReady as error:
                self._say(str(error))
                if isinstance(error, Waiting):
                    until = time.monotonic() + self.program.start_within_s
            else:
                self._tell("ready", process=self.state.process, version=version, ready_at_s=time.time())
                return True
            if time.monotonic() > until:
                log.error("%s did not answer within %.0f s: killed", self.program.name, self.program.start_within_s)
                process.send_signal(signal.SIGKILL)
                return False
            await asyncio.sleep(_PROBE_EVERY_S)
        return False

    def _probe(self) -> str:
        """The program's probe; what nobody foresaw in it is no answer either: else nobody would keep the program."""
        try:
            return self.program.probe()
        except NotReady:
            raise
        except Exception as error:
            raise NotReady(f"the probe failed: {error!r}") from error

    async def _may_start_again(self, was_ready: bool, code: int) -> bool:
        """Wait as the deaths so far demand; False when it is given up or the stack stops."""
        delay_s = self._restarts.after_death(time.monotonic(), was_ready=was_ready)
        self.state.restarts = self._restarts.total
        why = f"ended {_exit_in_words(code)}; see `juliu logs {self.program.name}`"
        if delay_s is None:
            self._give_up(f"{why}.  It died too often: given up until the next `juliu up`")
            return False
        log.warning("%s %s; starts again in %.1f s", self.program.name, why, delay_s)
        self._tell("backoff", message=why)
        try:
            await asyncio.wait_for(self._stopping.wait(), delay_s)
        except TimeoutError:
            return True
        return False

    def _say(self, message: str) -> None:
        """Tell why it is not ready yet, once a reason."""
        if message != self.state.message:
            self.state.message = message
            self._changed()

    def _give_up(self, message: str) -> None:
        log.error("%s %s", self.program.name, message)
        self._tell("failed", message=message)

    def _tell(
        self, phase: Phase, *, process: identity.Identity | None = None, version: str = "", message: str = "",
        ready_at_s: float = 0.0,
    ) -> None:  # fmt: skip
        """Change the state as a whole; what is not said is no longer true."""
        self.state = ProgramState(
            self.program.kind, phase, process, ready_at_s, self._restarts.total, version or self.state.version, message
        )
        log.info("%s %s", self.program.name, phase)
        self._changed()


def _exit_in_words(code: int) -> str:
    if code < 0:
        return f"by {signal.Signals(-code).name}"
    return f"with exit code {code}"


def _in_words(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "the disk is full: free some space, or set JULIU_HOME to a folder on a bigger one"
    return str(error)
