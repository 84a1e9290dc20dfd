"""Jobs of CI: each begun once whatever answers are lost, extras found and deleted, their files made into our HLS."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from domain.media.limits import Limits
from domain.media.trouble import Failure, Later, StepFailed
from media_jobs.cos.jobs import PAGE, TIMES
from media_jobs.ffmpeg import probing
from media_jobs.local.processing import LocalProcessing
from tests.ci_step import HASH, KEYS, LONG_S, NAMES, SOURCE, WATCH, Step
from tests.redis_server import until
from tests.standins.ci import Job
from tests.standins.cos import CosStandIn


def again(attempt) -> StepFailed:
    with pytest.raises(StepFailed) as caught:
        attempt()
    assert caught.value.kind is Failure.AGAIN
    return caught.value


def test_each_rung_is_one_job_and_all_are_one_ladder_with_our_keys(step):
    folder, made = step.ladder()
    assert tuple(one.rung.name for one in made.rungs) == NAMES
    assert step.begun() == list(NAMES)
    assert (folder / "master.m3u8").read_text().count("#EXT-X-STREAM-INF") == 2
    for name in NAMES:
        assert "METHOD=AES-128" in (folder / name / "index.m3u8").read_text()
        assert (folder / name / "00000.ts").read_bytes()[:1] != b"G"  # encrypted: no sync byte
    assert step.extras == 0
    assert step.stand_in.asked("^GET /jobs\\?") == []  # nothing was unclear, so nothing is looked up


def test_it_is_laid_out_as_the_local_engine_lays_it_out(step, tmp_path):
    ours, _ = step.ladder()
    task = step.task()
    LocalProcessing(step.storage).ladder(task, step.probe, step.report, step.rungs, keys=KEYS, watch=WATCH)
    assert _files(ours) == _files(task.work / "hls")


def test_a_second_try_finds_the_jobs_by_their_ids(step):
    step.ladder()
    step.ladder()
    assert step.begun() == list(NAMES)


def test_a_job_whose_answer_was_lost_is_found_by_its_user_data(step):
    step.stand_in.faults.plan("lose", "POST", "/jobs")
    again(step.ladder)
    assert step.begun() == ["360p"]
    step.ladder()
    assert step.begun() == list(NAMES)
    assert step.extras == 0


def test_so_is_one_among_hundreds_of_others(step):
    jobs = step.stand_in.ci.jobs
    for number in range(2 * PAGE + 20):
        operation = {"UserData": f"juliu:{number + 2}:7:1:{HASH}:ladder:360p:1:1.1", "Output": {"Object": "work/x"}}
        jobs[f"other{number}"] = Job(f"other{number}", "Transcode", SOURCE, operation, "", "q", time.time(), "Success",
                                     listed=True)  # fmt: skip
    for number in range(30 * PAGE):  # of other days
        at_s = time.time() + 86_400 * (-1) ** number
        jobs[f"old{number}"] = Job(
            f"old{number}", "Transcode", SOURCE, operation, "", "q", at_s, "Success", listed=True
        )
    others = len(jobs)
    step.stand_in.faults.plan("lose", "POST", "/jobs")
    again(step.ladder)
    step.ladder()
    assert len(jobs) == others + 2
    assert len(step.stand_in.asked("^GET /jobs\\?nextToken")) == 3


def test_a_list_that_is_behind_costs_a_job_that_is_found_and_deleted_in_the_end(step):
    step.stand_in.ci.lag = 2
    step.stand_in.faults.plan("lose", "POST", "/jobs")
    again(step.ladder)
    step.ladder()
    assert step.begun() == ["360p", "360p", "540p"]
    assert step.extras == 1
    kept = {entry["output"] for entry in step.noted["ci"].values()}
    assert set(step.storage.keys("work/", 10)) == kept
    step.ladder()
    assert (step.begun(), step.extras) == (["360p", "360p", "540p"], 1)


def test_one_that_ci_has_not_begun_is_cancelled(step):
    step.stand_in.ci.lag, step.patience_s = 2, 0.0
    step.stand_in.faults.plan("lose", "POST", "/jobs")
    step.stand_in.ci.hold.set()
    again(step.ladder)
    with pytest.raises(Later):
        step.ladder()
    second = [job for job in step.stand_in.ci.jobs.values() if job.job_id == step.noted["ci"]["360p"]["job"]]
    first = [job for job in step.stand_in.ci.jobs.values() if job.operation["UserData"].endswith(":360p:1:1.1")]
    second[0].state, first[0].state = "Success", "Submitted"
    step.stand_in.ci.jobs[step.noted["ci"]["540p"]["job"]].state = "Success"
    failed = again(step.ladder)  # what CI says it made is not there
    assert failed.reason == "ci_output_gone"
    assert first[0].state == "Cancel"
    assert step.extras == 1


def test_a_worker_does_other_things_while_ci_is_slow_and_finds_the_jobs_again(step):
    step.patience_s = 0.0
    step.stand_in.ci.hold.set()
    for _ in range(3):
        with pytest.raises(Later):
            step.ladder()
    step.stand_in.ci.hold.clear()
    step.patience_s = LONG_S
    step.ladder()
    assert step.begun() == list(NAMES)


def test_what_ci_cannot_do_is_tried_three_times_and_then_shown_to_people(step):
    step.storage.put_bytes("incoming/7/1/broken.mp4", b"no video at all", "video/mp4")
    reasons, caught = [], None
    while caught is None:
        try:
            step.ladder(step.task("incoming/7/1/broken.mp4"))
        except StepFailed as failed:
            reasons.append(failed.reason)
            caught = failed if failed.kind is Failure.MEND else None
    assert set(reasons) == {"ci_failed"}
    assert len(reasons) in range(TIMES, 2 * TIMES)  # both rungs may fail at once, or one after the other
    assert len(step.stand_in.ci.jobs) <= 2 * TIMES
    assert "InputFileError" in caught.text


def test_output_that_is_gone_is_made_anew(step):
    step.ladder()
    step.storage.delete(step.storage.keys("work/", 10))
    for _ in NAMES:
        assert again(step.ladder).reason == "ci_output_gone"
    step.stand_in.faults.plan("lose", "POST", "/jobs")
    again(step.ladder)
    step.ladder()  # finds the new one by its UserData, not the old one whose output is gone
    assert len(step.stand_in.ci.jobs) == 4
    assert step.extras == 0


def test_the_mezzanine_is_plain_and_where_it_stays(step, tmp_path):
    task = step.task()
    stored = step.processing().mezzanine(task, step.probe, step.report, WATCH)
    assert stored.key == f"mezzanine/7/1/{HASH}.mp4"
    step.storage.fetch(stored.key, tmp_path / "plain.mp4", 1 << 30, WATCH)
    made = probing.probe(tmp_path / "plain.mp4", Limits(), WATCH)
    assert (made.seen().codec, made.seen().width, made.seen().height) == ("h264", 180, 320)
    assert made.audio is not None
    assert abs(made.duration_ms - 3_000) < 200


def test_what_ci_cannot_read_is_refused_before_anything_is_paid_for(step, monkeypatch):
    assert step.processing().probe(step.task(), WATCH) == step.probe
    step.stand_in.faults.plan("refuse", "GET", "videoinfo", times=2)
    assert step.processing().probe(step.task(), WATCH) == step.probe
    monkeypatch.setattr(probing, "probe", lambda *_: step.probe)  # as if ours could read it
    step.storage.put_bytes("incoming/7/1/broken.mp4", b"no video at all", "video/mp4")
    with pytest.raises(StepFailed) as caught:
        step.processing().probe(step.task("incoming/7/1/broken.mp4"), WATCH)
    assert (caught.value.kind, caught.value.reason) == (Failure.MEND, "ci_cannot_read")


@pytest.mark.parametrize("seed", [1, 2])
def test_whatever_fails_by_chance_there_is_one_ladder_and_no_extra(tmp_path, seen, clip, seed):
    with CosStandIn(tmp_path / "cos", seed) as stand_in:
        step = Step(stand_in, seen, clip, tmp_path)
        stand_in.ci.lag = seed
        stand_in.faults.rates = {"refuse": 0.1, "cut": 0.1, "lose": 0.15, "truncate": 0.1}
        for _ in range(12):
            try:
                folder, _ = step.ladder()
                break
            except StepFailed as failed:
                assert failed.kind is Failure.AGAIN, failed  # noqa: PT017
        stand_in.faults.off()
        step.ladder()
        assert len(_files(folder)) == 7
        assert step.extras == len(step.begun()) - 2
        until(lambda: all(job.state in ("Success", "Cancel") for job in stand_in.ci.jobs.values()), 10, "CI ends")


def _files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
