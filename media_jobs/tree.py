"""A folder of files put below a prefix of Storage, those that are there already left alone."""

from __future__ import annotations

from pathlib import Path

from domain.media.names import content_type_of
from media_jobs.crc64 import crc64_of
from media_jobs.engine import MAX_KEYS, Storage, Stored
from media_jobs.watch import Watch


def put_tree(storage: Storage, folder: Path, prefix: str, watch: Watch, last: str = "master.m3u8") -> list[Stored]:
    """Every file below `folder` at prefix/<its path>; the one named `last` after all others: it vouches for them.

    Told 0..1000 by bytes.  Raises StepFailed as Storage.put does, ValueError for more files than MAX_KEYS.
    """
    paths = sorted((path for path in folder.rglob("*") if path.is_file()), key=lambda path: (path.name == last, path))
    if len(paths) > MAX_KEYS:
        raise ValueError(f"{len(paths)} files below {folder}")
    total = sum(path.stat().st_size for path in paths) or 1
    done, stored = 0, []
    for path in paths:
        stored.append(_put(storage, f"{prefix}/{path.relative_to(folder).as_posix()}", path, _Part(watch, done, total)))
        done += stored[-1].size
        watch.progress(done * 1000 // total)
    return stored


def _put(storage: Storage, key: str, path: Path, watch: _Part) -> Stored:
    there, size = storage.head(key), path.stat().st_size
    if there is not None and there.size == size and there.crc64 == crc64_of(path):
        return there
    watch.size = size
    return storage.put(key, path, content_type_of(key), watch)


class _Part:
    """The watch of the whole, told of one file's progress."""

    def __init__(self, watch: Watch, done: int, total: int) -> None:
        self._watch, self._done, self._total, self.size = watch, done, total, 0

    def progress(self, permille: int) -> None:
        self._watch.progress((self._done * 1000 + self.size * permille) // self._total)
