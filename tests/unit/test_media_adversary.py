"""What a hostile reader found in the worker: what ended the whole process, and workers that start at once."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from domain.media.steps import JobState, Step, StepState
from domain.media.trouble import MAX_ATTEMPTS, Failure, LeaseLost, StepFailed
from infra.fold_store import Wait
from infra.media.job import Leased, StepRow
from media_jobs import main
from media_jobs.cdn import _trouble
from media_jobs.hold import Hold
from media_jobs.worker import Worker
from media_jobs.workplace import Workplace
from tests.memory_jobs import MemoryJobs, an_episode

DAY_S = 86_400


class Scene:
    """One worker, one episode, and a clock."""

    def __init__(self, root: Path) -> None:
        self.now_s = 1_000.0
        self.jobs = MemoryJobs(lambda: int(self.now_s * 1000))
        self.place = Workplace(root, "media-1")
        self.bodies: dict[Step, Any] = {Step.PROBE: lambda context, leased: {}}
        self.worker = Worker(
            self.jobs, self.bodies, lambda leased, work, hold: SimpleNamespace(watch=hold), self.place, "media-1",
            clock=lambda: self.now_s,
        )  # fmt: skip
        self.job_id = self.jobs.submit(an_episode())

    def row(self) -> StepRow:
        return next(row for row in self.jobs.job(self.job_id).steps if row.step is Step.PROBE)


@pytest.fixture
def scene(tmp_path):
    return Scene(tmp_path)


def test_a_folder_that_cannot_be_made_fails_the_step_and_not_the_worker(scene, monkeypatch):
    """A full disk has no room for a name either."""

    def mkdir(self: Path, *_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device", str(self))

    monkeypatch.setattr(Path, "mkdir", mkdir)
    assert scene.worker.turn()
    assert (scene.row().state, scene.row().reason) == (StepState.READY, "disk_full")


def test_a_step_that_grew_too_large_while_mysql_is_away_does_not_end_the_worker(scene):
    """What became of the step is told as soon as MySQL is back, or left to the next holder."""
    held: list[Hold] = []

    def body(context: Any, leased: Leased) -> Mapping[str, Any]:
        held.append(context.watch)
        context.watch._end(StepFailed(Failure.GIVE_UP, "work_too_large", ""))
        scene.jobs.away = True
        return {"done": 1}

    def pause(seconds: float) -> None:
        scene.jobs.away = False

    scene.bodies[Step.PROBE], scene.worker.pause = body, pause
    assert scene.worker.turn()
    assert scene.row().facts == {"done": 1}
    with pytest.raises(StepFailed):
        held[0].check()


def test_what_only_has_to_be_told_is_told_no_longer_than_the_lease_lives(scene):
    leased = scene.jobs.lease("a", 30_000, [Step.PROBE])
    hold = Hold(scene.jobs, leased, threading.Event(), clock=lambda: scene.now_s)
    hold._end(StepFailed(Failure.GIVE_UP, "work_too_large", ""))
    hold.held()
    scene.now_s += 30
    with pytest.raises(LeaseLost):
        hold.held()


def test_workers_that_start_at_once_do_not_take_each_other_for_living(tmp_path, monkeypatch):
    """After a machine has died each of them sweeps what the others left: that may take long."""
    dead = Workplace(tmp_path, "media-1")
    (dead.path / "3-ladder-1").mkdir()
    dead._lock.close()
    started: list[Workplace] = []
    rmtree = shutil.rmtree

    def slow(path: Path, **how: Any) -> None:
        if not started and path.parent == tmp_path and path.name != "media-2":
            started.append(None)
            started[0] = Workplace(tmp_path, "media-1")
        rmtree(path, **how)

    monkeypatch.setattr(shutil, "rmtree", slow)
    Workplace(tmp_path, "media-2")
    assert started
    assert started[0].path.is_dir()
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["media-1", "media-2"]


def test_what_a_step_says_in_no_unicode_is_kept_all_the_same():
    """A file's name may hold bytes that are none: MySQL's driver would end the process over it, twelve times."""
    said = StepFailed(Failure.MEND, "no_audio", "the file \udcff has no sound")
    assert said.text.encode() == b"the file ? has no sound"


def test_a_cancelled_job_s_end_is_not_told(scene):
    def body(context: Any, leased: Leased) -> Mapping[str, Any]:
        scene.jobs.cancel(scene.job_id)
        return {"done": 1}

    scene.bodies[Step.PROBE] = body
    assert scene.worker.turn()
    assert scene.jobs.job(scene.job_id).job.state is JobState.CANCELLED
    assert scene.row().facts == {}


def test_a_day_s_quota_of_the_cdn_does_not_use_up_the_attempts():
    refused = _trouble(
        "PurgePathCache", 200, b'{"Response": {"Error": {"Code": "LimitExceeded.CdnPurgeExceedDayLimit"}}}'
    )
    assert refused is not None
    assert (MAX_ATTEMPTS - 1) * refused.after_s > DAY_S


def test_what_nobody_foresaw_in_the_upkeep_ends_no_worker(monkeypatch):
    """A dossier that another version wrote would else end every worker at each of its turns."""
    monkeypatch.setattr(main, "UPKEEP_S", 0.0)
    stop, turns = threading.Event(), iter([RuntimeError("a row of another version"), Wait("mysql", "away")])

    def tick() -> None:
        if (error := next(turns, None)) is not None:
            raise error
        stop.set()

    main.keep_up(tick, stop)
    assert stop.is_set()
