"""What every queue of media jobs promises who submits and who looks: the twin, and MySQL."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from domain.media import orders
from domain.media.orders import By, Surface, What
from domain.media.record import decode
from domain.media.steps import JobState, Kind, Step, StepState
from domain.media.trouble import Failure, StepFailed
from infra.fold_store import Wait
from infra.media.job import MAX_FACTS, AlreadyActive, AlreadyDone, JobFilter, JobView, NotNow, UnknownJob
from infra.media.queue import JobQueue
from infra.media.transaction import NotMigrated
from infra.mysql.engine import engine_of
from infra.mysql.migrate import migrate
from infra.settings import Settings
from tests.media_desk import HASH, LIFE_MS, OTHER_HASH, OURS, WECHAT, Desk
from tests.memory_jobs import an_episode

# -- submitting --------------------------------------------------------------------------------------------------------


def test_a_job_is_shown_as_it_was_submitted(desk):
    job_id = desk.queue.submit(an_episode(7, 3, wechat=True, content_hash=HASH))
    view = desk.queue.job(job_id)
    assert (view.job.kind, view.job.state) == (Kind.EPISODE, JobState.ACTIVE)
    assert view.job[2:7] == (7, 3, "incoming/7/3/a.mp4", "钓鱼小渔 - 第1集", True)
    assert (view.job.content_hash, view.job.rounds, view.job.created_ms) == (HASH, 0, desk.clock.now_ms)
    assert [row.step for row in view.steps] == OURS + WECHAT
    assert [row.state for row in view.steps] == [StepState.READY] + 7 * [StepState.WAITING]


def test_an_episode_has_one_active_job_and_others_do_not_mind(desk):
    job_id = desk.queue.submit(an_episode(7, 1))
    with pytest.raises(AlreadyActive) as refused:
        desk.queue.submit(an_episode(7, 1, source="other.mp4"))
    assert refused.value.job_id == job_id
    assert desk.queue.submit(an_episode(7, 2)) != job_id
    desk.queue.cancel(job_id)
    assert desk.queue.submit(an_episode(7, 1)) > job_id


def test_a_file_that_was_done_is_not_done_twice_unless_somebody_wants_it(desk):
    job_id = desk.queue.submit(an_episode())
    desk.done(Step.PROBE, content_hash=HASH)
    desk.done(*OURS[1:])
    assert (desk.state(job_id), desk.queue.job(job_id).job.content_hash) == (JobState.DONE, HASH)
    with pytest.raises(AlreadyDone) as refused:
        desk.queue.submit(an_episode(content_hash=HASH))
    assert refused.value.job_id == job_id
    for other in ({"content_hash": OTHER_HASH}, {}, {"content_hash": HASH, "wechat": True}, {"again": True}):
        desk.queue.cancel(desk.queue.submit(an_episode(**other)))


def test_a_file_that_another_has_replaced_since_is_done_again(desk):
    for content_hash in (HASH, OTHER_HASH):
        desk.queue.submit(an_episode(content_hash=content_hash))
        desk.done(*OURS)
    assert desk.queue.submit(an_episode(content_hash=HASH)) > 0


@pytest.mark.parametrize("published", [True, False])
def test_what_was_done_is_done_again_where_another_file_plays_by_a_job_that_was_not_done(desk, published):
    done = desk.queue.submit(an_episode(content_hash=HASH))
    desk.done(*OURS)
    desk.queue.submit(an_episode(content_hash=OTHER_HASH, wechat=True))
    desk.done(*(OURS if published else OURS[:-1]))
    desk.queue.fail(desk.lease(Step.MEZZANINE), StepFailed(Failure.MEND, "wechat", ""))
    if published:
        assert desk.queue.submit(an_episode(content_hash=HASH)) > done
        return
    desk.queue.cancel(done + 1)
    with pytest.raises(AlreadyDone):
        desk.queue.submit(an_episode(content_hash=HASH))


@pytest.mark.parametrize(
    "fields",
    [
        {"drama_id": 0}, {"episode_no": 0}, {"episode_no": 70_000}, {"source": ""}, {"source": 301 * "x"},
        {"title": 201 * "x"}, {"content_hash": "../../x"}, {"kind": Kind.DRAMA},
    ],
)  # fmt: skip
def test_what_is_out_of_bounds_is_refused(desk, fields):
    with pytest.raises(ValueError, match=r"episode|drama|source|hash"):
        desk.queue.submit(an_episode(**fields))
    assert desk.queue.jobs(JobFilter(), 0, 10) == []


# -- facts -------------------------------------------------------------------------------------------------------------


def test_facts_are_kept_beside_each_other_and_bounded(desk):
    desk.queue.submit(an_episode())
    leased = desk.lease(Step.PROBE)
    desk.queue.note(leased, {"a": 1, "b": [1, 2]})
    desk.queue.note(leased, {"a": 2})
    with pytest.raises(ValueError, match="facts"):
        desk.queue.note(leased, {"c": MAX_FACTS * "x"})
    with pytest.raises(ValueError, match="facts"):
        desk.queue.finish(leased, {"content_hash": "short"}, 1)
    with pytest.raises(ValueError, match="facts"):
        desk.queue.finish(leased, {"usage": {"stored_bytes": "many"}}, 1)
    desk.queue.finish(leased, {"d": "钓"}, 1)
    assert desk.lease(Step.CHECK).facts[Step.PROBE] == {"a": 2, "b": [1, 2], "d": "钓"}


# -- showing -----------------------------------------------------------------------------------------------------------


def test_jobs_are_listed_by_id_in_pages_and_by_what_they_are(desk):
    ids = [desk.queue.submit(an_episode(7, no)) for no in range(1, 6)]
    ids.append(desk.queue.submit(an_episode(8, 0, kind=Kind.DRAMA)))
    desk.queue.cancel(ids[1])

    def listed(which: JobFilter, after_id: int = 0, limit: int = 200) -> list[int]:
        return [view.job.job_id for view in desk.queue.jobs(which, after_id, limit)]

    assert listed(JobFilter()) == ids
    assert (listed(JobFilter(), ids[0], 2), listed(JobFilter(), ids[-1])) == (ids[1:3], [])
    assert listed(JobFilter(state=JobState.CANCELLED)) == [ids[1]]
    assert listed(JobFilter(kind=Kind.DRAMA)) == listed(JobFilter(drama_id=8)) == [ids[5]]
    assert listed(JobFilter(drama_id=7, episode_no=4)) == [ids[3]]
    assert desk.queue.jobs(JobFilter(), 0, 1) == [desk.queue.job(ids[0])]
    for limit in (0, 201):
        with pytest.raises(ValueError, match="jobs at once"):
            desk.queue.jobs(JobFilter(), 0, limit)


def test_how_much_there_is_to_do(desk):
    assert desk.queue.depth() == ({}, 0, None, 0)
    began_ms = desk.clock.now_ms
    for no in range(1, 4):
        desk.queue.submit(an_episode(7, no))
    desk.clock.pass_ms(5)
    desk.done(Step.PROBE)
    desk.lease(Step.PROBE)
    assert desk.queue.depth() == ({Step.PROBE: 1, Step.CHECK: 1}, 1, began_ms, 1)
    desk.clock.pass_ms(LIFE_MS)
    assert desk.queue.depth().ready == {Step.PROBE: 2, Step.CHECK: 1}


# -- the log -----------------------------------------------------------------------------------------------------------


def test_a_record_says_what_the_step_came_to_and_what_it_used(desk):
    job_id = desk.queue.submit(an_episode(7, 3))
    desk.clock.pass_ms(400)
    leased = desk.lease(Step.PROBE, "worker-1")
    desk.clock.pass_ms(900)
    desk.queue.finish(leased, {"content_ms": 90_000, "usage": {"stored_bytes": 12}}, 700)
    (record,) = desk.queue.records(10)
    its = decode(record.value)
    assert (record.job_id, its.job_id, its.drama_id, its.episode_no, its.step) == (job_id, job_id, 7, 3, "probe")
    assert (its.waited_ms, its.ran_ms, its.cpu_ms, its.content_ms) == (400, 900, 700, 90_000)
    assert (its.usage.stored_bytes, its.worker, its.at_ms) == (12, "worker-1", desk.clock.now_ms)


def test_records_wait_until_they_are_sent_and_each_has_a_name_of_its_own(desk):
    for no in range(1, 4):
        desk.queue.submit(an_episode(7, no))
    desk.done(Step.PROBE, Step.PROBE, Step.PROBE, Step.CHECK)
    records = desk.queue.records(10)
    assert [record.record_id for record in records] == sorted(record.record_id for record in records)
    assert len({decode(record.value).record_id for record in records}) == 4
    assert desk.queue.records(2) == records[:2]
    desk.queue.records_sent([record.record_id for record in records[:3]])
    desk.queue.records_sent([])
    assert desk.queue.records(10) == records[3:]


ANNA, LI = By(Surface.API, "41"), By(Surface.CLI, "li")


def ordered(desk: Desk) -> list[tuple[What, str, str, int]]:
    """The orders that wait for the log: (what, surface, who, job)."""
    its = [orders.decode(one.value) for one in desk.queue.records(1_000) if orders.is_order(one.value)]
    return [(one.what, one.surface, one.who, one.job_id) for one in its]


def test_who_orders_what_is_on_record_once_and_only_where_it_was_done(desk):
    job_id = desk.queue.submit(an_episode(7, 3), ANNA)
    with pytest.raises(AlreadyActive):
        desk.queue.submit(an_episode(7, 3), LI)
    desk.clock.pass_ms(10)
    desk.queue.cancel(job_id, LI)
    with pytest.raises(NotNow):
        desk.queue.cancel(job_id, ANNA)
    desk.queue.retry(job_id, ANNA)
    with pytest.raises(NotNow):
        desk.queue.retry(job_id, LI)
    with pytest.raises(UnknownJob):
        desk.queue.cancel(99, LI)
    assert ordered(desk) == [
        (What.SUBMIT, "api", "41", job_id), (What.CANCEL, "cli", "li", job_id), (What.RETRY, "api", "41", job_id),
    ]  # fmt: skip
    its = [orders.decode(one.value) for one in desk.queue.records(10)]
    assert {(one.drama_id, one.episode_no) for one in its} == {(7, 3)}
    assert [one.detail for one in its] == [an_episode(7, 3).source, "", ""]
    assert [its[1].at_ms - its[0].at_ms, its[1].at_ms] == [10, desk.clock.now_ms]


def test_what_is_published_or_replaced_is_ordered_under_its_own_name(desk):
    desk.queue.submit(an_episode(7, 0, kind=Kind.DRAMA, source=""), ANNA)
    desk.queue.submit(an_episode(7, 1, kind=Kind.REPLACEMENT, source="9001"), ANNA)
    assert [what for what, *_ in ordered(desk)] == [What.PUBLISH, What.REPLACE]


# -- MySQL alone -------------------------------------------------------------------------------------------------------


@pytest.mark.servers
def test_a_server_that_does_not_answer_is_waited_for(stack: Settings):
    engine = engine_of(stack.model_copy(update={"mysql_url": type(stack.mysql_url)("mysql+pymysql://x@127.0.0.1:1/x")}))
    for ask in asking(JobQueue(engine)):
        with pytest.raises(Wait, match="mysql"):
            ask()


@pytest.mark.servers
def test_a_server_without_tables_is_no_reason_to_wait(fresh: Settings):
    engine = engine_of(fresh)
    for ask in asking(JobQueue(engine)):
        with pytest.raises(NotMigrated, match="juliu migrate"):
            ask()
    engine.dispose()


def asking(queue: JobQueue) -> list[Callable[[], Any]]:
    return [
        lambda: queue.submit(an_episode()),
        lambda: queue.lease("a", 1_000, [Step.PROBE]),
        lambda: queue.jobs(JobFilter(), 0, 1),
        lambda: queue.job(1),
        lambda: queue.cancel(1),
        queue.depth,
        lambda: queue.records(1),
    ]


@pytest.mark.servers
def test_the_time_is_that_of_mysql(fresh: Settings, mysql_engine: Any):
    migrate(fresh)
    engine = engine_of(fresh)
    queue = JobQueue(engine)
    view: JobView = queue.job(queue.submit(an_episode()))
    with engine.connect() as connection:
        (now_s,) = connection.exec_driver_sql("SELECT UNIX_TIMESTAMP()").one()
    assert abs(view.job.created_ms - int(now_s) * 1000) < 60_000
    engine.dispose()
