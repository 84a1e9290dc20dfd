"""A small disk for one server: a tmpfs that a ballast file fills and frees again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import subprocess
import time
from pathlib import Path

from infra.local.errors import StackError

SIZE_BYTES = {"kafka": 400_000_000, "clickhouse": 500_000_000, "redis": 200_000_000}
REFILL_S = 0.02
_WITHIN_S = 30


class Disk:
    """Mounted at `path` while a world wants it.  Needs root: without, a fault with a small disk is refused."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def mounted(self) -> bool:
        """It is there."""
        return self.path.is_mount()

    def mount(self, server: str) -> None:
        """An empty disk of the size that suits this server.  Raises StackError where one may not mount."""
        self.path.mkdir(parents=True, exist_ok=True)
        size = f"size={SIZE_BYTES[server]}"
        done = _run("mount", "-t", "tmpfs", "-o", size, "juliu-faults", str(self.path))
        if done.returncode:
            raise StackError(f"a small disk needs a mount, as root: {done.stderr.strip()}")

    def unmount(self) -> None:
        """Away with it, if it is there; what still runs on it keeps its files."""
        if self.mounted:
            _run("umount", "--lazy", str(self.path))

    def fill(self, leave_bytes: int = 0) -> None:
        """Leave so much room, or less: whose disk it is goes on writing meanwhile."""
        with (self.path / "ballast").open("ab") as ballast:
            while (room := self.free_bytes - leave_bytes) > 0:
                with contextlib.suppress(OSError):  # it has just become less
                    os.posix_fallocate(ballast.fileno(), os.fstat(ballast.fileno()).st_size, room)

    async def full_for(self, seconds: float) -> None:
        """Fill it, and what whose disk it is gives back too."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.fill()
            await asyncio.sleep(REFILL_S)

    def free(self) -> None:
        """Give the room back."""
        (self.path / "ballast").unlink(missing_ok=True)

    @property
    def free_bytes(self) -> int:
        """Room that is left."""
        return shutil.disk_usage(self.path).free


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=_WITHIN_S, check=False)  # noqa: S603 - mount and umount
