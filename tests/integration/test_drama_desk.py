"""Several people at one drama at the same moment, on a real MySQL: each order is done once and is on record once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, TypeVar

import pytest
import sqlalchemy as sa

from domain.media import orders
from domain.media.orders import By, Ordered, Surface, What
from infra.catalogue.importing import import_file
from infra.media.drama_book import OtherNumber
from infra.media.drama_desk import DramaDesk
from infra.media.dramas import Dramas
from infra.media.job import JobFilter
from infra.media.queue import JobQueue
from infra.mysql.engine import engine_of
from infra.mysql.migrate import migrate
from infra.settings import Settings
from tests.catalogue import a_file, a_line
from tests.wechat_builders import LI, a_dossier

pytestmark = [pytest.mark.servers, pytest.mark.timeout(120)]
T = TypeVar("T")
DRAMA, AT_ONCE, NOW_MS = 11, 8, 1_795_000_000_000


class Scene(NamedTuple):
    desk: DramaDesk
    jobs: JobQueue

    def recorded(self) -> list[Ordered]:
        return [orders.decode(record.value) for record in self.jobs.records(1_000)]


@pytest.fixture
def scene(fresh: Settings, tmp_path: Path) -> Iterator[Scene]:
    migrate(fresh)
    engine: sa.Engine = engine_of(fresh, pool=AT_ONCE)
    assert import_file(engine, a_file(tmp_path / "one.jsonl", a_line(DRAMA, 3))).created == 1
    jobs = JobQueue(engine)
    yield Scene(DramaDesk(Dramas(engine, lambda: NOW_MS), jobs), jobs)
    engine.dispose()


def at_once(act: Callable[[By], T]) -> list[T]:
    staff = [By(Surface.API, str(number)) for number in range(1, AT_ONCE + 1)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(act, staff))


def test_of_many_who_hand_in_tick_and_publish_at_once_each_is_one(scene: Scene):
    dossier = a_dossier(DRAMA)
    at_once(lambda by: scene.desk.put(dossier, by))
    seen = at_once(lambda by: scene.desk.tick(DRAMA, dossier.record_number, by))
    begun = at_once(lambda by: scene.desk.publish(DRAMA, by))
    assert len({view.standing.ticked_by for view in seen}) == 1
    assert ([one.new for one in begun].count(True), len({one.job_id for one in begun})) == (1, 1)
    assert len(scene.jobs.jobs(JobFilter(), 0, 10)) == 1
    recorded = scene.recorded()
    assert Counter(one.what for one in recorded) == {What.PUT: 1, What.TICK: 1, What.PUBLISH: 1}
    assert recorded[1].who == seen[0].standing.ticked_by, "who is on record is who is in the tick"


def test_a_number_that_changes_under_a_tick_is_not_ticked_unseen(scene: Scene):
    scene.desk.put(a_dossier(DRAMA, record_number="V0"), LI)

    def act(by: By) -> None:
        if int(by.who) % 2:
            with suppress(OtherNumber):
                scene.desk.tick(DRAMA, "V0", by)
        else:
            scene.desk.number(DRAMA, f"V{by.who}", by)

    at_once(act)
    standing = scene.desk.view(DRAMA).standing
    assert (standing.dossier.record_number != "V0", standing.ticked_ms) == (True, 0)
    changed = [one.detail for one in scene.recorded() if one.what is What.PUT]
    assert (len(changed), len(set(changed)), changed[-1]) == (5, 5, standing.dossier.record_number)
