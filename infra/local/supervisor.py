"""The detached process that has the servers and our processes as children.

    python -m infra.local.supervisor HOME

SIGHUP: read again what is wanted, and try again what was given up.  SIGTERM: stop processes, then servers, then end.
It tells what it does in HOME/run/state.json and its log; `juliu up` has settled ports and local.env before.
"""

from __future__ import annotations

import asyncio
import fcntl
import logging
import os
import signal
import sys
from pathlib import Path

from infra.local import identity, local_env, log_files, ports, programs, state, wanted
from infra.local.home import Home
from infra.local.keeper import Keeper

log = logging.getLogger(__name__)

_HOUSEKEEPING_EVERY_S = 5.0


class Supervisor:
    """One stack while it runs."""

    def __init__(self, home: Home) -> None:
        self._home = home
        me = identity.of(os.getpid())
        assert me is not None
        chosen, environment = ports.recall(home), local_env.read(home)
        self._servers = [Keeper(program, home, self._tell) for program in programs.servers(home, chosen, environment)]
        self._processes = [Keeper(program, home, self._tell) for program in programs.processes(home, chosen)]
        self._me = me
        self._asked = 0
        self._stop = asyncio.Event()

    async def run(self) -> None:
        """Keep everything running until SIGTERM."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._stop.set)
        loop.add_signal_handler(signal.SIGINT, self._stop.set)
        loop.add_signal_handler(signal.SIGHUP, self._start_wanted)
        self._start_wanted()
        while not self._stop.is_set():
            self._bound_logs()
            try:
                await asyncio.wait_for(self._stop.wait(), _HOUSEKEEPING_EVERY_S)
            except TimeoutError:
                continue
        for group in (self._processes, self._servers):
            await asyncio.gather(*(keeper.stop() for keeper in group))

    def _start_wanted(self) -> None:
        what = wanted.read(self._home)
        self._asked = what.asked
        for keeper in self._servers + (self._processes if what.processes else []):
            keeper.start()
        self._tell()

    def _tell(self) -> None:
        kept = {keeper.program.name: keeper.state for keeper in self._servers + self._processes}
        try:
            state.write(self._home, state.StackState(str(self._home.path), self._me, self._asked, kept))
        except OSError:  # a full disk must not end what still runs
            log.exception("cannot write %s", self._home.state)

    def _bound_logs(self) -> None:
        for name in [keeper.program.name for keeper in self._servers + self._processes] + ["supervisor"]:
            if log_files.bound(self._home.log(name)):
                log.info("%s's log was cut", name)


def main() -> int:
    """Run until SIGTERM; 1 at once when this home has a supervisor already."""
    home = Home(Path(sys.argv[1]))
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    home.supervisor_lock.parent.mkdir(parents=True, exist_ok=True)
    with home.supervisor_lock.open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.error("another supervisor runs this home already")
            return 1
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        asyncio.run(_run(home))
    return 0


async def _run(home: Home) -> None:
    await Supervisor(home).run()


if __name__ == "__main__":
    sys.exit(main())
