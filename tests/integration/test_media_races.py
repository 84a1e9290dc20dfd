"""Workers that race for steps of media jobs on a real MySQL: no two ever hold one, and each is done once."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from domain.media.record import decode
from domain.media.steps import JobState, Step, StepState, steps_of
from domain.media.trouble import MAX_ATTEMPTS, Failure, LeaseLost, StepFailed
from infra.media.job import JobFilter, Leased, NotNow
from infra.media.queue import JobQueue
from infra.mysql.engine import engine_of
from infra.settings import Settings
from tests.media_desk import LIFE_MS, Clock, emptied
from tests.memory_jobs import an_episode

pytestmark = pytest.mark.servers
RACES, RACERS = 1_000, 2
WORKERS, JOBS, WITHIN_S = 6, 40, 120.0


@pytest.fixture
def engine(stack: Settings) -> Iterator[Engine]:
    made = engine_of(stack, pool=WORKERS)
    emptied(made)
    yield made
    emptied(made)
    made.dispose()


def test_of_two_workers_one_has_the_step_in_a_thousand_races(engine):
    """Every other race is for a lease that has run out: then its first holder can write nothing any more."""
    clock = Clock()
    queue = JobQueue(engine, clock)
    queue.submit(an_episode())
    lost = 0
    with ThreadPoolExecutor(RACERS) as pool:
        for race in range(RACES):
            winner = _race(queue, pool)
            assert winner.token == race + 1
            if race % 2 == 0:
                clock.pass_ms(LIFE_MS)  # it sleeps; the next one takes over
                sleeper = winner
                continue
            with pytest.raises(LeaseLost):
                queue.finish(sleeper, {}, 1)
            lost += 1
            queue.later(winner, 1)
            clock.pass_ms(1_000)
    assert lost == RACES // 2


def _race(queue: JobQueue, pool: ThreadPoolExecutor) -> Leased:
    """All ask at once for the only step that is due."""
    gate = threading.Barrier(RACERS)

    def ask(number: int) -> Leased | None:
        gate.wait(30)
        return queue.lease(f"worker-{number}", LIFE_MS, [Step.PROBE])

    (winner,) = (leased for leased in pool.map(ask, range(RACERS)) if leased is not None)
    return winner


class Crowd:
    """Workers that do steps, drop them, give them back, fail, and cancel jobs; who holds what is watched."""

    def __init__(self, engine: Engine, seed: int) -> None:
        self.queue, self._seed = JobQueue(engine, seed=seed), seed
        self._lock, self._held = threading.Lock(), dict[tuple[int, Step], Leased]()
        self.tokens: Counter[tuple[int, Step, int]] = Counter()
        self.done: Counter[tuple[int, Step]] = Counter()
        self.did: Counter[str] = Counter()
        self._end = time.monotonic() + WITHIN_S

    def work(self, number: int) -> None:
        its = random.Random(self._seed * 1_000 + number)
        while self._active():
            assert time.monotonic() < self._end, "they do not come to an end"
            drops = its.random() < 0.1  # a worker that dies: its lease is over in a moment
            leased = self.queue.lease(f"worker-{number}", 1 if drops else 600_000, list(Step))
            if leased is not None:
                self._hold(leased, its, drops)

    def _active(self) -> bool:
        return bool(self.queue.jobs(JobFilter(state=JobState.ACTIVE), 0, 1))

    def _hold(self, leased: Leased, its: random.Random, drops: bool) -> None:
        what = leased.job_id, leased.step
        with self._lock:
            self.tokens[*what, leased.token] += 1
            other = self._held.get(what)
            if not drops and (other is None or other.token < leased.token):
                self._held[what] = leased
        if other is not None:
            self._assert_is_out(min(other, leased, key=lambda one: one.token))
        if drops:
            self.did["drop"] += 1
            return
        with suppress(LeaseLost):
            self.queue.renew(leased, its.randrange(1_000))
        with self._lock:  # from before the write: others may have it as soon as that is done
            if self._held.get(what) is leased:
                del self._held[what]
        self._let_go(leased, its.random(), what)

    def _assert_is_out(self, older: Leased) -> None:
        """Two believe that they hold a step: so it is only after `cancel` and `retry`, and one can write nothing."""
        with pytest.raises(LeaseLost):
            self.queue.note(older, {"not": "mine"})
        self.did["out"] += 1

    def _let_go(self, leased: Leased, dice: float, what: tuple[int, Step]) -> None:
        try:
            if dice < 0.1:
                self.queue.later(leased, 0)
                self.did["give back"] += 1
            elif dice < 0.13 and leased.step is not Step.MEDIA_ID:  # its retry would do PULL once more, and rightly
                self.queue.fail(leased, StepFailed(Failure.MEND, "no_audio", ""))
                self.did["fail"] += 1
            elif dice < 0.16:
                self.queue.cancel(leased.job_id)
                self.queue.retry(leased.job_id)
                self.did["cancel"] += 1
            else:
                self.queue.finish(leased, {"at": leased.token}, 5)
                self.done[what] += 1
                self.did["finish"] += 1
        except (LeaseLost, NotNow):
            self.did["lost"] += 1


def test_whatever_a_crowd_of_workers_does_each_step_is_done_once(engine):
    crowd = Crowd(engine, seed=7)
    ids = [crowd.queue.submit(an_episode(7, number, wechat=True)) for number in range(1, JOBS + 1)]
    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(crowd.work, range(WORKERS)))
    assert set(crowd.did) >= {"finish", "drop", "give back", "fail", "cancel"}
    assert set(crowd.tokens.values()) == {1}, "no token was given twice"
    assert set(crowd.done.values()) == {1}, "no step was done twice"
    views = crowd.queue.jobs(JobFilter(), 0, 200)
    assert [view.job.job_id for view in views] == ids
    assert {view.job.state for view in views} == {JobState.DONE, JobState.REJECTED}
    done = {(row.job_id, row.step) for view in views for row in view.steps if row.state is StepState.DONE}
    assert done == set(crowd.done)
    _assert_the_log_agrees(crowd)


def _assert_the_log_agrees(crowd: Crowd) -> None:
    """One record an attempt's end, each with a name of its own."""
    records: list[Any] = []
    while page := crowd.queue.records(100):
        records += [decode(record.value) for record in page]
        crowd.queue.records_sent([record.record_id for record in page])
    assert len({record.record_id for record in records}) == len(records)
    assert Counter(record.outcome for record in records)["done"] == sum(crowd.done.values())
    assert Counter(record.outcome for record in records)["rejected"] == crowd.did["fail"]


def test_a_holder_that_comes_back_just_before_its_step_is_given_up_keeps_it(engine):
    clock = Clock()
    queue = JobQueue(engine, clock)
    job_id = queue.submit(an_episode())
    for _ in range(MAX_ATTEMPTS):
        leased = queue.lease("a", LIFE_MS, [Step.PROBE])
        clock.pass_ms(LIFE_MS)
    assert leased is not None
    (seen, *_) = queue.job(job_id).steps
    queue.renew(leased, 500)
    queue._abandon(seen)  # what `lease` goes on to do with what it has seen a moment ago
    queue.finish(leased, {}, 1)
    assert queue.job(job_id).steps[0].state is StepState.DONE


def test_a_lease_reads_a_few_rows_however_many_jobs_are_queued(engine):
    """What makes it quick: <= 50 ms with 10,000 queued is bench/media_queue.py's to measure, and not CI's."""
    queue = JobQueue(engine)
    jobs = 1_500
    _queued(engine, jobs)
    assert queue.depth().ready == {Step.PROBE: jobs, Step.CHECK: jobs, Step.PULL: jobs}
    one = engine_of_one(engine)
    for steps in ([Step.PROBE], [Step.CHECK], list(Step), [Step.CDN]):
        before = _reads(one)
        JobQueue(one).lease("a", LIFE_MS, steps)
        assert _reads(one) - before < 100, steps
    one.dispose()


def engine_of_one(engine: Engine) -> Engine:
    """One connection for everything, so that its counters are those of what was asked."""
    return sa.create_engine(engine.url, isolation_level="READ COMMITTED", pool_size=1, max_overflow=0)


def _queued(engine: Engine, jobs: int) -> None:
    """So many jobs of which three steps are due each, written as quickly as MySQL can."""
    columns = "state, attempt, due_ms, owner, token, progress_permille, failure, reason, text, facts, cpu_ms"
    with engine.begin() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO media_jobs (kind, drama_id, episode_no, source, title, wechat, state, active,"
                " content_hash, rounds, created_ms, updated_ms)"
                " VALUES ('episode', 7, :no, 'x', 'x', 1, 'active', 1, '', 0, 1, 1)"
            ),
            [{"no": number} for number in range(1, jobs + 1)],
        )
        for step in (Step.PROBE, Step.CHECK, Step.PULL):
            connection.execute(sa.text(
                f"INSERT INTO media_steps (job_id, step, {columns}) SELECT job_id, '{step.value}', 'ready', 0,"
                " job_id, '', 0, 0, '', '', '', '{}', 0 FROM media_jobs"
            ))  # fmt: skip
        for step in steps_of(an_episode().kind, wechat=True):
            connection.execute(sa.text(
                f"INSERT IGNORE INTO media_steps (job_id, step, {columns}) SELECT job_id, '{step.value}', 'waiting', 0,"
                " NULL, '', 0, 0, '', '', '', '{}', 0 FROM media_jobs"
            ))  # fmt: skip


def _reads(engine: Engine) -> int:
    """Rows that this connection has had read since it began."""
    with engine.connect() as connection:
        found = connection.exec_driver_sql("SHOW SESSION STATUS LIKE 'Handler_read%%'").all()
    return sum(int(value) for _, value in found)
