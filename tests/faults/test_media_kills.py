"""Media workers are killed at every named place and at any instant: every episode ends playable once, nothing is lost.

More instants: MEDIA_KILLS=60 .venv/bin/pytest tests/faults/test_media_kills.py -k instant
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from domain.media.steps import JobState
from infra.settings import Settings
from tests.media_rig import Rig

pytestmark = [pytest.mark.servers, pytest.mark.timeout(1_500)]
KILLS = int(os.environ.get("MEDIA_KILLS", "2"))
SEED = int(os.environ.get("MEDIA_SEED", "7"))
AT_WORK = 2  # episodes that are always under way
PLACES = (
    "media.after_lease:2", "media.after_encode", "media.before_master", "media.after_master", "media.before_publish",
    "media.after_publish", "media.before_finish:3", "media.after_finish:3", "media.before_send", "media.after_send",
)  # fmt: skip


@pytest.fixture
def rig(fresh: Settings, tmp_path: Path) -> Iterator[Rig]:
    one = Rig(fresh, tmp_path, episodes=len(PLACES) + 2 + 2 * KILLS)
    yield one
    one.close()


def test_a_worker_that_dies_at_any_named_place_leaves_work_that_the_next_one_ends(rig: Rig) -> None:
    for episode_no, place in enumerate(PLACES, 1):
        rig.submit(episode_no)
        assert rig.worker(place).ended(90) == -signal.SIGKILL, place
    broken = rig.out / "broken.mp4"
    broken.write_bytes(b"no video at all")
    rejected = rig.submit(rig.episodes, broken)
    assert rig.worker("media.after_fail").ended(90) == -signal.SIGKILL
    assert rig.jobs.job(rejected).job.state is JobState.REJECTED
    rig.worker()
    rig.finished()
    rig.every_episode_plays_once(range(1, len(PLACES) + 1))
    rig.every_step_is_told_once()
    rig.nothing_is_left()


def test_workers_killed_at_any_instant_lose_nothing_and_do_nothing_twice(rig: Rig) -> None:
    rnd, submitted = random.Random(SEED), 0
    for _ in range(KILLS):
        while len(rig.active()) < AT_WORK and submitted < rig.episodes:
            submitted += 1
            rig.submit(submitted)
        worker = rig.worker()
        rig.up(worker)
        time.sleep(4 * rnd.random() ** 2)  # an instant like any other
        worker.kill()
    rig.worker()
    rig.finished()
    rig.every_episode_plays_once(range(1, submitted + 1))
    rig.every_step_is_told_once()
    rig.nothing_is_left()
