"""The queue of media jobs in MySQL: each call is one transaction.

Lock order: the row of the job, then its steps, then its episode (infra.media.episode_lock).  Only `submit` locks an
episode first: the job that it makes is nobody's yet.  Only `lease` locks a step without its job; it waits for nobody
(SKIP LOCKED).  The time is MySQL's, so that workers whose clocks differ agree which leases have run out.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Sequence
from functools import partial

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import IntegrityError

from domain.media.orders import OF_KIND, By, What
from domain.media.steps import Step, StepState
from domain.media.trouble import LeaseLost, StepFailed
from infra.fold_store import Wait
from infra.media import changes, due, episode_lock, latest, moves, orders, rows
from infra.media.job import (
    AlreadyActive,
    Depth,
    Facts,
    Job,
    JobFilter,
    JobView,
    Leased,
    Record,
    Standing,
    StepRow,
    Submission,
    UnknownJob,
)
from infra.media.transaction import transact

MAX_RECORDS = 1_000
_SUBMITS = 2  # the job that was in the way has ended meanwhile: once more
_ABANDONED = 8  # steps that one call of lease ends because their workers never came back

_NOW = sa.text("SELECT CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED)")
_RENEW = sa.text(
    "UPDATE media_steps SET due_ms = :until_ms, progress_permille = :progress"
    " WHERE job_id = :job_id AND step = :step AND token = :token AND state = 'leased'"
)
_WAKE = sa.text(
    "UPDATE media_steps SET due_ms = :now_ms WHERE job_id = :job_id AND step = :step AND state = 'ready'"
    " AND due_ms > :now_ms AND started_ms IS NOT NULL"  # what failed for now has not: hints do not use up its attempts
)
_ACTIVE = sa.text(
    "SELECT job_id FROM media_jobs WHERE drama_id = :drama_id AND episode_no = :episode_no AND active = 1"
)
_SUBMIT = sa.text(
    "INSERT INTO media_jobs (kind, drama_id, episode_no, source, title, wechat, state, active, content_hash, rounds,"
    " created_ms, updated_ms) VALUES (:kind, :drama_id, :episode_no, :source, :title, :wechat, 'active', 1,"
    " :content_hash, 0, :now_ms, :now_ms)"
)
_JOBS = sa.text(
    f"SELECT {rows.JOB} FROM media_jobs WHERE job_id > :after_id"  # noqa: S608
    " AND (:state IS NULL OR state = :state) AND (:kind IS NULL OR kind = :kind)"
    " AND (:drama_id IS NULL OR drama_id = :drama_id) AND (:episode_no IS NULL OR episode_no = :episode_no)"
    " ORDER BY job_id LIMIT :most"
)
_RECORDS = sa.text("SELECT record_id, job_id, value FROM media_records ORDER BY record_id LIMIT :most")
_SENT = sa.text("DELETE FROM media_records WHERE record_id IN :ids").bindparams(sa.bindparam("ids", expanding=True))


class JobQueue:
    """Keeps the promises of Jobs.  `now_ms`: for tests; else it is MySQL's clock."""

    def __init__(self, engine: Engine, now_ms: Callable[[], int] | None = None, seed: int | None = None) -> None:
        self._engine = engine
        self._now_ms = now_ms
        self._random = random.Random(seed)  # noqa: S311 - jitter

    # -- who submits, and who looks ------------------------------------------------------------------------------------

    def submit(self, what: Submission, by: By | None = None) -> int:
        """See Jobs."""
        changes.checked(what)
        for _ in range(_SUBMITS):
            try:
                return transact(self._engine, partial(self._submit, what, by))
            except IntegrityError:  # uq_media_jobs_active
                if (job_id := transact(self._engine, partial(_active, what.drama_id, what.episode_no))) is not None:
                    raise AlreadyActive(job_id) from None
        raise Wait("mysql", "jobs of this episode come and go")

    def tidied(self, drama_id: int, episode_no: int) -> int:
        """See Jobs."""
        return transact(self._engine, lambda connection: episode_lock.tidied(connection, drama_id, episode_no))

    def cancel(self, job_id: int, by: By | None = None) -> None:
        """See Jobs."""

        def work(connection: Connection) -> None:
            change = changes.cancelled(*rows.lock(connection, job_id), self._now(connection))
            rows.write(connection, change)
            _record(connection, What.CANCEL, change.job, by)

        transact(self._engine, work)

    def retry(self, job_id: int, by: By | None = None) -> None:
        """See Jobs."""

        def work(connection: Connection) -> None:
            now_ms = self._now(connection)
            change = changes.retried(*rows.lock(connection, job_id), now_ms)
            episode_lock.begin(connection, change.job.drama_id, change.job.episode_no, now_ms)
            active = _active(change.job.drama_id, change.job.episode_no, connection)
            if active is not None:
                raise AlreadyActive(active)
            changes.check_newest(change.job, latest.done_id(connection, change.job))
            rows.write(connection, change)
            _record(connection, What.RETRY, change.job, by)

        try:
            transact(self._engine, work)
        except IntegrityError as error:  # another job became active between the two statements
            raise Wait("mysql", error.orig) from error

    def wake(self, job_id: int, step: Step) -> None:
        """See Jobs."""

        def work(connection: Connection) -> None:
            connection.execute(_WAKE, {"job_id": job_id, "step": step.value, "now_ms": self._now(connection)})

        transact(self._engine, work)

    def jobs(self, which: JobFilter, after_id: int, limit: int) -> list[JobView]:
        """See Jobs."""
        changes.check_limit(limit)

        def work(connection: Connection) -> list[JobView]:
            found = connection.execute(_JOBS, {**which._asdict(), "after_id": after_id, "most": limit})
            its = {job.job_id: job for job in map(rows.job_of, found)}
            steps: dict[int, list[StepRow]] = {job_id: [] for job_id in its}
            for row in rows.steps_of_jobs(connection, list(its)):
                steps[row.job_id].append(row)
            return [JobView(job, list(rows.in_order(steps[job_id]).values())) for job_id, job in its.items()]

        return transact(self._engine, work)

    def job(self, job_id: int) -> JobView:
        """See Jobs."""

        def work(connection: Connection) -> JobView:
            job, its = rows.read(connection, job_id)
            return JobView(job, list(its.values()))

        return transact(self._engine, work)

    def depth(self) -> Depth:
        """See Jobs."""
        return transact(self._engine, lambda connection: due.depth(connection, self._now(connection)))

    # -- workers -------------------------------------------------------------------------------------------------------

    def lease(self, owner: str, life_ms: int, steps: Collection[Step]) -> Leased | None:
        """See Jobs."""
        moves.check_lease(owner, life_ms)
        order = [step for step in reversed(Step) if step in steps]
        for _ in range(_ABANDONED):
            found = transact(self._engine, partial(self._lease, owner, life_ms, order))
            if not isinstance(found, StepRow):
                return found
            self._abandon(found)
        return None

    def renew(self, leased: Leased, progress_permille: int) -> Standing:
        """See Jobs."""

        def work(connection: Connection) -> Standing:
            until_ms = self._now(connection) + leased.life_ms
            values = {"job_id": leased.job_id, "step": leased.step.value, "token": leased.token, "until_ms": until_ms}
            progress = min(max(progress_permille, 0), 1000)
            if connection.execute(_RENEW, {**values, "progress": progress}).rowcount == 1:
                return Standing(cancelled=False, until_ms=until_ms)
            row = rows.read(connection, leased.job_id)[1][leased.step]
            return moves.standing(row, leased)

        return transact(self._engine, work)

    def note(self, leased: Leased, facts: Facts) -> None:
        """See Jobs."""
        self._hold(leased, frozenset(), lambda row, _: moves.noted(row, facts))

    def finish(self, leased: Leased, facts: Facts, cpu_ms: int) -> None:
        """See Jobs."""
        self._hold(leased, moves.FINISHED, lambda row, now_ms: moves.finished(row, facts, cpu_ms, now_ms))

    def fail(self, leased: Leased, trouble: StepFailed, cpu_ms: int = 0) -> None:
        """See Jobs."""
        self._hold(leased, moves.LET_GO, lambda row, now_ms: moves.failed(row, trouble, cpu_ms, now_ms, self._random))

    def later(self, leased: Leased, after_s: float) -> None:
        """See Jobs."""
        self._hold(leased, moves.LET_GO, lambda row, now_ms: moves.put_off(row, after_s, now_ms, self._random))

    # -- the log -------------------------------------------------------------------------------------------------------

    def records(self, limit: int) -> list[Record]:
        """See Jobs."""
        most = min(max(limit, 1), MAX_RECORDS)
        found = transact(self._engine, lambda connection: connection.execute(_RECORDS, {"most": most}).all())
        return [Record(record_id, job_id, bytes(value)) for record_id, job_id, value in found]

    def records_sent(self, ids: Sequence[int]) -> None:
        """See Jobs."""
        if ids:
            transact(self._engine, lambda connection: connection.execute(_SENT, {"ids": list(ids)}))

    # ------------------------------------------------------------------------------------------------------------------

    def _now(self, connection: Connection) -> int:
        return self._now_ms() if self._now_ms else int(connection.scalar(_NOW) or 0)

    def _submit(self, what: Submission, by: By | None, connection: Connection) -> int:
        latest.refuse_done(connection, what)
        now_ms = self._now(connection)
        episode_lock.begin(connection, what.drama_id, what.episode_no, now_ms, what.tidied)
        values = {**what._asdict(), "kind": what.kind.value, "now_ms": now_ms}
        job_id = int(connection.execute(_SUBMIT, values).lastrowid)
        rows.insert(connection, changes.fresh(job_id, what, now_ms))
        _record(connection, OF_KIND[what.kind], changes.begun(job_id, what, now_ms), by, what.source)
        return job_id

    def _lease(
        self, owner: str, life_ms: int, order: Sequence[Step], connection: Connection
    ) -> Leased | StepRow | None:
        """A lease; or a step that no worker survives, which is then to be ended; or None."""
        now_ms = self._now(connection)
        row = due.locked(connection, order, now_ms)
        if row is None or moves.is_abandoned(row):
            return row
        job, its = rows.read(connection, row.job_id)
        if row.state is StepState.LEASED:
            row, before = moves.lost(row, now_ms), row
            rows.write_record(connection, changes.ended(job, before, row, "again", now_ms))
        row = moves.begun(row, owner, life_ms, now_ms)
        rows.write_step(connection, row)
        return changes.leased(job, {**its, row.step: row}, row, life_ms)

    def _abandon(self, seen: StepRow) -> None:
        """End a step whose workers never came back, unless one has it by now."""

        def work(connection: Connection) -> None:
            job, its = rows.lock(connection, seen.job_id)
            now_ms, row = self._now(connection), its[seen.step]
            if row.token == seen.token and moves.is_abandoned(row) and (row.due_ms or 0) <= now_ms:
                after = moves.failed(row, moves.WORKER_LOST, 0, now_ms, self._random)
                rows.write(connection, changes.settled(job, its, after, now_ms))

        transact(self._engine, work)

    def _hold(self, leased: Leased, past: frozenset[StepState], move: Callable[[StepRow, int], StepRow]) -> None:
        """What its holder does to a step, and all that follows from it; nothing where it was done already."""

        def work(connection: Connection) -> None:
            try:
                job, its = rows.lock(connection, leased.job_id)
            except UnknownJob as error:
                raise LeaseLost(str(error)) from error
            row = its[leased.step]
            if not moves.is_repeated(row, leased, past):
                moves.check(row, leased)
                now_ms = self._now(connection)
                rows.write(connection, changes.settled(job, its, move(row, now_ms), now_ms))

        transact(self._engine, work)


def _record(connection: Connection, what: What, job: Job, by: By | None, detail: str = "") -> None:
    """The order that did this to a job, which is now as it stands here."""
    if by is not None:
        orders.write(connection, orders.of_job(by, what, job, detail))


def _active(drama_id: int, episode_no: int, connection: Connection) -> int | None:
    """The active job of an episode or drama."""
    found = connection.scalar(_ACTIVE, {"drama_id": drama_id, "episode_no": episode_no})
    return None if found is None else int(found)
