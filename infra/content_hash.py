"""The SHA-256 of a large file, told as it is read."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import IO

BLOCK = 1 << 20


def sha256_of(file: IO[bytes], size: int, progress: Callable[[int], None]) -> str:
    """In hex, of an open file of `size` bytes; `progress` is told permille.  Memory does not depend on the size."""
    digest, done = hashlib.sha256(), 0
    while block := file.read(BLOCK):
        digest.update(block)
        done += len(block)
        progress(min(1000, 1000 * done // max(1, size)))
    return digest.hexdigest()
