"""Storage in a folder, which the API serves by signed addresses."""

from __future__ import annotations

import errno
import itertools
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from domain.media.leftovers import Lying
from domain.media.storage_address import Permission, address, expires_s
from domain.media.trouble import Failure, StepFailed
from infra.media.folder import Folder
from media_jobs.crc64 import crc64, crc64_of
from media_jobs.engine import MAX_KEYS, Stored, Unfinished
from media_jobs.watch import Watch

_BLOCK = 4 << 20  # bytes; what is in memory at a time


class LocalStorage:
    """Files below `root`; addresses below `base` (the API, scheme and host), signed with `secret`."""

    def __init__(self, root: Path, base: str, secret: bytes, now_s: Callable[[], int]) -> None:
        self._folder = Folder(root)
        self._base, self._secret, self._now_s = base, secret, now_s

    def prepare(self) -> None:
        with _disk():
            self._folder.root.mkdir(parents=True, exist_ok=True)
            self._folder.sweep()

    def put(self, key: str, path: Path, content_type: str, watch: Watch) -> Stored:  # noqa: ARG002 - the ending tells
        with _disk(), self._folder.writing(key, path.stat().st_size) as target:
            return Stored(key, *_copied(path, target, watch))

    def put_bytes(self, key: str, body: bytes, content_type: str) -> Stored:  # noqa: ARG002 - the ending tells
        with _disk(), self._folder.writing(key) as target:
            target.write(body)
        return Stored(key, len(body), crc64(body))

    def fetch(self, key: str, target: Path, max_bytes: int, watch: Watch) -> Stored:
        source = self._folder.path(key)
        if not source.is_file():
            raise StepFailed(Failure.MEND, "not_found", f"nothing lies at {key}: upload it again")
        if source.stat().st_size > max_bytes:
            raise StepFailed(Failure.MEND, "too_large", f"{key} is larger than {max_bytes >> 20} MiB")
        with _disk(), _whole_or_not(target):
            _linked(source, target)
            return Stored(key, target.stat().st_size, _crc64(target, watch))

    def head(self, key: str) -> Stored | None:
        path = self._folder.path(key)
        with _disk():
            return Stored(key, path.stat().st_size, crc64_of(path)) if path.is_file() else None

    def keys(self, prefix: str, limit: int) -> list[str]:
        if not 0 < limit <= MAX_KEYS:
            raise ValueError(f"limit: {limit}")
        return list(itertools.islice(self._folder.keys(prefix), limit))

    def listed(self, prefix: str, after: str, limit: int) -> list[Lying]:
        if not 0 < limit <= MAX_KEYS:
            raise ValueError(f"limit: {limit}")
        above = (key for key in self._folder.keys(prefix) if key > after)
        with _disk():
            return list(itertools.islice(filter(None, map(self._lying, above)), limit))

    def unfinished(self, before_ms: int, limit: int) -> list[Unfinished]:
        with _disk():
            found = sorted(self._folder.partials(before_ms / 1000), key=lambda partial: partial[2])
        return [Unfinished(name, size, int(at_s * 1000)) for name, size, at_s in found[:limit]]

    def end(self, uploads: Sequence[Unfinished]) -> None:
        with _disk():
            for upload in uploads:
                self._folder.drop(upload.name)

    def delete(self, keys: Sequence[str]) -> None:
        if len(keys) > MAX_KEYS:
            raise ValueError(f"{len(keys)} keys at once")
        with _disk():
            for key in keys:
                self._folder.delete(key)

    def pull_address(self, key: str, life_s: int) -> str:
        self._folder.path(key)
        return address(self._secret, self._base, Permission("get", key, expires_s(self._now_s(), life_s)))

    def upload_address(self, key: str, life_s: int, size: int) -> str:
        self._folder.path(key)
        if size < 1:
            raise ValueError(f"no size: {size}")
        return address(self._secret, self._base, Permission("put", key, expires_s(self._now_s(), life_s), size))

    def _lying(self, key: str) -> Lying | None:
        """None where it went away meanwhile."""
        try:
            found = (self._folder.root / key).stat()
        except FileNotFoundError:
            return None
        return Lying(key, found.st_size, int(found.st_mtime * 1000))


def _copied(path: Path, target: IO[bytes], watch: Watch) -> tuple[int, int]:
    """Size and CRC of what was copied."""
    done, total, crc = 0, path.stat().st_size or 1, 0
    with path.open("rb") as source:
        while block := source.read(_BLOCK):
            target.write(block)
            crc, done = crc64(block, crc), done + len(block)
            watch.progress(min(1000, done * 1000 // total))
    return done, crc


def _linked(source: Path, target: Path) -> None:
    """The same file by another name, as nobody writes to a stored one; a copy where it is on another disk."""
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP):
            raise
        shutil.copyfile(source, target)


@contextmanager
def _whole_or_not(target: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def _crc64(path: Path, watch: Watch) -> int:
    """Of the file, telling the watch."""
    with Path(os.devnull).open("wb") as nowhere:
        return _copied(path, nowhere, watch)[1]


@contextmanager
def _disk() -> Iterator[None]:
    """A full or failing disk is somebody's to mend, and may be by the next try."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        reason = "storage_full" if full else "storage_unavailable"
        raise StepFailed(Failure.AGAIN, reason, f"look at the disk of JULIU_MEDIA_ROOT: {error.strerror}") from error
