"""Posters from pictures that CI takes: one job whatever answers are lost, and chosen as those of our own frames are."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from domain.media.trouble import Failure, Later, StepFailed
from media_jobs.cos.wanted import NUMBER
from media_jobs.ffmpeg.posters import FRAMES, KINDS, WIDTHS, interval_s
from media_jobs.local.processing import LocalProcessing
from tests.ci_step import SOURCE, WATCH, Step


def taken(step: Step, **others: Any) -> Any:
    """The folder of the posters, and what is told of them."""
    task = step.task(**others)
    return task.work / "posters", step.processing().posters(task, step.probe, WATCH)


def again(step: Step) -> StepFailed:
    with pytest.raises(StepFailed) as caught:
        taken(step)
    assert caught.value.kind is Failure.AGAIN
    return caught.value


def test_one_job_takes_all_pictures_and_posters_are_drawn_in_every_size_and_form(step):
    folder, made = taken(step)
    assert step.begun() == ["posters"]
    (job,) = step.stand_in.ci.jobs.values()
    assert job.tag == "Snapshot"
    assert 20 <= made.taken <= FRAMES
    assert [one.number for one in made.candidates] == [0, 1, 2]
    names = {name for one in made.candidates for name in one.files}
    assert names == {path.name for path in folder.iterdir()}
    assert len(names) == 3 * len(WIDTHS) * len(KINDS)
    assert all((folder / name).stat().st_size > 200 for name in names)


def test_the_file_itself_is_not_fetched_for_them(step):
    taken(step)
    assert step.stand_in.asked(f"^GET /{SOURCE}") == []


def test_they_are_chosen_as_the_local_engine_chooses_them(step):
    _, made = taken(step)
    ours = LocalProcessing(step.storage).posters(step.task(), step.probe, WATCH)
    apart_ms = 2_000 * interval_s(step.probe, step.processing().limits)
    assert len(made.candidates) == len(ours.candidates) == 3
    assert ours.taken == 0
    for theirs, our in zip(made.candidates, ours.candidates, strict=True):
        assert abs(theirs.at_ms - our.at_ms) <= apart_ms or abs(theirs.sharpness / our.sharpness - 1) < 0.3


def test_what_is_black_or_flat_is_never_chosen(step, tmp_path):
    half = tmp_path / "half.mp4"
    black = ("-f", "lavfi", "-i", "color=black:s=180x320:r=10:d=2", "-f", "lavfi", "-i", "testsrc2=s=180x320:r=10:d=1")
    joined = ("-filter_complex", "[0:v][1:v]concat=n=2:v=1", "-preset", "ultrafast")
    subprocess.run(["ffmpeg", "-v", "error", *black, *joined, half], check=True, timeout=60)
    step.storage.put(SOURCE, half, "video/mp4", WATCH)
    _, made = taken(step)
    assert min(one.at_ms for one in made.candidates) >= 1_900


def test_a_file_that_is_black_throughout_is_refused(step, tmp_path):
    black = tmp_path / "black.mp4"
    made = ("-f", "lavfi", "-i", "color=black:s=180x320:r=10:d=3", "-preset", "ultrafast")
    subprocess.run(["ffmpeg", "-v", "error", *made, black], check=True, timeout=60)
    step.storage.put(SOURCE, black, "video/mp4", WATCH)
    with pytest.raises(StepFailed, match="all_black"):
        taken(step)


def test_a_job_whose_answer_was_lost_is_found_and_not_asked_for_again(step):
    step.stand_in.faults.plan("lose", "POST", "/jobs")
    again(step)
    taken(step)
    assert step.begun() == ["posters"]
    assert step.extras == 0


def test_a_list_that_is_behind_costs_a_job_whose_pictures_are_deleted_in_the_end(step):
    step.stand_in.ci.lag = 2
    step.stand_in.faults.plan("lose", "POST", "/jobs")
    again(step)
    _, made = taken(step)
    assert step.begun() == ["posters", "posters"]
    assert step.extras == 1
    kept = step.noted["ci"]["posters"]["output"].partition(NUMBER)[0]
    keys = step.storage.keys("work/", 1_000)
    assert len(keys) == made.taken
    assert all(key.startswith(kept) for key in keys)


def test_a_worker_does_other_things_while_ci_is_slow_and_finds_the_job_again(step):
    step.patience_s = 0.0
    step.stand_in.ci.hold.set()
    for _ in range(2):
        with pytest.raises(Later):
            taken(step)
    step.stand_in.ci.hold.clear()
    step.patience_s = 6_000.0
    taken(step)
    assert step.begun() == ["posters"]


def test_pictures_that_are_gone_are_taken_anew(step):
    taken(step)
    step.storage.delete(step.storage.keys("work/", 1_000))
    assert again(step).reason == "ci_output_gone"
    taken(step)
    assert step.begun() == ["posters", "posters"]


def test_pictures_of_another_file_than_was_looked_at_are_none(step, clip, monkeypatch):
    task = step.task(source_crc64=step.crc64)
    processing = step.processing()
    made = processing._made

    def then_changed(*arguments: Any) -> Any:
        outputs = made(*arguments)
        step.storage.put_bytes(SOURCE, clip.read_bytes() + b"more", "video/mp4")
        return outputs

    monkeypatch.setattr(processing, "_made", then_changed)
    with pytest.raises(StepFailed, match="source_changed"):
        processing.posters(task, step.probe, WATCH)


def test_those_of_a_cancelled_job_are_deleted(step):
    taken(step)
    assert step.processing().drop(step.task(), WATCH)
    assert step.storage.keys("work/", 1_000) == []
