"""What cancelled steps had begun at a service is remembered until it has been ended there: the twin, and MySQL."""

from __future__ import annotations

from domain.media.steps import Step, StepState
from infra.media.job import ELSEWHERE
from tests.memory_jobs import an_episode

CI = {ELSEWHERE: {"360p": {"output": "work/x.mp4", "job": "j1"}}}


def cancelled(desk, *, facts=CI):
    """A job whose first step was put off with these facts, and then ended by somebody."""
    job_id = desk.queue.submit(an_episode())
    leased = desk.lease(Step.PROBE)
    desk.queue.note(leased, facts)
    desk.queue.later(leased, 60)
    desk.queue.cancel(job_id)
    return job_id


def left(desk):
    return [(one.job_id, one.step) for one in desk.elsewhere.begun_elsewhere(0, 10)]


def test_what_was_put_off_and_then_cancelled_is_told_with_what_it_noted(desk):
    job_id = cancelled(desk)
    (one,) = desk.elsewhere.begun_elsewhere(0, 10)
    assert (one.job_id, one.step, one.own) == (job_id, Step.PROBE, CI)


def test_what_was_cancelled_under_its_holder_is_told_too(desk):
    job_id = desk.queue.submit(an_episode())
    desk.queue.note(desk.lease(Step.PROBE), CI)
    desk.queue.cancel(job_id)
    assert left(desk) == [(job_id, Step.PROBE)]


def test_nothing_else_is_told(desk):
    active = desk.queue.submit(an_episode(7, 2))
    desk.queue.note(desk.lease(Step.PROBE), CI)
    assert desk.queue.job(active).steps[0].state is StepState.LEASED
    cancelled(desk, facts={"other": 1})
    assert left(desk) == []


def test_what_was_cancelled_long_ago_is_told_no_more(desk):
    cancelled(desk)
    assert desk.elsewhere.begun_elsewhere(desk.clock.now_ms + 1, 10) == []


def test_what_has_been_ended_is_forgotten_and_other_facts_stay(desk):
    job_id = cancelled(desk, facts={**CI, "other": 1})
    (one,) = desk.elsewhere.begun_elsewhere(0, 10)
    desk.elsewhere.ended_elsewhere(one)
    desk.elsewhere.ended_elsewhere(one)
    assert left(desk) == []
    assert desk.queue.job(job_id).steps[0].facts == {"other": 1}
    assert desk.queue.job(job_id).steps[0].state is StepState.CANCELLED


def test_what_was_begun_anew_meanwhile_keeps_its_notes(desk):
    job_id = cancelled(desk)
    (one,) = desk.elsewhere.begun_elsewhere(0, 10)
    desk.queue.retry(job_id)
    desk.elsewhere.ended_elsewhere(one)
    assert desk.lease(Step.PROBE).own == CI
