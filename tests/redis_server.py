"""A Redis of a test's own, on a unix socket: to be stopped, killed, rewound and looked into."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import redis

from domain import keys

UP_S = 60.0


def until(what: Callable[[], Any], seconds: float, why: str) -> Any:
    """The first true answer of `what`; fails after `seconds`."""
    end = time.monotonic() + seconds
    while not (answer := what()):
        assert time.monotonic() < end, f"not within {seconds} s: {why}"
        time.sleep(0.02)
    return answer


class RedisServer:
    """redis-server, appendonly, in a folder of its own with a path short enough for a socket."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="juliu-r-"))
        self.socket = self.folder / "s"
        self.url = f"unix://{self.socket}?db=0"
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Start, and return when it answers."""
        self.process = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", str(self.socket), "--dir", str(self.folder), "--save", "",
             "--appendonly", "yes", "--appendfsync", "everysec"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        until(self._answers, UP_S, "Redis is up")

    def client(self, **options: Any) -> redis.Redis:
        """A client; bytes unless decode_responses."""
        return redis.Redis.from_url(self.url, socket_timeout=10, **options)

    def kill(self) -> None:
        """kill -9."""
        self._signal(signal.SIGKILL)
        assert self.process is not None
        self.process.wait()

    def freeze(self) -> None:
        """It holds its connections and answers nothing."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on where it was."""
        self._signal(signal.SIGCONT)

    def keep(self) -> Path:
        """A copy of everything it has on disk now."""
        kept = self.folder / "kept"
        shutil.copytree(self.folder / "appendonlydir", kept)
        return kept

    def go_back(self, kept: Path) -> None:
        """Begin again from a copy."""
        self.kill()
        shutil.rmtree(self.folder / "appendonlydir")
        shutil.copytree(kept, self.folder / "appendonlydir")
        self.start()

    def migrate(self, fences: dict[int, int], groups: tuple[str, ...] = ("counters", "store")) -> None:
        """What `juliu migrate` makes, with these fences."""
        with self.client() as client:
            client.set(keys.PARTITIONS, len(fences))
            for p, fence in fences.items():
                client.set(keys.namespace(p), 1)
                for group in groups:
                    client.set(keys.fence(group, 1, p), fence)

    def close(self) -> None:
        """End it and forget its folder."""
        self._signal(signal.SIGCONT)
        self.kill()
        shutil.rmtree(self.folder)

    def _answers(self) -> bool:
        try:
            with self.client() as client:
                return bool(client.ping())
        except redis.exceptions.ConnectionError:  # also while it loads
            return False

    def _signal(self, number: int) -> None:
        assert self.process is not None
        os.kill(self.process.pid, number)
