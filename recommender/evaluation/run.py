"""Every model on the same log, each in a process of its own, and which of them is best."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import numpy as np

from recommender.evaluation import kept
from recommender.evaluation.asked import WHOLE, Asked
from recommender.evaluation.columns import Logs
from recommender.evaluation.exam import exam
from recommender.evaluation.kept import Plan
from recommender.evaluation.sitting import Sitting, curve
from recommender.evaluation.split import Split
from recommender.evaluation.unfit import Unfit
from recommender.interactions import Interactions

TEST, VALID = "test", "valid"
SAMPLES = 10  # items whose lists the report shows
LAST_WORDS = 300  # characters of what a model said when it died


class Outcome(msgspec.Struct, frozen=True):
    """What was measured, as it is told."""

    best: str | None  # None where no model could be measured
    best_by: str
    best_on: str
    models: dict[str, Sitting]
    failed: dict[str, str]  # by name, why
    log: dict[str, Any]
    curve: list[tuple[int, float]]  # of what was watched in training: what lists are compared with
    samples: list[str]  # what the sample items are called
    named: dict[str, list[list[str]]]  # by model, what goes with them

    def document(self) -> dict[str, Any]:
        """For programs: a model's numbers on the test stand beside each other, the rest below them."""
        models = {name: _flat(sitting) for name, sitting in self.models.items()}
        models |= {name: {"error": why} for name, why in self.failed.items()}
        head = {"best": self.best, "best_by": self.best_by, "best_on": self.best_on}
        return {**head, "log": self.log, "models": models}


def _flat(sitting: Sitting) -> dict[str, Any]:
    test = sitting.on[TEST]
    found: dict[str, Any] = dict(test.values)
    for name in ("fit_seconds", "cpu_seconds", "score_seconds", "peak_mb"):
        found[name] = getattr(sitting, name)
    found |= {name: getattr(test, name) for name in ("intervals", "with_history", "strangers_served")}
    if VALID in sitting.on:
        found[VALID] = sitting.on[VALID].values
    return found


def evaluate(
    logs: Logs,
    split: Split,
    models: Sequence[str],
    asked: Asked,
    *,
    most: int,
    seed: int,
    say: Callable[[str], None],
) -> Outcome:
    """Measure each model by name, one by one.  Raises Unfit where nothing is asked or nothing tells the best."""
    exams = {VALID: split.valid, TEST: split.test}
    exams_there = {part: log for part, log in exams.items() if log is not None}
    watched = np.bincount(split.train.item[split.train.weight > 0], minlength=len(logs.names))
    samples = np.argsort(-watched, kind="stable")[: min(SAMPLES, int((watched > 0).sum()))]
    plan = Plan(asked, logs.users, len(logs.names), tuple(exams_there), most, seed, tuple(samples.tolist()))
    told = _log(plan, split.train, exams_there)
    part = VALID if split.valid is not None else TEST
    _can_tell(asked.best_by, part, told)
    with TemporaryDirectory(prefix="juliu-evaluate-") as place:
        folder = Path(place)
        kept.keep(folder, plan, {kept.TRAIN: split.train, **exams_there})
        measured, failed = _measured(folder, models, say)
    return Outcome(
        best=best_of(measured, part, asked.best_by), best_by=asked.best_by, best_on=part,
        models=measured, failed=failed, log=told, curve=curve(watched),
        samples=_called(logs, samples.tolist()),
        named={name: [_called(logs, line) for line in one.samples] for name, one in measured.items()},
    )  # fmt: skip


def _measured(
    folder: Path, models: Sequence[str], say: Callable[[str], None]
) -> tuple[dict[str, Sitting], dict[str, str]]:
    measured, failed = {}, {}
    for name in models:
        say(f"{name} ...")
        try:
            measured[name] = _child(folder, name)
        except _Died as death:
            failed[name] = str(death)
            say(f"{name}: {death}")
    return measured, failed


class _Died(Exception):
    """The text is what it said last."""


def _child(folder: Path, name: str) -> Sitting:
    command = [sys.executable, "-m", "recommender.evaluation.child", str(folder), name]
    done = subprocess.run(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, check=False)  # noqa: S603
    if done.returncode:
        words = done.stderr.decode(errors="replace").strip().splitlines()
        last = f"killed by signal {-done.returncode}" if done.returncode < 0 else (words or ["no word"])[-1]
        raise _Died(last[:LAST_WORDS])
    return msgspec.json.decode((folder / f"{name}.json").read_bytes(), type=Sitting)


def best_of(measured: dict[str, Sitting], part: str, by: str) -> str | None:
    """The first of those with the highest number."""
    known = {name: sitting.on[part].values[by] for name, sitting in measured.items()}
    return max((name for name in known if known[name] is not None), key=lambda name: known[name] or 0, default=None)


def _log(plan: Plan, train: Interactions, exams: dict[str, Interactions]) -> dict[str, Any]:
    """How large all is.  Raises Unfit where an exam asks nothing."""
    known = kept.known_of(plan, train)
    found: dict[str, Any] = {"users": plan.users, "items": plan.items, "seed": plan.seed, kept.TRAIN: _span(train)}
    for part, log in exams.items():
        questions = exam(known, log, plan.most, plan.seed)
        if not len(questions.users):
            raise Unfit(
                f"{part}: nobody has a positive there that was not watched in training: there is nothing to ask"
            )
        found[part] = _span(log) | {
            "users_asked": len(questions.users),
            "users_with_history": int(questions.history.sum()),
            "positives": int(questions.wanted.nnz),
            "exposures_besides": int(questions.shown.nnz),
        }
    return found


def _can_tell(best_by: str, part: str, told: dict[str, Any]) -> None:
    """Raises Unfit where no model can have that number: the others are had of whoever is asked."""
    if best_by in WHOLE and not told[part]["exposures_besides"]:
        raise Unfit(
            f"{part}: nothing to measure {best_by} on: nobody who is asked was shown anything there that was not"
            " positive; choose another --best-by"
        )


def _span(log: Interactions) -> dict[str, int]:
    return {"rows": len(log), "from_ms": int(log.ts_ms[0]), "to_ms": int(log.ts_ms[-1])}


def _called(logs: Logs, items: Sequence[int]) -> list[str]:
    return [str(logs.names[item].as_py()) for item in items]
