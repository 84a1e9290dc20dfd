"""What every queue of media jobs promises who holds a step of it: the twin, and MySQL."""

from __future__ import annotations

import pytest

from domain.media.steps import JobState, Step, StepState
from domain.media.trouble import MAX_ATTEMPTS, Failure, LeaseLost
from tests.media_desk import AGAIN, HOUR_MS, LIFE_MS, MEND
from tests.memory_jobs import an_episode

# -- leases ------------------------------------------------------------------------------------------------------------


def test_a_lease_that_ran_out_is_taken_over_and_the_first_holder_can_write_nothing(desk):
    job_id = desk.queue.submit(an_episode())
    dead = desk.lease(Step.PROBE, "a")
    desk.queue.note(dead, {"ticket": "t-1"})
    desk.clock.pass_ms(LIFE_MS - 1)
    assert desk.queue.lease("b", LIFE_MS, list(Step)) is None
    desk.clock.pass_ms(1)
    heir = desk.lease(Step.PROBE, "b")
    assert (heir.token, heir.attempt, heir.owner, heir.own) == (dead.token + 1, 2, "b", {"ticket": "t-1"})
    for write in (
        lambda: desk.queue.renew(dead, 1),
        lambda: desk.queue.note(dead, {"ticket": "t-2"}),
        lambda: desk.queue.finish(dead, {}, 1),
        lambda: desk.queue.fail(dead, MEND),
        lambda: desk.queue.later(dead, 5),
    ):
        with pytest.raises(LeaseLost):
            write()
    desk.queue.finish(heir, {}, 1)
    assert desk.states(job_id)[Step.CHECK] is StepState.READY
    assert desk.told() == [("probe", "again", 1), ("probe", "done", 2)]


def test_a_lease_that_is_renewed_does_not_run_out_and_shows_its_progress(desk):
    job_id = desk.queue.submit(an_episode())
    leased = desk.lease(Step.PROBE)
    for permille in (300, 900, 4_000):
        desk.clock.pass_ms(LIFE_MS - 1)
        standing = desk.queue.renew(leased, permille)
        assert (standing.cancelled, standing.until_ms) == (False, desk.clock.now_ms + LIFE_MS)
        assert desk.queue.lease("b", LIFE_MS, list(Step)) is None
    row = desk.queue.job(job_id).steps[0]
    assert (row.progress_permille, row.due_ms, row.owner) == (1000, desk.clock.now_ms + LIFE_MS, "a")


def test_a_holder_that_slept_may_go_on_where_nobody_came(desk):
    desk.queue.submit(an_episode())
    leased = desk.lease(Step.PROBE)
    desk.clock.pass_ms(10 * LIFE_MS)
    assert desk.queue.renew(leased, 1).cancelled is False
    desk.queue.finish(leased, {}, 1)


def test_a_step_that_no_worker_survives_fails_in_the_end(desk):
    job_id = desk.queue.submit(an_episode())
    for attempt in range(1, MAX_ATTEMPTS + 1):
        assert desk.lease(Step.PROBE).attempt == attempt
        desk.clock.pass_ms(LIFE_MS)
    assert desk.queue.lease("a", LIFE_MS, list(Step)) is None
    row = desk.queue.job(job_id).steps[0]
    assert (row.state, row.failure, row.reason) == (StepState.FAILED, Failure.GIVE_UP, "worker_lost")
    assert desk.state(job_id) is JobState.FAILED
    assert desk.told() == [("probe", "again", n) for n in range(1, MAX_ATTEMPTS)] + [("probe", "failed", MAX_ATTEMPTS)]


# -- what is told twice ------------------------------------------------------------------------------------------------


def test_an_end_that_is_told_twice_happened_once(desk):
    desk.queue.submit(an_episode())
    leased = desk.lease(Step.PROBE)
    for _ in range(2):
        desk.queue.finish(leased, {}, 100)
    leased = desk.lease(Step.CHECK)
    for _ in range(2):
        desk.queue.fail(leased, AGAIN, 100)
    desk.clock.pass_ms(HOUR_MS)
    leased = desk.lease(Step.CHECK)
    for _ in range(2):
        desk.queue.later(leased, 60)
    assert desk.told() == [("probe", "done", 1), ("check", "again", 1)]
    with pytest.raises(LeaseLost):
        desk.queue.finish(leased, {}, 100)


def test_what_was_done_for_another_holder_is_no_repetition(desk):
    desk.queue.submit(an_episode())
    dead = desk.lease(Step.PROBE, "a")
    desk.clock.pass_ms(LIFE_MS)
    desk.queue.finish(desk.lease(Step.PROBE, "b"), {}, 1)
    with pytest.raises(LeaseLost):
        desk.queue.finish(dead, {"mine": 1}, 1)
