"""What every queue of media jobs promises its workers about steps and their order: the twin, and MySQL."""

from __future__ import annotations

import pytest

from domain.media.record import decode
from domain.media.steps import JobState, Kind, Step, StepState
from domain.media.trouble import MAX_ATTEMPTS, Cancelled, Failure, LeaseLost, StepFailed
from infra.media.job import AlreadyActive, NotNow, UnknownJob
from infra.media.moves import MAX_WAIT_MS
from tests.media_desk import AGAIN, GIVE_UP, HOUR_MS, LIFE_MS, MEND, OURS, WECHAT
from tests.memory_jobs import an_episode

# -- steps one after the other -----------------------------------------------------------------------------------------


def test_an_episode_goes_through_its_steps_in_order_and_is_done(desk):
    job_id = desk.queue.submit(an_episode())
    for step in OURS:
        leased = desk.queue.lease("a", LIFE_MS, list(Step))
        assert leased is not None
        assert leased.step is step
        assert desk.queue.lease("b", LIFE_MS, list(Step)) is None
        desk.queue.finish(leased, {"made": step.value}, 10)
    assert desk.state(job_id) is JobState.DONE
    assert desk.queue.lease("a", LIFE_MS, list(Step)) is None
    assert desk.told() == [(step.value, "done", 1) for step in OURS]


def test_after_the_check_both_branches_go_on_by_themselves(desk):
    job_id = desk.queue.submit(an_episode(wechat=True))
    desk.done(Step.PROBE, Step.CHECK)
    assert {step for step, state in desk.states(job_id).items() if state is StepState.READY} == {
        Step.LADDER, Step.MEZZANINE,
    }  # fmt: skip
    desk.done(*WECHAT)
    assert desk.state(job_id) is JobState.ACTIVE
    desk.done(*OURS[2:])
    assert desk.state(job_id) is JobState.DONE


def test_what_earlier_steps_found_is_handed_to_later_ones(desk):
    desk.queue.submit(an_episode())
    desk.done(Step.PROBE, duration_ms=90_000, 名="钓鱼")
    leased = desk.lease(Step.CHECK)
    assert leased.facts == {Step.PROBE: {"duration_ms": 90_000, "名": "钓鱼"}}
    assert leased.own == {}


def test_of_several_jobs_the_one_furthest_along_is_first_and_then_the_oldest(desk):
    first, second = desk.queue.submit(an_episode(7, 1)), desk.queue.submit(an_episode(7, 2))
    desk.clock.pass_ms(1)
    assert desk.lease(Step.PROBE).job_id == first
    desk.queue.finish(desk.lease(Step.PROBE), {}, 0)
    leased = desk.queue.lease("a", LIFE_MS, list(Step))
    assert leased is not None
    assert (leased.job_id, leased.step) == (second, Step.CHECK)


def test_a_worker_gets_only_steps_that_it_asks_for(desk):
    desk.queue.submit(an_episode())
    assert desk.queue.lease("a", LIFE_MS, [Step.CHECK, Step.PULL]) is None
    assert desk.queue.lease("a", LIFE_MS, []) is None
    assert desk.lease(Step.PROBE).attempt == 1


@pytest.mark.parametrize(("owner", "life_ms"), [("", 1), (65 * "x", 1), ("a", 0), ("a", 2 * HOUR_MS)])
def test_a_lease_without_bounds_is_refused(desk, owner, life_ms):
    with pytest.raises(ValueError, match="a lease is for"):
        desk.queue.lease(owner, life_ms, list(Step))


# -- trouble -----------------------------------------------------------------------------------------------------------


def test_what_failed_for_now_is_due_later_and_longer_each_time(desk):
    job_id = desk.queue.submit(an_episode())
    waits = []
    for attempt in range(1, 5):
        leased = desk.lease(Step.PROBE)
        assert leased.attempt == attempt
        desk.queue.fail(leased, AGAIN)
        row = desk.queue.job(job_id).steps[0]
        assert (row.state, row.failure, row.reason) == (StepState.READY, Failure.AGAIN, "storage_away")
        waits.append((row.due_ms or 0) - desk.clock.now_ms)
        desk.clock.pass_ms(waits[-1] - 1)
        assert desk.queue.lease("a", LIFE_MS, list(Step)) is None
        desk.clock.pass_ms(1)
    assert all(2_500 * 2**n <= wait <= 5_000 * 2**n for n, wait in enumerate(waits))
    desk.done(Step.PROBE)
    assert desk.queue.job(job_id).steps[0].reason == ""


def test_a_failure_says_how_long_to_wait_at_least(desk):
    job_id = desk.queue.submit(an_episode())
    desk.queue.fail(desk.lease(Step.PROBE), StepFailed(Failure.AGAIN, "busy", "", after_s=600))
    assert desk.queue.job(job_id).steps[0].due_ms == desk.clock.now_ms + 600_000


def test_after_many_failures_it_is_given_up(desk):
    job_id = desk.queue.submit(an_episode())
    for _ in range(MAX_ATTEMPTS):
        desk.queue.fail(desk.lease(Step.PROBE), AGAIN)
        desk.clock.pass_ms(HOUR_MS)
    assert desk.queue.lease("a", LIFE_MS, list(Step)) is None
    assert desk.state(job_id) is JobState.FAILED
    assert desk.told()[-1] == ("probe", "failed", MAX_ATTEMPTS)


@pytest.mark.parametrize(
    ("trouble", "state", "outcome"),
    [(MEND, JobState.REJECTED, "rejected"), (GIVE_UP, JobState.FAILED, "failed")],
)
def test_what_people_must_mend_and_what_will_never_work_end_the_job_at_once(desk, trouble, state, outcome):
    job_id = desk.queue.submit(an_episode())
    desk.queue.fail(desk.lease(Step.PROBE), trouble, 70)
    row = desk.queue.job(job_id).steps[0]
    assert (desk.state(job_id), row.failure, row.reason, row.text) == (
        state,
        trouble.kind,
        trouble.reason,
        trouble.text,
    )
    assert (row.cpu_ms, row.due_ms) == (70, None)
    assert desk.told() == [("probe", outcome, 1)]
    assert desk.queue.lease("a", LIFE_MS, list(Step)) is None


def test_a_branch_that_fails_does_not_stop_the_other(desk):
    job_id = desk.queue.submit(an_episode(wechat=True))
    desk.done(Step.PROBE, Step.CHECK, Step.MEZZANINE)
    desk.queue.fail(desk.lease(Step.PULL), MEND)
    assert desk.state(job_id) is JobState.ACTIVE
    desk.done(*OURS[2:])
    assert desk.state(job_id) is JobState.REJECTED
    assert desk.states(job_id)[Step.MEDIA_ID] is StepState.WAITING


# -- later -------------------------------------------------------------------------------------------------------------


def test_what_is_not_done_yet_is_asked_again_without_using_attempts(desk):
    job_id = desk.queue.submit(an_episode())
    for _ in range(3 * MAX_ATTEMPTS):
        leased = desk.lease(Step.PROBE)
        assert leased.attempt == 1
        desk.queue.later(leased, 60)
        assert desk.queue.lease("a", LIFE_MS, list(Step)) is None
        desk.clock.pass_ms(60_000)
    assert desk.told() == []
    desk.done(Step.PROBE)
    (record,) = [decode(record.value) for record in desk.queue.records(10)]
    assert (record.attempt, record.waited_ms, record.ran_ms) == (1, 0, 3 * MAX_ATTEMPTS * 60_000)
    assert desk.states(job_id)[Step.CHECK] is StepState.READY


def test_a_lease_that_is_given_back_is_there_at_once_and_used_no_attempt(desk):
    desk.queue.submit(an_episode())
    desk.queue.fail(desk.lease(Step.PROBE), AGAIN)
    desk.clock.pass_ms(HOUR_MS)
    second = desk.lease(Step.PROBE)
    desk.queue.later(second, 0)
    third = desk.lease(Step.PROBE)
    assert (second.attempt, third.attempt, third.token) == (2, 2, second.token + 1)


def test_a_hint_wakes_what_was_put_off_and_nothing_else(desk):
    job_id = desk.queue.submit(an_episode())
    desk.queue.later(desk.lease(Step.PROBE), 3_600)
    for step, its_job in ((Step.CHECK, job_id), (Step.PULL, job_id), (Step.PROBE, job_id + 1)):
        desk.queue.wake(its_job, step)
    assert desk.queue.lease("a", LIFE_MS, list(Step)) is None
    desk.queue.wake(job_id, Step.PROBE)
    leased = desk.lease(Step.PROBE)
    desk.queue.wake(job_id, Step.PROBE)
    assert desk.queue.lease("b", LIFE_MS, list(Step)) is None
    desk.queue.fail(leased, AGAIN)
    desk.queue.wake(job_id, Step.PROBE)
    assert desk.queue.lease("a", LIFE_MS, list(Step)) is None, "hints use up no attempts"


def test_what_is_never_done_fails_in_the_end(desk):
    job_id = desk.queue.submit(an_episode())
    desk.queue.later(desk.lease(Step.PROBE), 60)
    desk.clock.pass_ms(MAX_WAIT_MS + 1)
    desk.queue.later(desk.lease(Step.PROBE), 60)
    assert desk.state(job_id) is JobState.FAILED
    assert desk.queue.job(job_id).steps[0].reason == "overdue"


# -- cancel and retry --------------------------------------------------------------------------------------------------


def test_a_cancelled_job_is_nobodys_work_and_its_holder_hears_of_it(desk):
    job_id = desk.queue.submit(an_episode(wechat=True))
    desk.done(Step.PROBE, Step.CHECK)
    ladder = desk.lease(Step.LADDER)
    desk.queue.cancel(job_id)
    assert desk.queue.renew(ladder, 500).cancelled is True
    for write in (
        lambda: desk.queue.finish(ladder, {}, 1),
        lambda: desk.queue.fail(ladder, AGAIN),
        lambda: desk.queue.note(ladder, {}),
        lambda: desk.queue.later(ladder, 1),
    ):
        with pytest.raises(Cancelled):
            write()
    desk.clock.pass_ms(HOUR_MS)
    assert desk.queue.lease("b", LIFE_MS, list(Step)) is None
    assert desk.state(job_id) is JobState.CANCELLED
    assert desk.told()[2:] == [("ladder", "cancelled", 1)]
    with pytest.raises(NotNow):
        desk.queue.cancel(job_id)


def test_a_cancelled_job_that_is_retried_goes_on_where_it_was_and_not_for_its_old_holder(desk):
    job_id = desk.queue.submit(an_episode())
    desk.done(Step.PROBE, Step.CHECK)
    old = desk.lease(Step.LADDER, "a")
    desk.queue.note(old, {"ticket": 1})
    desk.queue.cancel(job_id)
    desk.queue.retry(job_id)
    for write in (lambda: desk.queue.finish(old, {}, 1), lambda: desk.queue.fail(old, MEND)):
        with pytest.raises(LeaseLost):
            write()
    new = desk.lease(Step.LADDER, "b")
    assert (new.attempt, new.job.rounds, new.own) == (1, 1, {"ticket": 1})
    with pytest.raises(LeaseLost):
        desk.queue.finish(old, {}, 1)
    desk.queue.finish(new, {}, 1)
    desk.done(Step.STORE, Step.CDN)
    assert desk.state(job_id) is JobState.DONE


def test_a_retry_does_what_failed_and_keeps_what_is_done(desk):
    job_id = desk.queue.submit(an_episode())
    desk.done(Step.PROBE, Step.CHECK)
    for _ in range(MAX_ATTEMPTS):
        desk.queue.fail(desk.lease(Step.LADDER), AGAIN)
        desk.clock.pass_ms(HOUR_MS)
    desk.queue.retry(job_id)
    row = desk.queue.job(job_id).steps[2]
    assert (row.state, row.attempt, row.failure, row.reason) == (StepState.READY, 0, None, "")
    desk.done(Step.LADDER, Step.STORE, Step.CDN)
    assert desk.state(job_id) is JobState.DONE


def test_a_rejected_drama_begins_again_with_its_materials(desk):
    job_id = desk.queue.submit(an_episode(7, 0, kind=Kind.DRAMA, source=""))
    desk.done(Step.MATERIALS, Step.SUBMIT)
    desk.queue.fail(desk.lease(Step.AUDIT), MEND)
    assert desk.state(job_id) is JobState.REJECTED
    desk.queue.retry(job_id)
    assert list(desk.states(job_id).values()) == [StepState.READY, StepState.WAITING, StepState.WAITING]
    desk.done(Step.MATERIALS, Step.SUBMIT, Step.AUDIT)
    assert desk.state(job_id) is JobState.DONE


def test_an_older_job_is_not_retried_over_one_that_was_done_since(desk):
    """Its file would come back over the one that viewers have by now."""
    old = desk.queue.submit(an_episode())
    desk.queue.fail(desk.lease(Step.PROBE), MEND)
    new = desk.queue.submit(an_episode(source="incoming/7/1/mended.mp4"))
    desk.done(*OURS)
    assert desk.state(new) is JobState.DONE
    with pytest.raises(NotNow, match=f"job {new}"):
        desk.queue.retry(old)
    assert desk.state(old) is JobState.REJECTED


def test_what_is_active_or_done_is_not_retried_and_neither_is_one_of_two(desk):
    job_id = desk.queue.submit(an_episode())
    with pytest.raises(NotNow):
        desk.queue.retry(job_id)
    desk.queue.cancel(job_id)
    other = desk.queue.submit(an_episode())
    with pytest.raises(AlreadyActive) as refused:
        desk.queue.retry(job_id)
    assert refused.value.job_id == other
    desk.done(*OURS)
    with pytest.raises(NotNow):
        desk.queue.retry(other)


def test_a_job_that_is_not_there_is_unknown(desk):
    for ask in (desk.queue.job, desk.queue.cancel, desk.queue.retry):
        with pytest.raises(UnknownJob):
            ask(10**12)
