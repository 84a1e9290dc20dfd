"""What a child process needs to measure a model: a folder with columns, read as they are on disk, and a plan."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec
import numpy as np

from recommender.evaluation.asked import Asked
from recommender.interactions import Interactions, Known

TRAIN = "train"
_PLAN = "plan.json"


class Plan(msgspec.Struct, frozen=True):
    """What is to be done with the columns."""

    asked: Asked
    users: int
    items: int
    exams: tuple[str, ...]  # parts that are asked about
    most: int  # viewers asked about; 0: all
    seed: int
    samples: tuple[int, ...] = ()  # items whose lists are shown


def keep(folder: Path, plan: Plan, parts: Mapping[str, Interactions]) -> None:
    """Write it."""
    for part, log in parts.items():
        for name, column in vars(log).items():
            np.save(folder / f"{part}.{name}.npy", column)
    (folder / _PLAN).write_bytes(msgspec.json.encode(plan))


def plan_of(folder: Path) -> Plan:
    """As it was kept."""
    return msgspec.json.decode((folder / _PLAN).read_bytes(), type=Plan)


def log_of(folder: Path, part: str) -> Interactions:
    """Mapped, not read: a page that nobody looks at costs no memory.  Not to be written to."""
    names = Interactions.__dataclass_fields__
    return Interactions(**{name: np.asarray(np.load(folder / f"{part}.{name}.npy", mmap_mode="r")) for name in names})


def known_of(plan: Plan, train: Interactions) -> Known:
    """It is the moment after the last thing that is known."""
    return Known(train, plan.users, plan.items, int(train.ts_ms[-1]) + 1)
