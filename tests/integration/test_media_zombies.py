"""A worker that slept past its lease, on a real MySQL: what it wakes to write is refused where viewers would see it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
import sqlalchemy as sa

from domain.media import names
from domain.media.steps import JobState, Step
from domain.media.trouble import Cancelled, Failure, LeaseLost, StepFailed
from infra.catalogue.shelf import RedisShelf
from infra.media.dramas import Dramas
from infra.media.elsewhere import ElsewhereRows
from infra.media.job import Leased
from infra.media.queue import JobQueue
from infra.mysql.engine import engine_of
from infra.mysql.migrate import migrate as migrate_mysql
from infra.settings import Settings
from media_jobs.catalogue import CatalogueWriter
from tests.catalogue import a_line
from tests.catalogue import an_episode as a_line_of
from tests.catalogue_rig import Rig
from tests.media_desk import LIFE_MS, OURS, Clock, Desk
from tests.memory_jobs import an_episode
from tests.wechat_builders import LI, a_dossier

pytestmark = pytest.mark.servers
OLD, NEW, LENGTH_MS = names.master(7, 1, "0" * 12), names.master(7, 1, "1" * 12), 61_000


class Scene:
    """An episode that waits for its last step, twice: with an old file, and with the one that replaced it."""

    def __init__(self, rig: Rig) -> None:
        self.clock = Clock()
        self.engine = rig.engine
        self.desk = Desk(JobQueue(rig.engine, self.clock), self.clock, ElsewhereRows(rig.engine))
        self.writer = CatalogueWriter(rig.engine, rig.shelf)

    def at_its_end(self) -> tuple[int, Leased]:
        """A job whose CDN step is leased."""
        job_id = self.desk.queue.submit(an_episode())
        self.desk.done(*OURS[:-1])
        return job_id, self.desk.lease(Step.CDN)

    def published(self) -> str:
        with self.engine.connect() as connection:
            found = sa.text("SELECT media_path FROM episodes WHERE drama_id = 7 AND episode_no = 1")
            return str(connection.scalar(found))


@pytest.fixture
def scene(fresh: Settings, tmp_path: Path) -> Iterator[Scene]:
    migrate_mysql(fresh)
    with redis.Redis.from_url(fresh.redis_url) as client:
        rig = Rig(fresh, engine_of(fresh), client, RedisShelf.of(fresh), tmp_path)
        rig.publishes(a_line(7, episodes=[a_line_of(1, media_path="")]))
        yield Scene(rig)
        rig.engine.dispose()
        rig.shelf.close()


def test_nothing_is_published_in_production_whose_record_number_nobody_has_ticked(scene):
    _, leased = scene.at_its_end()
    publish = CatalogueWriter(scene.engine, scene.writer.shelf, needs_record=True).under(leased)
    book = Dramas(scene.engine, scene.clock)
    for prepare in (
        lambda: None,
        lambda: book.put(a_dossier(7), LI),
        lambda: book.put(a_dossier(7, record_number="V2"), LI),
    ):
        prepare()
        with pytest.raises(StepFailed, match="tick") as caught:
            publish(7, 1, NEW, LENGTH_MS)
        assert (caught.value.kind, caught.value.reason, scene.published()) == (Failure.MEND, "record_not_ticked", "")
    book.tick(7, "V2", LI)
    publish(7, 1, NEW, LENGTH_MS)
    assert scene.published() == NEW


def test_an_episode_that_slept_does_not_come_back_over_the_one_that_took_its_place(scene):
    old, sleeper = scene.at_its_end()
    scene.clock.pass_ms(LIFE_MS)
    other = scene.desk.lease(Step.CDN, "b")
    scene.writer.under(other)(7, 1, OLD, LENGTH_MS)
    scene.desk.queue.finish(other, {}, 1)
    assert (scene.desk.state(old), scene.published()) == (JobState.DONE, OLD)
    _, newer = scene.at_its_end()
    scene.writer.under(newer)(7, 1, NEW, LENGTH_MS)
    with pytest.raises(LeaseLost):
        scene.writer.under(sleeper)(7, 1, OLD, LENGTH_MS)
    assert scene.published() == NEW


def test_a_cancelled_job_publishes_nothing(scene):
    job_id, leased = scene.at_its_end()
    scene.desk.queue.cancel(job_id)
    with pytest.raises(Cancelled):
        scene.writer.under(leased)(7, 1, OLD, LENGTH_MS)
    assert scene.published() == ""
