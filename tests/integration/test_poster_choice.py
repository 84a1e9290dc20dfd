"""The poster that people choose, on a real MySQL and Redis: readers have it, another file's is never shown for it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import redis

from domain.media import names, orders
from domain.media.orders import By, Ordered, Surface, What
from infra.catalogue.media import UnknownEpisode, publish_media
from infra.catalogue.posters import NoCandidates, NoSuchCandidate
from infra.catalogue.shelf import RedisShelf
from infra.fold_store import Wait
from infra.media.elsewhere import ElsewhereRows
from infra.media.poster_desk import PosterDesk
from infra.media.queue import JobQueue
from infra.mysql.engine import engine_of
from infra.mysql.migrate import migrate
from infra.settings import Settings
from tests.catalogue import a_line
from tests.catalogue import an_episode as a_line_of
from tests.catalogue_rig import Rig
from tests.media_desk import HASH, OTHER_HASH, OURS, Clock, Desk
from tests.memory_jobs import an_episode

pytestmark = [pytest.mark.servers, pytest.mark.timeout(120)]
ANNA, BORIS = By(Surface.API, "41"), By(Surface.CLI, "boris")
FOUND = [[0, 5_000, 91.5, ["0-240.webp"]], [1, 61_000, 60.0, []], [2, 30_000, 12.25, []]]


class Scene:
    """Episode 1 of drama 7 waits for a file."""

    def __init__(self, rig: Rig) -> None:
        self.rig, self.clock = rig, Clock()
        self.jobs = Desk(JobQueue(rig.engine, self.clock), self.clock, ElsewhereRows(rig.engine))
        self.desk = PosterDesk(rig.engine, rig.shelf, self.clock)

    def made(self, content_hash: str, posters: Any = FOUND) -> None:
        """A job makes the episode from this content, as the steps do."""
        self.jobs.queue.submit(an_episode(7, 1, again=True))
        probe, check, *rest = OURS
        self.jobs.done(probe, content_hash=content_hash)
        self.jobs.done(check, posters=posters)
        self.jobs.done(*rest)
        publish_media(self.rig.engine, 7, 1, names.master(7, 1, names.hash12(content_hash)), 60_000)
        self.rig.publishes()

    def shown(self) -> int:
        """What a process shows that starts now."""
        return self.rig.read().poster(7, 1)

    def ordered(self) -> list[Ordered]:
        records = [record.value for record in self.jobs.queue.records(100)]
        return [orders.decode(value) for value in records if orders.is_order(value)]


@pytest.fixture
def scene(fresh: Settings, tmp_path: Path) -> Iterator[Scene]:
    migrate(fresh)
    with redis.Redis.from_url(fresh.redis_url) as client:
        rig = Rig(fresh, engine_of(fresh, pool=8), client, RedisShelf.of(fresh), tmp_path)
        rig.publishes(a_line(7, episodes=[a_line_of(number, media_path="") for number in (1, 2)]))
        yield Scene(rig)
        rig.engine.dispose()
        rig.shelf.close()


def test_the_sharpest_is_shown_until_somebody_chooses(scene: Scene):
    scene.made(HASH)
    found = scene.desk.candidates(7, 1)
    assert (found.hash12, found.chosen, found.by_people) == (HASH[:12], 0, False)
    assert [(one.number, one.at_ms, one.sharpness) for one in found.candidates] == [
        (0, 5_000, 91.5), (1, 61_000, 60.0), (2, 30_000, 12.25),
    ]  # fmt: skip
    chosen = scene.desk.choose(7, 1, 2, ANNA)
    assert (chosen.chosen, chosen.by_people, scene.shown()) == (2, True, 2)
    assert scene.rig.read().poster(7, 2) == 0
    (order,) = scene.ordered()
    assert (order.what, order.surface, order.who, order.detail) == (What.POSTER, "api", "41", f"{HASH[:12]}/2")
    assert (order.drama_id, order.episode_no, order.at_ms) == (7, 1, scene.clock.now_ms)


def test_the_same_choice_twice_is_one_order_and_publishes_what_was_not(scene: Scene):
    scene.made(HASH)
    scene.desk.choose(7, 1, 1, ANNA)
    version = scene.rig.shelf.version()
    scene.desk.choose(7, 1, 1, BORIS)
    assert (len(scene.ordered()), scene.rig.shelf.version()) == (1, version)
    away = RedisShelf(redis.Redis(port=1, socket_connect_timeout=1))
    with pytest.raises(Wait):
        PosterDesk(scene.rig.engine, away, scene.clock).choose(7, 1, 2, BORIS)
    assert scene.shown() == 1, "it is in MySQL and nobody was told"
    scene.desk.choose(7, 1, 2, BORIS)
    assert (scene.shown(), len(scene.ordered())) == (2, 2)


def test_a_choice_of_another_file_is_not_shown_and_comes_back_with_its_file(scene: Scene):
    scene.made(HASH)
    scene.desk.choose(7, 1, 2, ANNA)
    scene.made(OTHER_HASH, posters=FOUND[:1])
    assert (scene.shown(), scene.desk.candidates(7, 1).by_people) == (0, False)
    with pytest.raises(NoSuchCandidate):
        scene.desk.choose(7, 1, 2, ANNA)
    scene.made(HASH)
    assert (scene.shown(), scene.desk.candidates(7, 1).chosen) == (2, 2)


def test_a_choice_survives_an_import_of_the_catalogue(scene: Scene):
    scene.made(HASH)
    scene.desk.choose(7, 1, 1, ANNA)
    scene.rig.publishes(a_line(7, title="新名", episodes=[a_line_of(number, media_path="") for number in (1, 2)]))
    assert scene.shown() == 1
    scene.rig.publishes(afresh=True)
    assert scene.shown() == 1


def test_who_goes_back_to_the_sharpest_has_chosen_it(scene: Scene):
    scene.made(HASH)
    scene.desk.choose(7, 1, 1, ANNA)
    scene.desk.choose(7, 1, 0, ANNA)
    assert (scene.shown(), scene.desk.candidates(7, 1).by_people, len(scene.ordered())) == (0, True, 2)


def test_two_who_choose_at_once_are_one_after_the_other(scene: Scene):
    scene.made(HASH)
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda n: scene.desk.choose(7, 1, n % 3, By(Surface.API, str(n + 1))), range(6)))
    last = scene.ordered()[-1]
    assert last.detail == f"{HASH[:12]}/{scene.shown()}"
    assert scene.shown() == scene.desk.candidates(7, 1).chosen


@pytest.mark.parametrize("posters", [None, [], "x", [["0", 1, 2.0, []]]])
def test_what_no_job_noted_is_nothing_to_choose_from(scene: Scene, posters: Any):
    scene.made(HASH, posters=posters)
    with pytest.raises(NoCandidates):
        scene.desk.choose(7, 1, 0, ANNA)
    with pytest.raises(NoCandidates):
        scene.desk.candidates(7, 2)
    with pytest.raises(UnknownEpisode):
        scene.desk.candidates(7, 3)
    assert (scene.ordered(), scene.shown()) == ([], 0)
