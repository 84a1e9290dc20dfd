"""Another wall clock for one process, which may be set while it runs.

await arena.again("api", **clocks.following(file, 600.0)); clocks.step(file, -600.0)
"""

from __future__ import annotations

from pathlib import Path

_SHIM = Path(__file__).parent / "clock_shim"


def following(file: Path, seconds: float) -> dict[str, str]:
    """Variables for a process whose wall clock follows `file`, and is `seconds` ahead (or behind) to begin with."""
    step(file, seconds)
    return {"PYTHONPATH": str(_SHIM), "FAULT_CLOCK_FILE": str(file)}


def step(file: Path, seconds: float) -> None:
    """The clock of who follows the file is so far ahead from now on, as after NTP has set it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_suffix(".partial")
    partial.write_text(f"{seconds:+f}\n", encoding="ascii")
    partial.replace(file)
