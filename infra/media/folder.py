"""A folder that holds files by key (domain.media.names): readers see a file whole or not at all.

Written by media jobs and by the API (uploads), read by the API.  What a killed writer leaves lies in `.partial` and is
swept by the next one that starts.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from domain.media.names import is_key

PARTIAL = ".partial"  # no key begins with a dot
RESERVE = 512 << 20  # bytes of the disk that are left to others: what fills up last must not be a database
PARTIAL_LIFE_S = 86_400  # an upload that is slower than a day has ended


class Folder:
    """Files below `root`, which must be on one disk with its `.partial`."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, key: str) -> Path:
        """Where a key lies.  Raises ValueError for what is no key, or leads out of the folder by a link."""
        if not is_key(key):
            raise ValueError(f"no key: {key!r}")
        path = self.root / key
        if not path.resolve().is_relative_to(self.root.resolve()):
            raise ValueError(f"a link leads out of the folder: {key!r}")
        return path

    @contextmanager
    def writing(self, key: str, size: int = 0) -> Iterator[IO[bytes]]:
        """A file to write to, which is the key's, on disk, when the block ends without an error; else nothing is.

        OSError(ENOSPC) where `size` bytes more would leave less than RESERVE of the disk.
        """
        path = self.path(key)
        partial = self.root / PARTIAL / secrets.token_hex(16)
        partial.parent.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(partial.parent).free - size < RESERVE:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.root))
        try:
            with partial.open("xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            _made_durable(partial, path, self.root)
        finally:
            partial.unlink(missing_ok=True)

    def delete(self, key: str) -> None:
        """The key holds nothing afterwards; folders that are empty then go too."""
        path = self.path(key)
        path.unlink(missing_ok=True)
        for parent in path.parents:
            if parent == self.root or not _emptied(parent):
                return

    def keys(self, prefix: str) -> Iterator[str]:
        """Keys that begin with `prefix`, in the order of their bytes."""
        return _below(self.root, "", prefix)

    def sweep(self) -> None:
        """Remove what writers that are gone have left."""
        for name, _, _ in self.partials(time.time() - PARTIAL_LIFE_S):
            self.drop(name)

    def partials(self, before_s: float) -> Iterator[tuple[str, int, float]]:
        """Name, bytes and time (Unix, s) of what was last written to before this, and is not a file yet."""
        for path in (self.root / PARTIAL).glob("*"):
            with suppress(FileNotFoundError):  # it has become one
                found = path.stat()
                if found.st_mtime < before_s:
                    yield path.name, found.st_size, found.st_mtime

    def drop(self, name: str) -> None:
        """A partial file goes.  Raises ValueError for what is no name of one."""
        if name != Path(name).name or name.startswith("."):
            raise ValueError(f"no partial file: {name!r}")
        (self.root / PARTIAL / name).unlink(missing_ok=True)


def _made_durable(partial: Path, path: Path, root: Path) -> None:
    """Rename, and see that the name survives a power cut; a sweeper of empty folders may come between."""
    for left in range(9, -1, -1):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            partial.replace(path)
            break
        except FileNotFoundError:
            if not left:
                raise
    for folder in (path.parent, *path.parent.parents):
        _fsync(folder)
        if folder == root:
            return


def _fsync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _emptied(folder: Path) -> bool:
    try:
        folder.rmdir()
    except OSError:
        return False
    return True


def _below(folder: Path, key: str, prefix: str) -> Iterator[str]:
    """In the order of whole keys: a folder counts as its name with the slash, as in a bucket."""
    try:
        entries = list(os.scandir(folder))
    except FileNotFoundError:
        return
    named = {entry.name + "/" * entry.is_dir(follow_symlinks=False): entry for entry in entries}
    for name in sorted(named):
        whole = key + name
        if name.startswith("."):
            continue
        if name.endswith("/"):
            if whole.startswith(prefix) or prefix.startswith(whole):
                yield from _below(folder / name, whole, prefix)
        elif whole.startswith(prefix) and named[name].is_file(follow_symlinks=False):
            yield whole
