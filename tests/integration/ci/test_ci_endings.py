"""What people do to a step that waits for CI: said again, cancelled, its source changed under it."""

from __future__ import annotations

import pytest

from domain.media.trouble import Cancelled, Failure, Later, StepFailed
from media_jobs.cos.jobs import TIMES
from media_jobs.cos.wanted import SLACK_MS
from tests.ci_step import NAMES, SOURCE, WATCH, Step
from tests.redis_server import until
from tests.storages import Told

BROKEN = "incoming/7/1/broken.mp4"


@pytest.fixture
def step(step: Step) -> Step:
    step.storage.put_bytes(BROKEN, b"no video at all", "video/mp4")
    return step


def put_off(step: Step) -> None:
    """CI has its jobs and does not begin them; the step waits."""
    step.stand_in.ci.hold.set()
    step.patience_s = 0.0
    with pytest.raises(Later):
        step.ladder()


def dropped(step: Step) -> bool:
    return step.processing().drop(step.task(), WATCH)


def tried(step: Step, source: str) -> list[StepFailed]:
    """What the tries of a round ended with; the last one is for people."""
    failures: list[StepFailed] = []
    while not failures or failures[-1].kind is Failure.AGAIN:
        with pytest.raises(StepFailed) as caught:
            step.ladder(step.task(source))
        failures.append(caught.value)
    return failures


def test_who_says_again_has_as_many_tries_as_before(step):
    assert len(tried(step, BROKEN)) >= TIMES
    step.rounds += 1
    assert len(tried(step, BROKEN)) >= TIMES


def test_after_a_cancel_again_asks_anew_at_once(step):
    put_off(step)
    assert dropped(step)
    assert step.states() == ["Cancel", "Cancel"]
    step.stand_in.ci.hold.clear()
    step.patience_s, step.rounds = 6_000.0, 1
    step.ladder()
    assert step.begun() == sorted([*NAMES, *NAMES])
    assert step.extras == 0


def test_a_step_that_is_cancelled_while_it_is_put_off_leaves_nothing_that_ci_would_do(step):
    put_off(step)
    assert dropped(step)
    assert step.states() == ["Cancel", "Cancel"]
    assert dropped(step)  # twice is no harm


def test_what_ci_does_already_is_waited_for_and_deleted(step):
    put_off(step)
    for job in step.stand_in.ci.jobs.values():
        job.state = "Running"
    assert not dropped(step)
    for entry in step.noted["ci"].values():
        step.storage.put_bytes(entry["output"], b"made", "video/mp4")
        step.stand_in.ci.jobs[entry["job"]].state = "Success"
    assert dropped(step)
    assert step.storage.keys("work/", 10) == []


def test_what_another_job_of_the_same_file_has_made_stays(step, stand_in, seen, clip, tmp_path):
    put_off(step)
    next_one = Step(stand_in, seen, clip, tmp_path, job_id=2)  # the first is cancelled, and the file handed in again
    put_off(next_one)
    for entry in (entry for each in (step, next_one) for entry in each.noted["ci"].values()):
        step.storage.put_bytes(entry["output"], b"made", "video/mp4")
        stand_in.ci.jobs[entry["job"]].state = "Success"
    assert dropped(step)
    assert step.storage.keys("work/", 10) == sorted(entry["output"] for entry in next_one.noted["ci"].values())


def test_a_job_whose_answer_was_lost_is_found_and_cancelled_when_the_lists_show_it(step):
    step.stand_in.ci.hold.set()
    step.stand_in.ci.lag = 1
    step.stand_in.faults.plan("lose", "POST", "/jobs")
    with pytest.raises(StepFailed):
        step.ladder()
    step.stand_in.ci.lag = 2
    assert not dropped(step)
    assert step.states() == ["Submitted"]
    assert not dropped(step)  # another may still come to light
    assert step.states() == ["Cancel"]
    step.late_ms = 2 * SLACK_MS
    assert dropped(step)


def test_a_cancel_that_the_worker_hears_ends_its_work_and_the_rest_is_dropped_after_it(step):
    step.stand_in.ci.hold.set()
    with pytest.raises(Cancelled):
        step.ladder(watch=Told(stop_at=0))
    until(lambda: dropped(step), 10, "all is dropped")
    assert set(step.states()) == {"Cancel"}


def test_with_nothing_begun_there_is_nothing_to_drop(step):
    assert dropped(step)
    assert step.stand_in.asked("jobs") == []


def test_a_source_that_was_changed_is_refused_before_anything_is_paid_for(step, clip):
    changed = clip.read_bytes() + b"more"
    step.storage.put_bytes(SOURCE, changed, "video/mp4")
    with pytest.raises(StepFailed) as caught:
        step.ladder(step.task(source_crc64=step.crc64))
    assert (caught.value.kind, caught.value.reason) == (Failure.MEND, "source_changed")
    assert step.begun() == []


def test_one_that_is_as_it_was_is_taken(step):
    step.ladder(step.task(source_crc64=step.crc64))
    assert step.begun() == list(NAMES)


def test_a_source_that_is_gone_is_told_before_anything_is_paid_for(step):
    step.storage.delete([SOURCE])
    with pytest.raises(StepFailed) as caught:
        step.ladder(step.task(source_crc64=step.crc64))
    assert (caught.value.kind, caught.value.reason) == (Failure.MEND, "not_found")
    assert step.begun() == []
