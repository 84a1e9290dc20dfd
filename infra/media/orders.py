"""Orders on their way to the log: written in the transaction that does what was ordered."""

from __future__ import annotations

import secrets

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from domain.media.orders import By, Ordered, What, encode
from infra.media.job import Job

_RECORD = sa.text("INSERT INTO media_records (job_id, value, created_ms) VALUES (:job_id, :value, :at_ms)")


def ordered(
    by: By, what: What, at_ms: int, drama_id: int, *, episode_no: int = 0, job_id: int = 0, detail: str = ""
) -> Ordered:
    """The record of an order, under a name that no other has."""
    return Ordered(
        record_id=secrets.token_hex(16), at_ms=at_ms, what=what, surface=by.surface, who=by.who, drama_id=drama_id,
        episode_no=episode_no, job_id=job_id, detail=detail,
    )  # fmt: skip


def of_job(by: By, what: What, job: Job, detail: str = "") -> Ordered:
    """The record of an order that made this of a job."""
    its = {"episode_no": job.episode_no, "job_id": job.job_id}
    return ordered(by, what, job.updated_ms, job.drama_id, **its, detail=detail)


def write(connection: Connection, order: Ordered) -> None:
    """One more for the log."""
    values = {"job_id": order.job_id, "value": encode(order), "at_ms": order.at_ms}
    connection.execute(_RECORD, values)
