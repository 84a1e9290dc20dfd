"""Keeps what the programs print from filling the disk, and shows the end of it."""

from __future__ import annotations

import os
from pathlib import Path

MAX_BYTES = 16_000_000  # a program's log; the one before it is kept beside it, so twice this at most
_TAIL_BLOCK = 65_536


def bound(path: Path, max_bytes: int = MAX_BYTES) -> bool:
    """Move a log that has grown past `max_bytes` to `NAME.1` by copying: its writer keeps it open (for appending).

    Lines written in between are lost.  True when it was cut.
    """
    try:
        if path.stat().st_size <= max_bytes:
            return False
    except FileNotFoundError:
        return False
    with path.open("r+b") as current:
        current.seek(-max_bytes, os.SEEK_END)
        path.with_name(path.name + ".1").write_bytes(current.read(max_bytes))
        current.truncate(0)
    return True


def tail(path: Path, lines: int) -> str:
    """The last `lines` lines; empty when there is no such log."""
    try:
        with path.open("rb") as file:
            position, data = file.seek(0, os.SEEK_END), b""
            while position > 0 and data.count(b"\n") <= lines:
                step = min(_TAIL_BLOCK, position)
                position = file.seek(position - step)
                data = file.read(step) + data
                file.seek(position)
    except FileNotFoundError:
        return ""
    return b"\n".join(data.splitlines()[-lines:]).decode(errors="replace")
