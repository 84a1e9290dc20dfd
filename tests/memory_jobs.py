"""The memory twin of the media jobs' queue: one lock instead of rows', and what MySQL would do to it."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from random import Random

from domain.media.orders import OF_KIND, By, What
from domain.media.orders import encode as encode_order
from domain.media.record import encode
from domain.media.steps import JobState, Kind, Step, StepState
from domain.media.trouble import StepFailed
from infra.fold_store import Wait
from infra.media import changes, moves, orders
from infra.media.changes import Change
from infra.media.job import (
    ELSEWHERE,
    AlreadyActive,
    AlreadyDone,
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
    TidiedAway,
    UnknownJob,
)


class MemoryJobs:
    """Keeps the promises of Jobs in dicts.  Set `away`, and nothing answers; `lose_next_answer`: done, and told not."""

    def __init__(self, now_ms: Callable[[], int], seed: int = 0) -> None:
        self.away = self.lose_next_answer = False
        self._now_ms, self._random, self._lock = now_ms, Random(seed), threading.RLock()
        self._jobs: dict[int, Job] = {}
        self._rows: dict[int, dict[Step, StepRow]] = {}
        self._records: dict[int, Record] = {}
        self.deleted: Counter[tuple[int, int]] = Counter()  # by episode: how often somebody tidied
        self._next_record = 0

    def tidied(self, drama_id: int, episode_no: int) -> int:
        with self._answers():
            return self.deleted[drama_id, episode_no]

    def submit(self, what: Submission, by: By | None = None) -> int:
        changes.checked(what)
        with self._answers():
            if what.tidied not in (None, self.deleted[what.drama_id, what.episode_no]):
                raise TidiedAway(what.drama_id, what.episode_no)
            mine = [job for job in self._jobs.values() if (job.drama_id, job.episode_no) == what[1:3]]
            done = [job for job in mine if job.state is JobState.DONE and job.kind is what.kind]
            if done and changes.does(done[-1], what) and not self._overtaken(done[-1], mine):
                raise AlreadyDone(done[-1].job_id)
            self._refuse_if_active(what.drama_id, what.episode_no)
            job_id, now_ms = len(self._jobs) + 1, self._now_ms()
            self._jobs[job_id] = changes.begun(job_id, what, now_ms)
            self._rows[job_id] = {row.step: row for row in changes.fresh(job_id, what, now_ms)}
            self._ordered(OF_KIND[what.kind], self._jobs[job_id], by, what.source)
            return job_id

    def _overtaken(self, done: Job, mine: Sequence[Job]) -> bool:
        others = (job for job in mine if job.job_id > done.job_id and job.content_hash != done.content_hash)
        rows = (self._rows[job.job_id].get(Step.CDN) for job in others)
        return any(row is not None and row.state is StepState.DONE for row in rows)

    def lease(self, owner: str, life_ms: int, steps: Collection[Step]) -> Leased | None:
        moves.check_lease(owner, life_ms)
        with self._answers():
            now_ms = self._now_ms()
            while (row := self._due(steps, now_ms)) is not None and moves.is_abandoned(row):
                self._settle(moves.failed(row, moves.WORKER_LOST, 0, now_ms, self._random), now_ms)
            if row is None:
                return None
            job = self._jobs[row.job_id]
            if row.state is StepState.LEASED:
                row, before = moves.lost(row, now_ms), row
                self._write(Change(job, [row], [changes.ended(job, before, row, "again", now_ms)]))
            row = moves.begun(row, owner, life_ms, now_ms)
            self._write(Change(job, [row]))
            return changes.leased(job, self._rows[row.job_id], row, life_ms)

    def renew(self, leased: Leased, progress_permille: int) -> Standing:
        with self._answers():
            row = self._rows[leased.job_id][leased.step]
            if (standing := moves.standing(row, leased)).cancelled:
                return standing
            until_ms = self._now_ms() + leased.life_ms
            progress = min(max(progress_permille, 0), 1000)
            self._rows[leased.job_id][leased.step] = row._replace(due_ms=until_ms, progress_permille=progress)
            return Standing(cancelled=False, until_ms=until_ms)

    def note(self, leased: Leased, facts: Facts) -> None:
        self._hold(leased, frozenset(), lambda row, _: moves.noted(row, facts))

    def finish(self, leased: Leased, facts: Facts, cpu_ms: int) -> None:
        self._hold(leased, moves.FINISHED, lambda row, now_ms: moves.finished(row, facts, cpu_ms, now_ms))

    def fail(self, leased: Leased, trouble: StepFailed, cpu_ms: int = 0) -> None:
        self._hold(leased, moves.LET_GO, lambda row, now_ms: moves.failed(row, trouble, cpu_ms, now_ms, self._random))

    def later(self, leased: Leased, after_s: float) -> None:
        self._hold(leased, moves.LET_GO, lambda row, now_ms: moves.put_off(row, after_s, now_ms, self._random))

    def wake(self, job_id: int, step: Step) -> None:
        with self._answers():
            row, now_ms = self._rows.get(job_id, {}).get(step), self._now_ms()
            if row and row.state is StepState.READY and (row.due_ms or 0) > now_ms and row.started_ms is not None:
                self._rows[job_id][step] = row._replace(due_ms=now_ms)

    def cancel(self, job_id: int, by: By | None = None) -> None:
        with self._answers():
            self._write(changes.cancelled(self._job(job_id), self._rows[job_id], self._now_ms()))
            self._ordered(What.CANCEL, self._jobs[job_id], by)

    def retry(self, job_id: int, by: By | None = None) -> None:
        with self._answers():
            change = changes.retried(self._job(job_id), self._rows[job_id], self._now_ms())
            self._refuse_if_active(change.job.drama_id, change.job.episode_no)
            changes.check_newest(change.job, self._latest_done(change.job))
            self._write(change)
            self._ordered(What.RETRY, self._jobs[job_id], by)

    def _latest_done(self, job: Job) -> int | None:
        like = (its for its in self._jobs.values() if its[1:4] == job[1:4] and its.state is JobState.DONE)
        return max((its.job_id for its in like), default=None)

    def begun_elsewhere(self, since_ms: int, limit: int) -> list[Leased]:
        changes.check_limit(limit)
        with self._answers():
            found = [job for job in self._jobs.values() if job.state is JobState.CANCELLED]
            its = [(job, row) for job in found if job.updated_ms >= since_ms for row in self._rows[job.job_id].values()]
            left = [(job, row) for job, row in its if row.state is StepState.CANCELLED and ELSEWHERE in row.facts]
            return [changes.left(job, self._rows[job.job_id], row.step) for job, row in left[:limit]]

    def ended_elsewhere(self, leased: Leased) -> None:
        with self._answers():
            rows = self._rows[leased.job_id]
            rows[leased.step] = moves.ended_elsewhere(rows[leased.step], leased)

    def jobs(self, which: JobFilter, after_id: int, limit: int) -> list[JobView]:
        changes.check_limit(limit)
        with self._answers():
            found = [job for job_id, job in self._jobs.items() if job_id > after_id and _is(job, which)]
            return [self.job(job.job_id) for job in found[:limit]]

    def job(self, job_id: int) -> JobView:
        with self._answers():
            return JobView(self._job(job_id), list(self._rows[job_id].values()))

    def depth(self) -> Depth:
        with self._answers():
            now_ms = self._now_ms()
            its = [row for rows in self._rows.values() for row in rows.values() if row.due_ms is not None]
            due = [row for row in its if row.due_ms <= now_ms]
            ready = {step: sum(row.step is step for row in due) for step in {row.step for row in due}}
            leased = sum(row.state is StepState.LEASED and row.due_ms > now_ms for row in its)
            return Depth(ready, leased, min((row.due_ms for row in due), default=None), len(self._records))

    def records(self, limit: int) -> list[Record]:
        with self._answers():
            return list(self._records.values())[:limit]

    def records_sent(self, ids: Sequence[int]) -> None:
        with self._answers():
            for record_id in ids:
                self._records.pop(record_id, None)

    # ------------------------------------------------------------------------------------------------------------------

    def _hold(self, leased: Leased, past: frozenset[StepState], move: Callable[[StepRow, int], StepRow]) -> None:
        with self._answers():
            row = self._rows[leased.job_id][leased.step]
            if not moves.is_repeated(row, leased, past):
                moves.check(row, leased)
                now_ms = self._now_ms()
                self._settle(move(row, now_ms), now_ms)
        if self.lose_next_answer:
            self.lose_next_answer = False
            raise Wait("mysql", "the answer was lost")

    def _settle(self, after: StepRow, now_ms: int) -> None:
        self._write(changes.settled(self._jobs[after.job_id], self._rows[after.job_id], after, now_ms))

    def _write(self, change: Change) -> None:
        self._jobs[change.job.job_id] = change.job
        for row in change.rows:
            self._rows[row.job_id][row.step] = row
        for record in change.records:
            self._record(record.job_id, encode(record))

    def _ordered(self, what: What, job: Job, by: By | None, detail: str = "") -> None:
        if by is not None:
            self._record(job.job_id, encode_order(orders.of_job(by, what, job, detail)))

    def _record(self, job_id: int, value: bytes) -> None:
        self._next_record += 1
        self._records[self._next_record] = Record(self._next_record, job_id, value)

    def _due(self, steps: Collection[Step], now_ms: int) -> StepRow | None:
        for step in (step for step in reversed(Step) if step in steps):
            its = [rows[step] for rows in self._rows.values() if step in rows]
            if due := [row for row in its if row.due_ms is not None and row.due_ms <= now_ms]:
                return min(due, key=lambda row: (row.due_ms, row.job_id))
        return None

    def _job(self, job_id: int) -> Job:
        if job_id not in self._jobs:
            raise UnknownJob(job_id)
        return self._jobs[job_id]

    def _refuse_if_active(self, drama_id: int, episode_no: int) -> None:
        for job in self._jobs.values():
            if (job.drama_id, job.episode_no, job.state) == (drama_id, episode_no, JobState.ACTIVE):
                raise AlreadyActive(job.job_id)

    def _answers(self) -> threading.RLock:
        if self.away:
            raise Wait("mysql", "away")
        return self._lock


def _is(job: Job, which: JobFilter) -> bool:
    return all(wanted is None or getattr(job, name) == wanted for name, wanted in which._asdict().items())


def an_episode(drama_id: int = 7, episode_no: int = 1, **fields: object) -> Submission:
    """What somebody submits, but for the fields that a test is about."""
    what = Submission(Kind.EPISODE, drama_id, episode_no, f"incoming/{drama_id}/{episode_no}/a.mp4", "钓鱼小渔 - 第1集")
    return what._replace(**fields)  # type: ignore[arg-type]
