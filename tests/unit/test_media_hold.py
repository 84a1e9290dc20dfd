"""A lease while its step is worked on: renewed, and given up by who works as soon as it may not be ours any more."""

from __future__ import annotations

import threading

import pytest

from domain.media.steps import Step
from domain.media.trouble import Cancelled, Failure, LeaseLost, StepFailed
from media_jobs.hold import Hold, Stopping
from tests.media_desk import LIFE_MS
from tests.memory_jobs import MemoryJobs, an_episode
from tests.redis_server import until


class Scene:
    """A leased step under a clock of the test's own, in seconds."""

    def __init__(self, life_ms: int = LIFE_MS) -> None:
        self.now_s = 1_000.0
        self.jobs = MemoryJobs(lambda: int(self.now_s * 1000))
        self.job_id = self.jobs.submit(an_episode())
        leased = self.jobs.lease("a", life_ms, list(Step))
        assert leased is not None
        self.leased, self.stop = leased, threading.Event()
        self.hold = Hold(self.jobs, leased, self.stop, clock=lambda: self.now_s)

    def progress_shown(self) -> int:
        return self.jobs.job(self.job_id).steps[0].progress_permille


def test_progress_is_shown_with_the_next_renewal_and_never_falls():
    scene = Scene()
    scene.hold.progress(400)
    scene.hold.progress(250)
    scene.hold.renew()
    assert scene.progress_shown() == 400


def test_a_renewed_lease_lives_from_when_the_renewal_was_asked_for():
    scene = Scene()
    for _ in range(5):
        scene.now_s += 0.9 * LIFE_MS / 1000
        scene.hold.renew()
        scene.hold.progress(1)


def test_what_the_answer_took_is_not_lived_twice():
    scene = Scene()
    renew = scene.jobs.renew

    def slow(*asked):
        standing = renew(*asked)
        scene.now_s += 0.6 * LIFE_MS / 1000
        return standing

    scene.jobs.renew = slow
    scene.hold.renew()
    scene.now_s += 0.4 * LIFE_MS / 1000
    with pytest.raises(LeaseLost):
        scene.hold.check()


def test_who_was_not_renewed_for_a_lifes_length_stops_without_asking_anybody():
    scene = Scene()
    scene.jobs.away = True
    scene.now_s += 0.99 * LIFE_MS / 1000
    scene.hold.renew()
    scene.hold.progress(1)
    scene.now_s += 0.01 * LIFE_MS / 1000
    with pytest.raises(LeaseLost):
        scene.hold.progress(2)


def test_a_lease_that_another_has_is_lost():
    scene = Scene()
    scene.now_s += 2 * LIFE_MS / 1000
    assert scene.jobs.lease("b", LIFE_MS, list(Step)) is not None
    scene.hold.renew()
    with pytest.raises(LeaseLost):
        scene.hold.check()


def test_a_cancelled_job_stops_the_work():
    scene = Scene()
    scene.jobs.cancel(scene.job_id)
    scene.hold.progress(1)
    scene.hold.renew()
    with pytest.raises(Cancelled):
        scene.hold.progress(2)


def test_a_process_that_is_to_end_stops_the_work_and_keeps_the_lease():
    scene = Scene()
    scene.stop.set()
    with pytest.raises(Stopping):
        scene.hold.progress(1)
    scene.hold.check()


def test_work_that_grows_too_large_is_stopped():
    scene = Scene()
    trouble = StepFailed(Failure.GIVE_UP, "work_too_large", "")

    def room() -> None:
        raise trouble

    hold = Hold(scene.jobs, scene.leased, scene.stop, room=room, clock=lambda: scene.now_s)
    hold.renew()
    with pytest.raises(StepFailed) as told:
        hold.progress(1)
    assert told.value is trouble


def test_it_renews_by_itself_while_the_block_lasts_and_not_afterwards():
    scene = Scene(life_ms=30)
    scene.hold.progress(7)
    with scene.hold:
        until(lambda: scene.progress_shown() == 7, 10, "it was renewed")
    assert not any(thread.name == "hold" for thread in threading.enumerate())
