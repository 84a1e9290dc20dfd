"""One model measured in a process of its own: `python -m recommender.evaluation.child FOLDER NAME`.

Of its own, because a process's peak of memory never falls again: only so is `peak_mb` this model's, and one that
dies of too much memory takes nothing else with it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec

from recommender.evaluation import kept
from recommender.evaluation.sitting import sit
from recommender.models.registry import MODELS


def peak_mb() -> float:
    """The most that this process had in memory so far, from the kernel.

    Not getrusage's ru_maxrss: a child begins there with what its parent had when it was forked.
    """
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(round(int(line.split()[1]) / 1024, 1) for line in lines if line.startswith("VmHWM"))


def main(folder: Path, name: str) -> None:
    """Writes FOLDER/NAME.json."""
    plan = kept.plan_of(folder)
    exams = {part: kept.log_of(folder, part) for part in plan.exams}
    sitting = sit(MODELS[name](), plan, kept.log_of(folder, kept.TRAIN), exams)
    sitting = msgspec.structs.replace(sitting, peak_mb=peak_mb())
    (folder / f"{name}.json").write_bytes(msgspec.json.encode(sitting))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
