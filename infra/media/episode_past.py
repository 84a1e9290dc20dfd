"""What MySQL says of an episode's jobs and of the files that somebody needs (domain.media.leftovers)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from domain.media import names
from domain.media.leftovers import Past
from domain.media.master import hash12_of
from domain.media.record import record_id
from domain.media.steps import Step
from infra.media import rows
from infra.media.job import Job

MOST_JOBS = 1_000  # the newest of an episode

_JOBS = sa.text(
    f"SELECT {rows.JOB} FROM media_jobs WHERE drama_id = :drama_id AND episode_no = :episode_no"  # noqa: S608
    " ORDER BY job_id DESC LIMIT :most"
)
_STEPS = sa.text(
    "SELECT job_id, step, state, token, finished_ms FROM media_steps WHERE job_id IN :ids"
    " AND state IN ('done', 'failed')"
).bindparams(sa.bindparam("ids", expanding=True))
_PATH = sa.text("SELECT media_path FROM episodes WHERE drama_id = :drama_id AND episode_no = :episode_no")


class Pasts(NamedTuple):
    """The episode's jobs by id, hash12 of what viewers get of it (or empty), and each job's record ids."""

    jobs: list[Past]
    playing: str
    records: dict[int, list[str]]


def pasts(connection: Connection, drama_id: int, episode_no: int) -> Pasts:
    """As it is now.  Of more than MOST_JOBS jobs the newest: what only older ones name is nobody's."""
    which = {"drama_id": drama_id, "episode_no": episode_no}
    found = [rows.job_of(row) for row in connection.execute(_JOBS, which | {"most": MOST_JOBS})][::-1]
    done: dict[int, dict[str, int | None]] = {job.job_id: {} for job in found}
    records: dict[int, list[str]] = {job.job_id: [] for job in found}
    steps = connection.execute(_STEPS, {"ids": list(done)}) if done else ()
    for job_id, step, state, token, finished_ms in steps:
        records[job_id].append(record_id(job_id, step, token))
        if state == "done":
            done[job_id][step] = finished_ms
    path = str(connection.scalar(_PATH, which) or "")
    return Pasts([_past(job, done[job.job_id]) for job in found], hash12_of(path, drama_id, episode_no), records)


def needed(connection: Connection, keys: Sequence[str]) -> set[str]:
    """Paths that the catalogue names at or below these few keys, of any drama, and sources of any active job."""
    wanted = {f"k{number}": key for number, key in enumerate(keys)}
    return {
        str(path)
        for column, rows_of in (("media_path", "episodes WHERE"), ("source", "media_jobs WHERE state = 'active' AND"))
        for path in connection.scalars(_at_or_below(column, rows_of, wanted), wanted)
    }


def _at_or_below(column: str, rows_of: str, wanted: Mapping[str, str]) -> sa.TextClause:
    at = " OR ".join(f"LEFT({column}, {len(key)}) = :{name}" for name, key in wanted.items())
    return sa.text(f"SELECT {column} FROM {rows_of} ({at})")  # noqa: S608 - numbers and names


def _past(job: Job, done: dict[str, int | None]) -> Past:
    hash12 = names.hash12(job.content_hash) if job.content_hash else ""
    when = done.get(Step.CDN), done.get(Step.MEDIA_ID)
    return Past(job.job_id, job.kind, job.state, job.source, hash12, job.updated_ms, *when)
