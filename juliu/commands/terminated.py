"""SIGTERM as an exception, for commands that have something to give back: a lock, a child, a folder."""

from __future__ import annotations

import signal
import sys
from types import FrameType


def as_exception() -> None:
    """From now on SIGTERM is SystemExit(143) in the main thread."""
    signal.signal(signal.SIGTERM, _stop)


def _stop(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(128 + signal.SIGTERM)
