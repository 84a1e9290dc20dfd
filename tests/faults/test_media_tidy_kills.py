"""Workers are killed while they delete what jobs left behind: what plays goes on playing, the rest goes in the end."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from infra.settings import Settings
from tests.media_rig import DRAMA, Rig, clip
from tests.redis_server import until

pytestmark = [pytest.mark.servers, pytest.mark.timeout(600)]
PLACES = ("media.after_tidy_decided", "media.before_keys_go", "media.before_tidied")
DAYS_MS = 8 * 86_400_000


@pytest.fixture
def rig(fresh: Settings, tmp_path: Path) -> Iterator[Rig]:
    one = Rig(fresh, tmp_path, episodes=len(PLACES) + 1)
    yield one
    one.close()


def test_a_worker_that_dies_tidying_leaves_what_plays_and_the_next_one_ends_it(rig: Rig) -> None:
    numbers = range(1, rig.episodes + 1)
    worker = rig.worker()
    for version in range(2):
        for number in numbers:
            rig.submit(number, clip(rig.out / "clips" / f"{number}-{version}.mp4", number=10 * version + number))
        rig.finished()
    assert worker.stop() == 0
    _weeks_pass(rig)
    for place in PLACES:
        assert rig.worker(place).ended(90) == -signal.SIGKILL, place
        _every_newest_plays(rig)
        _lease_is_over(rig)
    rig.worker()
    until(lambda: _nothing_is_left(rig), 90, "all of it is gone")
    _every_newest_plays(rig)
    with rig.engine.connect() as connection:
        renditions = sa.text("SELECT COUNT(DISTINCT episode_no, hash12), COUNT(DISTINCT episode_no) FROM media_keys")
        assert tuple(connection.execute(renditions).one()) == (rig.episodes, rig.episodes)
    rig.nothing_is_left()


def _weeks_pass(rig: Rig) -> None:
    """Everything was eight days ago."""
    with rig.engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE media_jobs SET updated_ms = updated_ms - {DAYS_MS}")
        connection.exec_driver_sql(f"UPDATE media_steps SET finished_ms = finished_ms - {DAYS_MS}")
        connection.exec_driver_sql("UPDATE media_episodes SET look_ms = 0")
    then_s = time.time() - DAYS_MS / 1_000
    for path in Path(rig.settings.media_root).rglob("*"):
        os.utime(path, (then_s, then_s))


def _lease_is_over(rig: Rig) -> None:
    """Of the worker that died."""
    with rig.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE media_episodes SET look_ms = 0, until_ms = 0 WHERE until_ms > 0")


def _every_newest_plays(rig: Rig) -> None:
    """What the catalogue names is there with its keys, rung by rung."""
    newest = {view.job.episode_no: view for view in rig.done()}
    for view in newest.values():
        rig.plays(view)


def _nothing_is_left(rig: Rig) -> bool:
    """One rendition an episode, and no source."""
    folders = {tuple(key.split("/")[2:4]) for key in rig.storage.keys(f"hls/{DRAMA}/", 10_000)}
    return len(folders) == rig.episodes and rig.storage.keys("incoming/", 10) == []
