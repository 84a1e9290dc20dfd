"""What steps leave for each other in MySQL, as JSON, and the Task that an engine is handed for a step."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from domain.media import names
from domain.media.probe import Probe
from domain.media.report import Report
from domain.media.steps import Step
from domain.media.trouble import Failure, StepFailed
from infra.media.job import Facts, Leased
from media_jobs.context import StepContext
from media_jobs.engine import Task

T = TypeVar("T")
UNKNOWN = "0" * names.HASH_LENGTH  # the content hash while PROBE is finding it out


def task_of(context: StepContext, leased: Leased, hash12: str = "") -> Task:
    """This step's task; with the hash that PROBE found, where none is given."""
    content_hash = "" if hash12 else str(_fact(leased, Step.PROBE, "content_hash"))
    crc64 = str(leased.facts.get(Step.PROBE, {}).get("source_crc64", ""))
    task = nobodys(leased, context.work, hash12)
    return replace(task, note=context.note, content_hash=content_hash, source_crc64=crc64)


def nobodys(leased: Leased, work: Path, hash12: str = "") -> Task:
    """The task as who clears up after it needs it: it can note nothing."""
    job = leased.job
    return Task(
        job_id=job.job_id, step=leased.step, token=leased.token, source=job.source, drama_id=job.drama_id,
        episode_no=job.episode_no, hash12=hash12 or hash_of(leased), work=work, noted=leased.own, rounds=job.rounds,
    )  # fmt: skip


def hash_of(leased: Leased) -> str:
    """The 12 characters of the content hash that keys carry.  Raises StepFailed where PROBE has left none."""
    return names.hash12(str(_fact(leased, Step.PROBE, "content_hash")))


def probe_of(leased: Leased) -> Probe:
    """What PROBE found.  Raises StepFailed."""
    return read(_fact(leased, Step.PROBE, "probe"), Probe)


def report_of(leased: Leased) -> Report:
    """What CHECK found.  Raises StepFailed."""
    return read(_fact(leased, Step.CHECK, "report"), Report)


def plain(value: Any) -> Any:
    """A dataclass as JSON has it; fractions as text."""
    return msgspec.to_builtins(value, enc_hook=_told)


def read(value: Any, kind: type[T]) -> T:
    """The dataclass again.  Raises StepFailed(GIVE_UP) for what another version has written otherwise."""
    try:
        return msgspec.convert(value, kind, dec_hook=_heard)
    except msgspec.ValidationError as error:
        text = f"cancel the job and submit the file again: an older version noted it otherwise ({error})"
        raise StepFailed(Failure.GIVE_UP, "facts_unreadable", text) from error


def facts_with(leased: Leased, step: Step, name: str) -> Facts:
    """What an earlier step left, `name` among it.  Raises StepFailed."""
    facts = leased.facts.get(step, {})
    if name not in facts:
        raise StepFailed(Failure.GIVE_UP, "facts_unreadable", f"{step} has left no {name}: submit the file again")
    return facts


def _fact(leased: Leased, step: Step, name: str) -> Any:
    return facts_with(leased, step, name)[name]


def _told(value: Any) -> Any:
    if isinstance(value, Fraction):
        return str(value)
    raise NotImplementedError(f"no JSON of {type(value)}")


def _heard(kind: type[Any], value: Any) -> Any:
    if kind is Fraction and isinstance(value, str):
        return Fraction(value)
    raise NotImplementedError(f"no {kind} in JSON")
