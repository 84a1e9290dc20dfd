"""The worker's loop on a queue in memory: how each end of a step is told, and what is told again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from domain.media.steps import JobState, Step, StepState
from domain.media.trouble import Failure, Later, LeaseLost, StepFailed
from infra.fold_store import Wait
from infra.media.job import MAX_FACTS, Leased, StepRow
from media_jobs.worker import Pace, Worker
from media_jobs.workplace import Workplace
from tests.memory_jobs import MemoryJobs, an_episode
from tests.redis_server import until

EPISODE = (Step.PROBE, Step.CHECK, Step.LADDER, Step.STORE, Step.CDN)


class Scene:
    """One worker, one submitted episode, and bodies that a test writes."""

    def __init__(self, root: Path, pace: Pace | None = None) -> None:
        self.now_s = 1_000.0
        self.jobs = MemoryJobs(lambda: int(self.now_s * 1000))
        self.stop = threading.Event()
        self.begun: list[tuple[Step, int]] = []
        self.works: list[Path] = []
        self.bodies: dict[Step, Any] = dict.fromkeys(EPISODE, self._done)
        self.place = Workplace(root, "media-1")
        self.worker = Worker(
            self.jobs, self.bodies, self._context, self.place, "media-1", pace or Pace(), lambda: self.now_s
        )
        self.worker._stop = self.stop
        self.job_id = self.jobs.submit(an_episode())

    def _context(self, leased: Leased, work: Path, hold: Any) -> Any:
        self.works.append(work)
        return SimpleNamespace(work=work, watch=hold)

    def _done(self, context: Any, leased: Leased) -> Mapping[str, Any]:
        self.begun.append((leased.step, leased.attempt))
        return {"of": leased.step.value}

    def row(self, step: Step) -> StepRow:
        return next(row for row in self.jobs.job(self.job_id).steps if row.step is step)

    def probe(self, body: Callable[[Any, Leased], Mapping[str, Any]]) -> StepRow:
        """How PROBE stands after one turn with this body."""
        self.bodies[Step.PROBE] = body
        assert self.worker.turn()
        return self.row(Step.PROBE)

    def outcomes(self) -> list[str]:
        return [msgspec.json.decode(record.value)["outcome"] for record in self.jobs.records(100)]


@pytest.fixture
def scene(tmp_path):
    return Scene(tmp_path)


def raising(error: Exception) -> Callable[[Any, Leased], Mapping[str, Any]]:
    def body(context: Any, leased: Leased) -> Mapping[str, Any]:
        raise error

    return body


def test_the_steps_of_an_episode_are_done_in_their_order_each_once(scene):
    while scene.worker.turn():
        pass
    assert scene.begun == [(step, 1) for step in EPISODE]
    assert scene.jobs.job(scene.job_id).job.state is JobState.DONE
    assert scene.row(Step.LADDER).facts == {"of": "ladder"}


def test_nothing_due_is_no_turn(scene):
    scene.jobs.cancel(scene.job_id)
    assert not scene.worker.turn()


def test_a_step_works_in_an_empty_folder_that_is_gone_afterwards(scene):
    def body(context: Any, leased: Leased) -> Mapping[str, Any]:
        assert list(context.work.iterdir()) == []
        (context.work / "half").write_bytes(b"x")
        return {}

    assert scene.probe(body).state is StepState.DONE
    assert not scene.works[0].exists()
    assert list(scene.place.path.iterdir()) == []


def test_what_people_must_mend_ends_the_job(scene):
    row = scene.probe(raising(StepFailed(Failure.MEND, "no_audio", "export it with its sound")))
    assert (row.state, row.reason, row.text) == (StepState.FAILED, "no_audio", "export it with its sound")
    assert scene.jobs.job(scene.job_id).job.state is JobState.REJECTED


def test_what_passes_by_itself_is_tried_again_after_a_while(scene):
    row = scene.probe(raising(StepFailed(Failure.AGAIN, "storage_away", "", after_s=60)))
    assert (row.state, row.attempt, row.reason) == (StepState.READY, 1, "storage_away")
    assert row.due_ms >= scene.now_s * 1000 + 60_000
    assert not scene.worker.turn()


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (RuntimeError("what?"), "unforeseen"),
        (OSError(28, "No space left on device"), "disk_full"),
        (Wait("mysql", "away"), "store_away"),
    ],
)
def test_what_nobody_foresaw_ends_the_attempt_and_not_the_worker(scene, error, reason):
    row = scene.probe(raising(error))
    assert (row.state, row.failure, row.reason) == (StepState.READY, Failure.AGAIN, reason)


def test_later_uses_no_attempt(scene):
    row = scene.probe(raising(Later(30)))
    assert (row.state, row.due_ms) == (StepState.READY, scene.now_s * 1000 + 30_000)
    scene.now_s += 31
    scene.probe(scene._done)
    assert scene.begun == [(Step.PROBE, 1)]


def test_facts_that_no_queue_keeps_give_up_instead_of_going_round(scene):
    row = scene.probe(lambda context, leased: {"text": "x" * MAX_FACTS})
    assert (row.state, row.reason) == (StepState.FAILED, "bad_facts")


def test_a_process_that_is_to_end_gives_its_step_back_unharmed(scene):
    def body(context: Any, leased: Leased) -> Mapping[str, Any]:
        scene.stop.set()
        context.watch.progress(1)
        raise AssertionError("it goes on")

    row = scene.probe(body)
    assert (row.state, row.due_ms) == (StepState.READY, scene.now_s * 1000)
    assert scene.outcomes() == []


def test_a_lost_lease_writes_nothing(scene):
    row = scene.probe(raising(LeaseLost("another has it")))
    assert (row.state, row.facts) == (StepState.LEASED, {})


def test_what_is_done_is_told_again_until_the_queue_has_heard(scene):
    pauses: list[float] = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        scene.jobs.away = len(pauses) < 3

    scene.worker.pause = pause

    def body(context: Any, leased: Leased) -> Mapping[str, Any]:
        scene.jobs.away = True
        return {"done": 1}

    assert scene.probe(body).facts == {"done": 1}
    assert pauses == [0.2, 0.4, 0.8]
    assert scene.outcomes() == ["done"]


def test_a_lost_answer_is_asked_for_again_and_the_step_is_done_once(scene):
    scene.worker.pause = lambda seconds: None

    def body(context: Any, leased: Leased) -> Mapping[str, Any]:
        scene.jobs.lose_next_answer = True
        return {}

    assert scene.probe(body).state is StepState.DONE
    assert scene.outcomes() == ["done"]


def test_who_is_not_heard_for_a_leases_life_leaves_the_step_to_the_next(scene):
    def pause(seconds: float) -> None:
        scene.now_s += 10

    scene.worker.pause = pause

    def body(context: Any, leased: Leased) -> Mapping[str, Any]:
        scene.jobs.away = True
        return {}

    scene.bodies[Step.PROBE] = body
    assert scene.worker.turn()
    scene.jobs.away = False
    assert scene.row(Step.PROBE).state is StepState.LEASED


def test_while_the_disk_is_full_nothing_is_leased(tmp_path):
    scene = Scene(tmp_path, Pace(reserve_bytes=1 << 62))
    with pytest.raises(Wait) as told:
        scene.worker.turn()
    assert told.value.store == "disk"
    assert scene.row(Step.PROBE).token == 0


def test_a_disk_that_fills_up_ends_the_attempt(scene):
    def body(context: Any, leased: Leased) -> Mapping[str, Any]:
        scene.worker.pace = Pace(reserve_bytes=1 << 62)
        context.watch.renew()
        context.watch.progress(1)
        raise AssertionError("it goes on")

    row = scene.probe(body)
    assert (row.state, row.reason) == (StepState.READY, "disk_full")


def test_the_loop_waits_for_the_queue_and_says_so(scene):
    scene.jobs.away = True
    thread = threading.Thread(target=scene.worker.run, args=(scene.stop,))
    thread.start()
    until(lambda: scene.worker.told.waits == "mysql", 10, "it says what it waits for")
    scene.jobs.away = False
    until(lambda: scene.jobs.job(scene.job_id).job.state is JobState.DONE, 10, "it goes on")
    scene.stop.set()
    thread.join(10)
    assert scene.worker.told.waits == ""
