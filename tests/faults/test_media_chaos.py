"""COS, CI, WeChat and MySQL fail at random while media workers are killed: every episode ends once everywhere.

More instants: MEDIA_KILLS=60 .venv/bin/pytest tests/faults/test_media_chaos.py
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import sqlalchemy as sa

from domain.media import wechat_name
from domain.media.steps import StepState
from infra.media.dramas import Dramas
from infra.settings import Settings
from tests.media_rig import DRAMA, TITLE, Rig
from tests.mysql_cutter import Cutter
from tests.standins.cos import CosStandIn
from tests.standins.wechat import serving
from tests.standins.wechat_state import Account, Traits

pytestmark = [pytest.mark.servers, pytest.mark.timeout(3_000)]
KILLS = int(os.environ.get("MEDIA_KILLS", "2"))
SEED = int(os.environ.get("MEDIA_SEED", "5"))
MOST = 10 + 2 * KILLS
AT_WORK = 2  # episodes that are always under way
ENDS_S, PLACE_S = 400.0, 120.0
PLACES = (
    "media.before_ci", "media.after_ci", "media.after_encode", "media.after_master",
    "media.before_pull", "media.after_pull", "media.after_media_id",
)  # fmt: skip
TRAITS = Traits(
    initialising=1, no_answer=0.05, not_done=0.05, system_error=0.05, pull_fails=0.1, event_lost=0.3, event_twice=0.3,
)  # fmt: skip
RATES = {"refuse": 0.02, "cut": 0.01, "lose": 0.02, "truncate": 0.01}


class Chaos:
    """A rig whose three stores fail at random, from one seed; `calm` ends that."""

    def __init__(self, fresh: Settings, out: Path, seed: int) -> None:
        self._stack, self._calm = ExitStack(), threading.Event()
        self.cos = self._stack.enter_context(CosStandIn(out / "cos", seed))
        self.account = Account(traits=TRAITS, seed=seed, size_of=self._size_of)
        wechat = self._stack.enter_context(serving(self.account))
        mysql = sa.make_url(fresh.mysql_url.get_secret_value()).port
        self.cutter = self._stack.enter_context(Cutter(mysql or 3306))
        self._random, self.cuts = random.Random(seed), 0
        self.rig = Rig(
            fresh, out, episodes=MOST, wechat=True, mysql_port=self.cutter.port, module="tests.quick_media_worker",
            JULIU_WECHAT_APPID=self.account.appid, JULIU_WECHAT_SECRET=self.account.secret,
            JULIU_WECHAT_API=wechat.base, **self.cos.settings,
        )  # fmt: skip
        self.cos.faults.rates, self.cos.ci.lost, self.cos.ci.doubled = dict(RATES), 0.3, 0.3
        threading.Thread(target=self._cutting, daemon=True).start()

    def calm(self) -> None:
        """From now on all goes well."""
        self._calm.set()
        self.cos.faults.off()
        self.account.traits = Traits(initialising=0)

    def hurry(self) -> None:
        """What waits for time to pass is due now; what waits after a failure is left waiting."""
        for view in self.rig.active():
            for row in view.steps:
                if row.state is StepState.READY:
                    self.rig.jobs.wake(view.job.job_id, row.step)

    def life(self, place: str = "", seconds: float = 0.0) -> None:
        """A worker that lives until it comes to the place, or for so long (an instant like any other)."""
        worker = self.rig.worker(place)
        ends = self.rig.up(worker) + (PLACE_S if place else seconds)
        while time.monotonic() < ends and worker.process.poll() is None:
            self.hurry()
            time.sleep(0.1)
        assert not place or worker.process.poll() == -signal.SIGKILL, f"{place}\n{self.rig.said()}"
        worker.close()

    def end(self) -> None:
        """With one more worker, while the stores still fail; then they do not."""
        self.rig.worker()
        self.rig.finished(ENDS_S, meanwhile=self.hurry)
        self.calm()

    def each_episode_is_once_on_wechat(self, numbers: range) -> None:
        ours = Dramas(self.rig.engine, lambda: 0).media(DRAMA)
        for number in numbers:
            theirs = [one.media_id for one in self.account.named(wechat_name.written(TITLE, number))]
            told = f"{number}: {self.account.media} deleted {self.account.deleted}\n{self.rig.said()}"
            assert theirs == [ours[number].media_id], told

    def close(self) -> None:
        self._calm.set()
        self.rig.close()
        self._stack.close()

    def _cutting(self) -> None:
        """One connection to MySQL after the other is cut, before or after the server has done what it was told."""
        while not self._calm.wait(0.2):
            if not self.cutter.cutting:
                self.cuts += 1
                self.cutter.cut(self._random.randint(5, 60), after=self._random.random() < 0.5)

    def _size_of(self, address: str) -> int | None:
        status, body = self.cos.browse("GET", address)
        return len(body) if status == 200 else None


@pytest.fixture
def chaos(fresh: Settings, tmp_path: Path) -> Iterator[Chaos]:
    one = Chaos(fresh, tmp_path, seed=SEED)
    yield one
    one.close()


def test_workers_that_die_anywhere_leave_nothing_twice(chaos: Chaos) -> None:
    """At each place where an answer is in doubt, and at KILLS random instants; the stores fail all the while."""
    rnd, rig, submitted = random.Random(SEED), chaos.rig, 0
    for place in [*PLACES, *[""] * KILLS]:
        for _ in range(1 if place else AT_WORK - len(rig.active())):  # for each place an episode that leads there
            submitted += 1
            rig.submit(submitted)
        chaos.life(place, 8 * rnd.random() ** 2)
    chaos.end()
    rig.every_episode_plays_once(range(1, submitted + 1))
    rig.every_step_is_told_once()
    chaos.each_episode_is_once_on_wechat(range(1, submitted + 1))
    rig.nothing_is_left()
    assert chaos.cuts > 1
    assert len({fault for fault, _ in chaos.cos.faults.met}) > 1
