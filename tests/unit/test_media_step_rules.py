"""Which steps a media job has, what comes after what, and how a job has ended."""

from __future__ import annotations

import itertools

import pytest

from domain.media.steps import JobState, Kind, Step, StepState, after, ended, opened, retried, steps_of
from domain.media.trouble import Failure

W, R, L, D, F, C = (
    StepState.WAITING, StepState.READY, StepState.LEASED, StepState.DONE, StepState.FAILED, StepState.CANCELLED,
)  # fmt: skip
ALL = list(itertools.product(Kind, (False, True)))


def states(kind: Kind = Kind.EPISODE, wechat: bool = True, **its: StepState) -> dict[Step, StepState]:
    """All done but for what is said, and what waits for that."""
    return {step: its.get(step.value, D) for step in steps_of(kind, wechat)}


@pytest.mark.parametrize(("kind", "wechat"), ALL)
def test_each_step_comes_after_all_that_it_depends_on(kind, wechat):
    its = steps_of(kind, wechat)
    assert len(set(its)) == len(its)
    for place, step in enumerate(its):
        assert set(after(step)) <= set(its[:place])


def test_every_step_belongs_to_a_kind_of_job():
    assert {step for kind, wechat in ALL for step in steps_of(kind, wechat)} == set(Step)


def test_the_platform_never_waits_for_our_encrypted_files():
    its, seen = [Step.MEDIA_ID], set[Step]()
    while its:
        step = its.pop()
        seen.add(step)
        its += after(step)
    assert not seen & {Step.LADDER, Step.STORE, Step.CDN}
    assert not set(steps_of(Kind.EPISODE, wechat=False)) & {Step.MEZZANINE, Step.PULL, Step.MEDIA_ID}


@pytest.mark.parametrize(("kind", "wechat"), ALL)
def test_whatever_the_order_every_step_is_opened_once_and_the_job_is_done(kind, wechat):
    its = dict.fromkeys(steps_of(kind, wechat), W)
    done: list[Step] = []
    while ready := opened(its):
        assert ended(its, {}) is JobState.ACTIVE
        its[ready[-1]] = D
        done.append(ready[-1])
    assert sorted(done) == sorted(its)
    assert ended(its, {}) is JobState.DONE


@pytest.mark.parametrize(
    ("its", "failures", "state"),
    [
        (states(), {}, JobState.DONE),
        (states(cdn=R), {}, JobState.ACTIVE),
        (states(cdn=L), {}, JobState.ACTIVE),
        (states(cdn=W), {}, JobState.ACTIVE),
        (states(pull=F, media_id=W), {Step.PULL: Failure.MEND}, JobState.REJECTED),
        (states(pull=F, media_id=W), {Step.PULL: Failure.GIVE_UP}, JobState.FAILED),
        (states(pull=F, media_id=W, cdn=R), {Step.PULL: Failure.MEND}, JobState.ACTIVE),
        (states(pull=F, media_id=W, cdn=F), {Step.PULL: Failure.GIVE_UP, Step.CDN: Failure.MEND}, JobState.REJECTED),
        (states(cdn=C), {}, JobState.CANCELLED),
        (states(cdn=F, media_id=C), {Step.CDN: Failure.GIVE_UP}, JobState.FAILED),
        # what failed for now, and was done since, counts no more
        (states(pull=F, media_id=W), {Step.PULL: Failure.GIVE_UP, Step.CDN: Failure.MEND}, JobState.FAILED),
    ],
)
def test_how_a_job_stands(its, failures, state):
    assert ended(its, failures) is state


@pytest.mark.parametrize(
    ("before", "then"),
    [
        (states(ladder=F, store=W, cdn=W), states(ladder=R, store=W, cdn=W)),
        (states(cdn=C, pull=C, media_id=C), states(cdn=R, pull=R, media_id=W)),
        (states(media_id=F), states(pull=R, media_id=W)),
        (states(media_id=C), states(media_id=R)),
        (states(Kind.DRAMA, audit=C), states(Kind.DRAMA, audit=R)),
        (states(Kind.DRAMA, submit=F, audit=W), states(Kind.DRAMA, materials=R, submit=W, audit=W)),
        (states(Kind.DRAMA, audit=F), states(Kind.DRAMA, materials=R, submit=W, audit=W)),
        (states(Kind.REPLACEMENT, replace=F), states(Kind.REPLACEMENT, replace=R)),
    ],
)
def test_a_retry_does_what_failed_and_what_cannot_be_used_twice(before, then):
    assert retried(before) == then


def test_whatever_has_failed_a_retry_leaves_something_to_do_and_never_a_step_before_its_time():
    for kind, wechat in ALL:
        its = steps_of(kind, wechat)
        for marks in itertools.product((D, F, W, C), repeat=min(len(its), 6)):
            before = dict(zip(its, (*marks, *(W,) * len(its)), strict=False))
            if not {F, C} & set(marks):
                continue
            then = retried(before)
            assert ended(then, {}) is JobState.ACTIVE
            assert not {F, C} & set(then.values())
            assert all(then[first] is D for step, state in then.items() if state is R for first in after(step))
