"""Python imports this at its start where juliu.faults.clocks has put its folder first: a wall clock that is wrong.

What Python code asks (time.time, time.time_ns, datetime.now) follows the file FAULT_CLOCK_FILE, read twice a second;
clocks that only go forward stay true.  libfaketime would shift C code too, but librdkafka hangs in it for ever.
"""

import datetime
import os
import time
from pathlib import Path

_FILE = Path(os.environ["FAULT_CLOCK_FILE"])
_EVERY_S = 0.5
_time, _time_ns, _monotonic, _datetime = time.time, time.time_ns, time.monotonic, datetime.datetime
_read = [float("-inf"), 0.0]  # when, and what it said


def _ahead_s() -> float:
    now = _monotonic()
    if now - _read[0] > _EVERY_S:
        _read[:] = [now, float(_FILE.read_text(encoding="ascii"))]
    return _read[1]


def _now_ns() -> int:
    return _time_ns() + int(_ahead_s() * 1e9)


class _Any(type):
    """Every datetime counts as one of the class below, whoever made it."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, _datetime)


class _Shifted(datetime.datetime, metaclass=_Any):
    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> datetime.datetime:  # type: ignore[override]
        return _datetime.fromtimestamp(_now_ns() / 1e9, tz)


time.time, time.time_ns = lambda: _time() + _ahead_s(), _now_ns
datetime.datetime = _Shifted  # type: ignore[misc]
