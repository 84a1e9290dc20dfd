"""Rows of media jobs in MySQL: statements, and how a row becomes a Job or a StepRow and back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from domain.media.record import StepEnded, encode
from domain.media.steps import JobState, Kind, Step, StepState
from domain.media.trouble import Failure
from infra.media.changes import Change, Rows
from infra.media.job import Job, StepRow, UnknownJob

JOB = ", ".join(Job._fields)
STEP = ", ".join(StepRow._fields)
_ORDER = {step: place for place, step in enumerate(Step)}

_JOB = sa.text(f"SELECT {JOB} FROM media_jobs WHERE job_id = :job_id")  # noqa: S608 - names of columns
_LOCK_JOB = sa.text(f"SELECT {JOB} FROM media_jobs WHERE job_id = :job_id FOR UPDATE")  # noqa: S608
_STEPS = sa.text(f"SELECT {STEP} FROM media_steps WHERE job_id IN :ids").bindparams(  # noqa: S608
    sa.bindparam("ids", expanding=True)
)
_LOCK_STEPS = sa.text(f"SELECT {STEP} FROM media_steps WHERE job_id = :job_id FOR UPDATE")  # noqa: S608
_SET = ", ".join(f"{name} = :{name}" for name in StepRow._fields if name not in ("job_id", "step"))
_WRITE_STEP = sa.text(f"UPDATE media_steps SET {_SET} WHERE job_id = :job_id AND step = :step")  # noqa: S608
_NEW_STEP = sa.text(
    f"INSERT INTO media_steps ({STEP}) VALUES ({', '.join(':' + name for name in StepRow._fields)})"  # noqa: S608
)
_WRITE_JOB = sa.text(
    "UPDATE media_jobs SET state = :state, active = :active, content_hash = :content_hash, rounds = :rounds,"
    " updated_ms = :updated_ms WHERE job_id = :job_id"
)
_RECORD = sa.text("INSERT INTO media_records (job_id, value, created_ms) VALUES (:job_id, :value, :created_ms)")


def job_of(row: Sequence[Any]) -> Job:
    """From the columns JOB."""
    job = Job(*row)
    return job._replace(kind=Kind(job.kind), state=JobState(job.state), wechat=bool(job.wechat))


def step_of(row: Sequence[Any]) -> StepRow:
    """From the columns STEP."""
    its = StepRow(*row)
    return its._replace(
        step=Step(its.step), state=StepState(its.state), failure=Failure(its.failure) if its.failure else None,
        facts=msgspec.json.decode(str(its.facts)),
    )  # fmt: skip


def in_order(rows: Iterable[StepRow]) -> Rows:
    """By step, in the order of steps_of."""
    return {row.step: row for row in sorted(rows, key=lambda row: _ORDER[row.step])}


def read(connection: Connection, job_id: int) -> tuple[Job, Rows]:
    """A job and its steps as they are.  Raises UnknownJob."""
    row = connection.execute(_JOB, {"job_id": job_id}).one_or_none()
    if row is None:
        raise UnknownJob(f"there is no job {job_id}")
    return job_of(row), in_order(steps_of_jobs(connection, [job_id]))


def lock(connection: Connection, job_id: int) -> tuple[Job, Rows]:
    """The same, locked until the end of the transaction: the job first, then its steps.  Raises UnknownJob."""
    row = connection.execute(_LOCK_JOB, {"job_id": job_id}).one_or_none()
    if row is None:
        raise UnknownJob(f"there is no job {job_id}")
    return job_of(row), in_order(step_of(step) for step in connection.execute(_LOCK_STEPS, {"job_id": job_id}))


def steps_of_jobs(connection: Connection, ids: Sequence[int]) -> list[StepRow]:
    """All steps of these jobs, in no order."""
    return [step_of(row) for row in connection.execute(_STEPS, {"ids": list(ids)})] if ids else []


def insert(connection: Connection, rows: Sequence[StepRow]) -> None:
    """New steps."""
    connection.execute(_NEW_STEP, [_values(row) for row in rows])


def write_step(connection: Connection, row: StepRow) -> None:
    """All of a step's columns."""
    connection.execute(_WRITE_STEP, _values(row))


def write_record(connection: Connection, record: StepEnded) -> None:
    """One more for the log."""
    values = {"job_id": record.job_id, "value": encode(record), "created_ms": record.at_ms}
    connection.execute(_RECORD, values)


def write(connection: Connection, change: Change) -> None:
    """A change as a whole; its job is locked."""
    job = change.job
    values = {**job._asdict(), "state": job.state.value, "active": 1 if job.state is JobState.ACTIVE else None}
    connection.execute(_WRITE_JOB, values)
    for row in change.rows:
        write_step(connection, row)
    for record in change.records:
        write_record(connection, record)


def _values(row: StepRow) -> dict[str, Any]:
    return {
        **row._asdict(), "step": row.step.value, "state": row.state.value,
        "failure": row.failure.value if row.failure else "", "facts": msgspec.json.encode(row.facts).decode(),
    }  # fmt: skip
