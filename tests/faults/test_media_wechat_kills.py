"""Workers die at every named place of WeChat's steps and at any instant, while WeChat misbehaves: nothing is twice.

More instants: MEDIA_KILLS=60 .venv/bin/pytest tests/faults/test_media_wechat_kills.py -k instant
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
import sqlalchemy as sa

from domain import keys
from domain.media.steps import JobState, Kind, Step
from infra.media.dramas import Dramas
from infra.media.job import JobFilter, Leased, Submission
from infra.settings import Settings
from tests.media_rig import DRAMA, Rig
from tests.redis_server import until
from tests.standins.wechat import serving
from tests.standins.wechat_state import Account, Traits
from tests.wechat_builders import LI, TITLE, a_dossier, papers

pytestmark = [pytest.mark.servers, pytest.mark.timeout(900)]
KILLS = int(os.environ.get("MEDIA_KILLS", "4"))
EPISODES, SIZE = 3 + KILLS // 2, 5_000
AT_WORK = 2  # episodes that are always under way
BEFORE = (Step.PROBE, Step.CHECK, Step.LADDER, Step.STORE, Step.CDN, Step.MEZZANINE)
BAD = {
    "initialising": 2, "no_answer": 0.08, "not_done": 0.08, "system_error": 0.08, "pull_fails": 0.1, "audit_takes": 2,
}  # fmt: skip


class Scene:
    """An installation whose own steps are done by hand, a WeChat, and a clock that does not let anybody wait."""

    def __init__(self, fresh: Settings, out: Path, account: Account, base: str) -> None:
        env = {
            "JULIU_WECHAT_API": base, "JULIU_WECHAT_APPID": account.appid, "JULIU_WECHAT_SECRET": account.secret,
        }  # fmt: skip
        module = "tests.quick_media_worker"  # what the facts say of time cannot be hurried from outside
        self.rig, self.account = Rig(fresh, out, EPISODES, wechat=True, module=module, **env), account
        self.dramas = Dramas(self.rig.engine, lambda: time.time_ns() // 1_000_000)
        paper = out / "paper.png"
        paper.write_bytes(b"\x89PNG and so on")
        for key in papers(DRAMA):
            assert self.rig._put(key, paper)
        self.dramas.put(a_dossier(DRAMA), LI)
        self.dramas.tick(DRAMA, "V1234567", LI)
        self._stop = threading.Event()
        self._hurry = threading.Thread(target=self._hurried, daemon=True)
        self._hurry.start()

    def episode(self, number: int, size: int = SIZE) -> None:
        """A job whose mezzanine is there."""
        title = f"{TITLE} - 第{number}集"
        self.rig.jobs.submit(Submission(Kind.EPISODE, DRAMA, number, "x", title, wechat=True, again=True))
        for step in BEFORE:
            leased = self._leased(step)
            facts = {"key": f"mezzanine/{DRAMA}/{number}/{size:012d}.mp4", "size": size}
            self.rig.jobs.finish(leased, facts if step is Step.MEZZANINE else {}, 0)

    def _leased(self, step: Step) -> Leased:
        """Whoever hurries holds rows for a moment, and a lease passes over these."""
        leased: Leased = until(lambda: self.rig.jobs.lease("by hand", 60_000, [step]), 30, f"{step} is due")
        return leased

    def submit(self, kind: Kind, number: int = 0) -> None:
        self.rig.jobs.submit(Submission(kind, DRAMA, number, "-" if number else "", TITLE, again=True))

    def done(self) -> None:
        """Every job has ended well."""
        self.rig.finished(120)
        ended = {view.job.state for view in self.rig.jobs.jobs(JobFilter(), 0, 200)}
        assert ended == {JobState.DONE}, self.rig.said()

    def dies_at(self, *places: str) -> None:
        """A worker dies there, then the next one there, ..., then one goes on."""
        for place in places:
            assert self.rig.worker(place).ended(60) == -signal.SIGKILL, f"{place}\n{self.rig.said()}"
        worker = self.rig.worker()
        self.done()
        assert worker.stop() == 0

    def each_episode_is_there_once(self, replaced: int) -> None:
        """WeChat has one drama, of the media that play here; and what was replaced in it, which it keeps."""
        (drama,) = self.account.submissions(TITLE)
        plays = self.dramas.plays([(DRAMA, number) for number in range(1, EPISODES + 1)])
        assert drama.media == [plays[DRAMA, number] for number in range(1, EPISODES + 1)]
        assert len(self.account.media) == EPISODES + replaced

    def at_work(self, before: int) -> bool:
        """Whether WeChat was asked again, or there is nothing left to ask."""
        return self.account.calls.total() > before + 1 or not self.rig.active()

    def close(self) -> None:
        self._stop.set()
        self._hurry.join(10)
        self.rig.close()

    def _hurried(self) -> None:
        """What is put off is due at once; our own limits of calls are lifted, since nobody waits for them."""
        hurry = sa.text("UPDATE media_steps SET due_ms = 0 WHERE state = 'ready' AND due_ms > 0")
        counts = keys.wechat_calls(self.account.appid, "*", 0)[:-1] + "*"
        with redis.Redis.from_url(self.rig.settings.redis_url) as client:
            while not self._stop.wait(0.05):
                with self.rig.engine.begin() as connection:
                    connection.execute(hurry)
                if found := client.keys(counts):
                    client.delete(*found)


@pytest.fixture
def scene(fresh: Settings, tmp_path: Path) -> Iterator[Scene]:
    account = Account(seed=5, size_of=_size)
    with serving(account) as server:
        one = Scene(fresh, tmp_path, account, server.base)
        yield one
        one.close()


def _size(address: str) -> int:
    """Of what WeChat fetches, as the name of the mezzanine says."""
    return int(address.partition(".mp4")[0].rpartition("/")[2])


def test_a_worker_that_dies_at_any_named_place_leaves_nothing_twice(scene: Scene) -> None:
    for number in range(1, EPISODES + 1):
        scene.episode(number)
    scene.dies_at("media.before_pull", "media.after_pull", "media.after_media_id")
    scene.submit(Kind.DRAMA)
    scene.dies_at("media.before_submit", "media.after_submit", "media.after_audit")
    scene.episode(2, SIZE + 1)
    scene.dies_at()
    scene.submit(Kind.REPLACEMENT, 2)
    scene.dies_at("media.before_replacement", "media.after_replacement", "media.after_replace")
    scene.each_episode_is_there_once(replaced=1)
    assert scene.account.calls["auditdrama"] == 1


def test_workers_killed_at_any_instant_while_wechat_misbehaves_leave_nothing_twice(scene: Scene) -> None:
    rnd, submitted = random.Random(11), 0
    scene.account.traits = Traits(**BAD)
    for _ in range(KILLS):
        while len(scene.rig.active()) < AT_WORK and submitted < EPISODES:
            submitted += 1
            scene.episode(submitted)
        before, worker = scene.account.calls.total(), scene.rig.worker()
        until(lambda before=before: scene.at_work(before), 60, f"a worker is at work\n{scene.rig.said()}")
        time.sleep(0.4 * rnd.random())  # an instant like any other
        worker.kill()
    for number in range(submitted + 1, EPISODES + 1):
        scene.episode(number)
    scene.dies_at()
    scene.submit(Kind.DRAMA)
    worker = scene.rig.worker()
    until(lambda: scene.account.calls["auditdrama"] > 0, 60, f"it is handed in\n{scene.rig.said()}")
    worker.kill()
    scene.dies_at()
    scene.each_episode_is_there_once(replaced=0)
