"""Another clock for one process: libfaketime, told by variables of its environment or by a file that may change."""

from __future__ import annotations

from pathlib import Path

from infra.local.errors import StackError

_LIBRARIES = ("/usr/lib/*/faketime/libfaketime.so.1", "/usr/lib/faketime/libfaketime.so.1")
_EVERY_S = 1  # how long the library believes what it read


def library() -> Path:
    """Where Debian's package has put it.  Raises StackError where it has not."""
    for pattern in _LIBRARIES:
        for found in Path("/").glob(pattern.removeprefix("/")):
            return found
    raise StackError("libfaketime is missing: `make setup`, or as root `apt-get install libfaketime`")


def ahead(seconds: float) -> dict[str, str]:
    """Variables for a process whose wall clock is so far ahead (or behind); its monotonic clock is true."""
    return _preloaded() | {"FAKETIME": f"{seconds:+f}"}


def following(file: Path) -> dict[str, str]:
    """Variables for a process whose wall clock follows `file`; see `step`."""
    return _preloaded() | {"FAKETIME_TIMESTAMP_FILE": str(file), "FAKETIME_CACHE_DURATION": str(_EVERY_S)}


def step(file: Path, seconds: float) -> None:
    """The clock of who follows the file is so far ahead from now on, as after NTP has set it."""
    partial = file.with_suffix(".partial")
    partial.write_text(f"{seconds:+f}\n", encoding="ascii")
    partial.replace(file)


def _preloaded() -> dict[str, str]:
    return {"LD_PRELOAD": str(library()), "FAKETIME_DONT_FAKE_MONOTONIC": "1", "FAKETIME_DONT_RESET": "1"}
