"""What a cancelled job had begun at CI is ended there, by whichever worker looks after it, until nothing is left."""

from __future__ import annotations

from pathlib import Path

import pytest

from domain.media.steps import Step
from domain.media.trouble import Failure, StepFailed
from infra.media.job import ELSEWHERE
from media_jobs.dropped import DAYS_MS, EVERY_MS, Dropped
from tests.media_scene import Scene

CI = {"360p": {"output": "work/x.mp4", "job": "j1"}}


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    """An episode whose ladder waits for CI, and is then cancelled."""
    made = Scene(tmp_path)
    made.done(Step.PROBE, Step.CHECK)
    leased = made.lease(Step.LADDER)
    made.jobs.note(leased, {ELSEWHERE: CI})
    made.jobs.later(leased, 60)
    made.jobs.cancel(made.job_id)
    return made


def dropped(scene: Scene) -> Dropped:
    return Dropped(scene.jobs, scene.engine, lambda: scene.now_ms)


def test_it_is_ended_once_and_forgotten(scene):
    dropped(scene).once()
    dropped(scene).once()
    assert scene.engine.dropped == [(scene.job_id, "ladder", {ELSEWHERE: CI})]


def test_what_runs_on_is_looked_at_again(scene):
    scene.engine.drops = False
    upkeep = dropped(scene)
    for _ in range(3):
        upkeep.tick()
        scene.now_ms += EVERY_MS
    assert len(scene.engine.dropped) == 3
    upkeep.tick()
    upkeep.tick()
    assert len(scene.engine.dropped) == 4


def test_a_service_that_is_away_is_asked_again(scene, monkeypatch):
    def away(*_):
        raise StepFailed(Failure.AGAIN, "storage_unavailable", "away")

    monkeypatch.setattr(scene.engine, "drop", away)
    dropped(scene).once()
    monkeypatch.undo()
    dropped(scene).once()
    assert len(scene.engine.dropped) == 1


def test_after_a_week_the_buckets_own_rules_have_done_it(scene):
    scene.now_ms += DAYS_MS + 1
    dropped(scene).once()
    assert scene.engine.dropped == []
