"""A media worker as a process: how it ends, what it does when it is frozen or its job is cancelled, what it takes."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from domain.media.steps import JobState, Step, StepState
from infra import exits
from infra.media.job import StepRow
from infra.settings import Settings
from tests.fold_worker import Worker
from tests.media_rig import Rig, clip
from tests.redis_server import until

pytestmark = [pytest.mark.servers, pytest.mark.timeout(240)]
LARGE = 500 << 20


@pytest.fixture
def rig(fresh: Settings, tmp_path: Path) -> Iterator[Rig]:
    one = Rig(fresh, tmp_path, episodes=2)
    yield one
    one.close()


@pytest.fixture
def long_clip(tmp_path: Path) -> Path:
    """A minute and more that takes some seconds to encode."""
    short, long = clip(tmp_path / "short.mp4", seconds=2, size="360x640"), tmp_path / "long.mp4"
    subprocess.run(
        ["ffmpeg", "-v", "error", "-stream_loop", "60", "-i", str(short), "-c", "copy", str(long)], check=True,
        timeout=60,
    )  # fmt: skip
    return long


def ladder(rig: Rig, job_id: int) -> StepRow:
    return next(row for row in rig.jobs.job(job_id).steps if row.step is Step.LADDER)


def encoding(rig: Rig, job_id: int) -> StepRow:
    """LADDER, once its progress is shown."""
    until(lambda: ladder(rig, job_id).progress_permille > 0, 120, f"it encodes\n{rig.said()}")
    return ladder(rig, job_id)


def ffmpegs(worker: Worker) -> list[psutil.Process]:
    return [child for child in psutil.Process(worker.process.pid).children(recursive=True) if "ffmpeg" in child.name()]


def test_a_worker_that_is_asked_to_end_gives_its_step_back_at_once(rig: Rig, long_clip: Path) -> None:
    job_id = rig.submit(1, long_clip)
    worker = rig.worker()
    before = encoding(rig, job_id)
    assert worker.stop() == 0
    row = ladder(rig, job_id)
    assert (row.state, row.attempt) == (StepState.READY, before.attempt - 1)
    rig.nothing_is_left()
    assert rig.jobs.lease("another", 1_000, [Step.LADDER]) is not None


def test_a_cancelled_job_stops_in_the_middle_and_leaves_nothing_running(rig: Rig, long_clip: Path) -> None:
    job_id = rig.submit(1, long_clip)
    worker = rig.worker()
    encoding(rig, job_id)
    assert ffmpegs(worker)
    rig.jobs.cancel(job_id)
    until(lambda: not ffmpegs(worker), 20, "ffmpeg ends")
    until(lambda: any(line.get("outcome") == "cancelled" for line in worker.lines()), 20, "the worker says so")
    assert rig.jobs.job(job_id).job.state is JobState.CANCELLED
    rig.nothing_is_left()


def test_a_worker_that_slept_past_its_lease_does_no_harm_when_it_wakes(rig: Rig, long_clip: Path) -> None:
    job_id = rig.submit(1, long_clip)
    sleeper = rig.worker(member="1")
    encoding(rig, job_id)
    sleeper.signal(signal.SIGSTOP)
    rig.worker(member="2")
    until(lambda: ladder(rig, job_id).owner == "media-2", 60, f"the other takes it\n{rig.said()}")
    sleeper.signal(signal.SIGCONT)
    until(lambda: any(line["event"] == "lease lost" for line in sleeper.lines()), 60, "the sleeper drops it")
    rig.finished()
    rig.every_episode_plays_once([1])
    rig.every_step_is_told_once()


def test_a_killed_workers_ffmpeg_dies_with_it(rig: Rig, long_clip: Path) -> None:
    job_id = rig.submit(1, long_clip)
    worker = rig.worker()
    encoding(rig, job_id)
    children = ffmpegs(worker)
    worker.kill()
    until(lambda: not any(child.is_running() and child.status() != "zombie" for child in children), 20, "they die")


def test_half_a_gigabyte_is_read_in_little_memory(rig: Rig, tmp_path: Path) -> None:
    """A clip with a box of nothing at its end, as editors leave them: `free`, and its 64-bit length."""
    large = clip(tmp_path / "large.mp4")
    with large.open("ab") as file:
        file.write((1).to_bytes(4, "big") + b"free" + LARGE.to_bytes(8, "big"))
        file.truncate(large.stat().st_size + LARGE)
    rig.submit(1, large)
    worker = rig.worker()
    rig.finished()
    rig.every_episode_plays_once([1])
    status = Path(f"/proc/{worker.process.pid}/status").read_text()
    peak_kb = int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1])
    assert peak_kb < 200 << 10


def test_it_says_whether_it_is_ready_and_how_much_there_is_to_do(rig: Rig) -> None:
    worker = rig.worker()
    until(lambda: worker.ask("/readyz")[0] == 200, 60, f"ready\n{rig.said()}")
    assert json.loads(worker.ask("/livez")[1])["alive"] is True
    assert "juliu_media_ready_steps" in worker.ask("/metrics")[1]


def test_two_workers_of_one_name_are_refused(rig: Rig) -> None:
    rig.up(rig.worker())
    assert rig.worker().ended() == exits.MISCONFIGURED


def test_a_worker_without_the_keys_secret_says_what_to_set(rig: Rig) -> None:
    worker = rig.worker(JULIU_MEDIA_KEY_SECRET="")
    assert worker.ended() == exits.MISCONFIGURED
    assert "JULIU_MEDIA_KEY_SECRET" in worker.out.read_text()


def test_a_worker_without_its_tables_says_what_to_run(rig: Rig) -> None:
    with rig.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE media_steps")
    worker = rig.worker()
    assert worker.ended() == exits.MISCONFIGURED
    assert "juliu migrate" in worker.out.read_text()


def test_a_worker_without_ffmpeg_leaves_episodes_to_others(rig: Rig) -> None:
    job_id = rig.submit(1)
    worker = rig.worker(PATH="/nowhere")
    until(lambda: worker.ask("/readyz")[0] == 200, 60, f"ready\n{rig.said()}")
    assert any(line.get("missing") == ["ffmpeg", "ffprobe", "setpriv"] for line in worker.lines())
    assert {row.token for row in rig.jobs.job(job_id).steps} == {0}
    assert worker.stop() == 0
