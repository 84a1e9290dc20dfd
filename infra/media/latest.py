"""The latest job of an episode that was done: the same file is not done twice, and no older one is begun again."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from infra.media import changes, rows
from infra.media.job import AlreadyDone, Job, Submission

_LATEST = sa.text(
    f"SELECT {rows.JOB} FROM media_jobs WHERE drama_id = :drama_id AND episode_no = :episode_no"  # noqa: S608
    " AND state = 'done' AND kind = :kind ORDER BY job_id DESC LIMIT 1"
)
_OVERTAKEN = sa.text(
    "SELECT 1 FROM media_jobs j JOIN media_steps s ON s.job_id = j.job_id AND s.step = 'cdn' AND s.state = 'done'"
    " WHERE j.drama_id = :drama_id AND j.episode_no = :episode_no AND j.job_id > :job_id"
    " AND j.content_hash <> :content_hash LIMIT 1"
)


def done_id(connection: Connection, job: Job) -> int | None:
    """The latest of the kind and the episode of this job that was done."""
    found = connection.scalar(_LATEST, {**job._asdict(), "kind": job.kind.value})
    return None if found is None else int(found)


def refuse_done(connection: Connection, what: Submission) -> None:
    """Raises AlreadyDone for what was done, unless another file plays since, of a job that WeChat's side failed."""
    row = connection.execute(_LATEST, {**what._asdict(), "kind": what.kind.value}).one_or_none()
    if row is None or not changes.does(job := rows.job_of(row), what):
        return
    if not connection.scalar(_OVERTAKEN, job._asdict()):
        raise AlreadyDone(job.job_id)
