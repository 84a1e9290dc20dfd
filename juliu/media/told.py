"""Jobs in words and as JSON: what people and programs are told of one."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from domain.media.steps import JobState, StepState
from infra.media.job import JobView, StepRow

COLOURS: Mapping[JobState, str] = {
    JobState.ACTIVE: "", JobState.DONE: "green", JobState.REJECTED: "yellow", JobState.FAILED: "red",
    JobState.CANCELLED: "dim",
}  # fmt: skip
MAX_NOW = 160  # characters of what a job does now


def permille(view: JobView) -> int:
    """How much of the job's steps is done, each of them counted alike, the parts of those that are being done too."""
    if not view.steps:
        return 0
    return sum(1000 if step.state is StepState.DONE else _part(step) for step in view.steps) // len(view.steps)


def doing(view: JobView, *, progress: bool = True, now_ms: int | None = None) -> str:
    """What it does now, or why it has ended: `ladder 45 %, pull (try 2 in 30 s: pull_failed)`."""
    match view.job.state:
        case JobState.DONE:
            return "done"
        case JobState.CANCELLED:
            return "cancelled"
        case JobState.REJECTED | JobState.FAILED:
            return "; ".join(why(step) for step in view.steps if step.state is StepState.FAILED)[:MAX_NOW]
        case JobState.ACTIVE:
            now_ms = time.time_ns() // 1_000_000 if now_ms is None else now_ms
            said = (_now(step, now_ms, progress=progress) for step in view.steps)
            return ", ".join(word for word in said if word)[:MAX_NOW] or "waiting"


def why(step: StepRow) -> str:
    """Why a step failed."""
    return f"{step.step}: {step.reason}: {step.text}" if step.text else f"{step.step}: {step.reason}"


def as_json(view: JobView) -> dict[str, Any]:
    """All of it.  Times are Unix time in ms."""
    job = view.job._asdict() | {"permille": permille(view)}
    return job | {"steps": [_step(step) for step in view.steps]}


def _step(step: StepRow) -> dict[str, Any]:
    said = step._asdict()
    return {name: value for name, value in said.items() if name != "job_id"}


def _part(step: StepRow) -> int:
    return min(999, step.progress_permille) if step.state is StepState.LEASED else 0


def _now(step: StepRow, now_ms: int, *, progress: bool) -> str:
    if step.state is StepState.LEASED:
        return f"{step.step} {step.progress_permille // 10} %" if progress else f"{step.step}"
    if step.state is StepState.FAILED:
        return f"{step.step} failed: {step.reason}"
    if step.state is not StepState.READY:
        return ""
    later_s = max(0, (step.due_ms or 0) - now_ms) // 1000
    when = f" in {later_s} s" if later_s and progress else ""
    if step.reason:
        return f"{step.step} (try {step.attempt + 1}{when}: {step.reason})"
    return f"{step.step} asks again{when}" if step.attempt else f"{step.step} waits for a worker"
