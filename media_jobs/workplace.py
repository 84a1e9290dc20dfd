"""The folders that steps work in: one a lease, empty at its start and gone at its end, also after kill -9.

place = Workplace(root, "media-1")             # Taken: another process works under that name
with place.folder("drama-1-2-ladder-7") as work: ...
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

_LOCK, _SWEPT = ".lock", ".swept-media-"
MOST_FILES = 200_000  # a ladder of an hour has 4 rungs of 1,800 segments


class Taken(Exception):
    """Another process works under this name: its folder must not be wiped."""


class Workplace:
    """The part of `root` that belongs to one worker, by name; what dead workers left below `root` is removed."""

    def __init__(self, root: Path, owner: str) -> None:
        root.mkdir(parents=True, exist_ok=True)
        self.path = root / owner
        self._lock = _locked(root / f"{owner}{_LOCK}")
        if self._lock is None:
            raise Taken(f"another process works as {owner!r}: give each worker a JULIU_WORKER_ID of its own")
        _sweep(root, owner)
        if self.path.is_symlink():
            raise ValueError(f"{self.path} is a link: what lies behind it may be somebody else's")
        shutil.rmtree(self.path, ignore_errors=True)
        self.path.mkdir(mode=0o700, exist_ok=True)  # what lies here is not encrypted yet

    @contextmanager
    def folder(self, name: str) -> Iterator[Path]:
        """An empty folder while the block lasts."""
        path = self.path / name
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir()
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)

    def used_bytes(self) -> int:
        """What lies here now; of more than MOST_FILES files the first ones."""
        return sum(_sizes(self.path))

    def free_bytes(self) -> int:
        """What the disk has left."""
        return shutil.disk_usage(self.path).free

    def close(self) -> None:
        """Another process may work under this name."""
        shutil.rmtree(self.path, ignore_errors=True)
        if self._lock is not None:
            self._lock.close()


def _locked(path: Path) -> IO[bytes] | None:
    """The file, open and locked until it is closed or we die; None where somebody else has it."""
    file = path.open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


def _sweep(root: Path, owner: str) -> None:
    """Folders of workers that are not alive.  A lock file stays: another process may be opening it.

    What has no lock file is no worker's: `root` may be set to a folder in which others have theirs.  A lock is held for
    a rename only: who starts under that name meanwhile would think that it is taken.
    """
    for path in list(root.iterdir()):
        its = root / f"{path.name}{_LOCK}"
        if path.name == owner or path.is_symlink() or not path.is_dir() or not its.is_file():
            continue
        if lock := _locked(its):
            with lock, suppress(OSError):
                path.rename(root / f"{_SWEPT}{secrets.token_hex(8)}")
    for path in root.glob(f"{_SWEPT}*"):
        shutil.rmtree(path, ignore_errors=True)


def _sizes(path: Path) -> Iterator[int]:
    """Of all files below; one that goes away meanwhile is not there."""
    seen = 0
    for folder, _, names in os.walk(path):
        for name in names:
            seen += 1
            if seen > MOST_FILES:
                return
            try:
                yield os.lstat(os.path.join(folder, name)).st_size
            except OSError:
                continue
