"""A ClickHouse of a test's own: to be stopped, killed, frozen and put back to an older copy of itself."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from infra.local.clickhouse import ClickHouse
from infra.local.errors import NotReady
from infra.local.home import Home

UP_S = 60.0


class ClickHouseServer:
    """The server of the local stack in a folder and on a port of its own."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="juliu-ch-"))
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = int(free.getsockname()[1])
        self._server = ClickHouse(Home(self.folder), self.port)
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    @property
    def url(self) -> str:
        """Of its HTTP interface."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def data(self) -> Path:
        """Everything that it has on disk."""
        return Home(self.folder).data("clickhouse")

    def start(self) -> None:
        """Start, and return when it answers."""
        self._server.prepare()
        self.process = subprocess.Popen(
            self._server.command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        end = time.monotonic() + UP_S
        while not self._answers():
            assert time.monotonic() < end, "ClickHouse did not start"
            assert self.process.poll() is None, "ClickHouse ended at its start"
            time.sleep(0.05)

    def kill(self) -> None:
        """kill -9."""
        self._signal(signal.SIGKILL)
        assert self.process is not None
        self.process.wait()

    def stop(self) -> None:
        """An orderly stop."""
        self._signal(signal.SIGTERM)
        assert self.process is not None
        self.process.wait(UP_S)

    def freeze(self) -> None:
        """It holds its connections and answers nothing."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on where it was."""
        self._signal(signal.SIGCONT)

    def keep(self) -> Path:
        """A copy of everything that it has on disk, which it must not be writing."""
        kept = self.folder / "kept"
        shutil.copytree(self.data, kept, symlinks=True)
        return kept

    def go_back(self, kept: Path) -> None:
        """Begin again from a copy."""
        self.kill()
        shutil.rmtree(self.data)
        shutil.copytree(kept, self.data, symlinks=True)
        self.start()

    def close(self) -> None:
        """End it and forget its folder."""
        self._signal(signal.SIGCONT)
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _answers(self) -> bool:
        try:
            return bool(self._server.probe())
        except NotReady:
            return False

    def _signal(self, number: int) -> None:
        assert self.process is not None
        os.kill(self.process.pid, number)
