"""Storage's memory twin; keeps the port's promises (tests/contracts/test_storage.py says so)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from domain.media.leftovers import Lying
from domain.media.names import is_key
from domain.media.trouble import Failure, StepFailed
from media_jobs.crc64 import crc64
from media_jobs.engine import MAX_KEYS, Stored, Unfinished
from media_jobs.watch import Watch

HALF = 500  # permille


class MemoryStorage:
    """`files` by key, `changed_ms` when each was written; addresses are `memory:` and good for what they say."""

    def __init__(self, now_s: Callable[[], float] = time.time) -> None:
        self.files: dict[str, bytes] = {}
        self.changed_ms: dict[str, int] = {}
        self.cut: list[Unfinished] = []
        self._now_s, self._lock = now_s, threading.Lock()

    def prepare(self) -> None:
        """Nothing is left by anybody."""

    def put(self, key: str, path: Path, content_type: str, watch: Watch) -> Stored:
        _known(key)
        body = path.read_bytes()
        watch.progress(HALF)
        watch.progress(1000)
        return self.put_bytes(key, body, content_type)

    def put_bytes(self, key: str, body: bytes, content_type: str) -> Stored:
        _known(key)
        with self._lock:
            self.files[key], self.changed_ms[key] = body, int(self._now_s() * 1000)
        return Stored(key, len(body), crc64(body))

    def fetch(self, key: str, target: Path, max_bytes: int, watch: Watch) -> Stored:
        _known(key)
        body = self.files.get(key)
        if body is None:
            raise StepFailed(Failure.MEND, "not_found", key)
        if len(body) > max_bytes:
            raise StepFailed(Failure.MEND, "too_large", key)
        watch.progress(HALF)
        target.write_bytes(body)
        return Stored(key, len(body), crc64(body))

    def head(self, key: str) -> Stored | None:
        _known(key)
        body = self.files.get(key)
        return None if body is None else Stored(key, len(body), crc64(body))

    def keys(self, prefix: str, limit: int) -> list[str]:
        if not 0 < limit <= MAX_KEYS:
            raise ValueError(limit)
        with self._lock:
            return sorted(key for key in self.files if key.startswith(prefix))[:limit]

    def listed(self, prefix: str, after: str, limit: int) -> list[Lying]:
        if not 0 < limit <= MAX_KEYS:
            raise ValueError(limit)
        with self._lock:
            keys = sorted(key for key in self.files if key.startswith(prefix) and key > after)[:limit]
            return [Lying(key, len(self.files[key]), self.changed_ms.get(key, 0)) for key in keys]

    def unfinished(self, before_ms: int, limit: int) -> list[Unfinished]:
        return sorted((one for one in self.cut if one.begun_ms < before_ms), key=lambda one: one.begun_ms)[:limit]

    def end(self, uploads: Sequence[Unfinished]) -> None:
        self.cut = [one for one in self.cut if one not in uploads]

    def delete(self, keys: Sequence[str]) -> None:
        if len(keys) > MAX_KEYS:
            raise ValueError(len(keys))
        for key in keys:
            _known(key)
        with self._lock:
            for key in keys:
                self.files.pop(key, None)

    def pull_address(self, key: str, life_s: int) -> str:
        return f"memory:get:{key}:{self._until(key, life_s)}:0"

    def upload_address(self, key: str, life_s: int, size: int) -> str:
        if size < 1:
            raise ValueError(size)
        return f"memory:put:{key}:{self._until(key, life_s)}:{size}"

    def browse(self, method: str, address: str, body: bytes | None = None) -> tuple[int, bytes]:
        """What following an address does."""
        _, permitted, key, until, size = address.split(":")
        if method.lower() != permitted or self._now_s() >= int(until):
            return 403, b""
        if method == "GET":
            return (200, self.files[key]) if key in self.files else (404, b"")
        if len(body or b"") != int(size):
            return 403, b""
        self.put_bytes(key, body or b"", "")
        return 200, b""

    def _until(self, key: str, life_s: int) -> int:
        _known(key)
        if not 60 <= life_s <= 7 * 86_400:
            raise ValueError(life_s)
        return int(self._now_s()) + life_s


def _known(key: str) -> None:
    if not is_key(key):
        raise ValueError(key)
