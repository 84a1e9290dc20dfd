"""What every DramaBook promises: the twin, and MySQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec
import pytest
import sqlalchemy as sa

from domain.media import orders
from domain.media.orders import By, Ordered, Surface, What
from domain.media.wechat_drama import Audit, version
from infra.catalogue.importing import import_file
from infra.media.drama_book import ChangedMeanwhile, DramaBook, OtherNumber, UnknownDrama
from infra.media.dramas import Dramas
from infra.media.queue import JobQueue
from infra.mysql.engine import engine_of
from infra.mysql.migrate import migrate
from infra.settings import Settings
from tests.catalogue import a_file, a_line
from tests.memory_dramas import MemoryDramas
from tests.wechat_builders import LI, TITLE, a_dossier

DRAMA, OTHER, EPISODES, NOW_MS = 11, 12, 3, 1_700_000_000_000
ANNA = By(Surface.API, "41")


class Scene(NamedTuple):
    """A catalogue of two dramas, a book, a clock that can be moved; what is on record.

    `hide` takes a drama down; `moments` says when its episodes are released.
    """

    book: DramaBook
    clock: list[int]
    hide: Callable[[int], None]
    ordered: Callable[[], Sequence[Ordered]]
    moments: Callable[[int, list[int]], None]


@pytest.fixture(params=["memory", pytest.param("mysql", marks=pytest.mark.servers)])
def scene(request: pytest.FixtureRequest) -> Iterator[Scene]:
    clock = [NOW_MS]
    if request.param == "memory":
        book = MemoryDramas(lambda: clock[0], {DRAMA: EPISODES, OTHER: EPISODES})
        yield Scene(book, clock, book.hidden.add, lambda: book.orders, book.moments.__setitem__)
        return
    engine: sa.Engine = request.getfixturevalue("engine")
    with engine.begin() as connection:
        for table in ("wechat_episodes", "wechat_dramas", "takedowns", "media_records"):
            connection.execute(sa.text(f"DELETE FROM {table}"))
    yield Scene(
        Dramas(engine, lambda: clock[0]), clock, lambda drama_id: _down(engine, drama_id), lambda: _ordered(engine),
        lambda drama_id, moments: _released(engine, drama_id, moments),
    )  # fmt: skip


@pytest.fixture(scope="module")
def engine(stack: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[sa.Engine]:
    """A database of this file's own, with two dramas in its catalogue."""
    url = type(stack.mysql_url)(stack.mysql_url.get_secret_value().removesuffix("/juliu") + "/juliu_drama_book")
    settings = stack.model_copy(update={"mysql_url": url})
    migrate(settings)
    made = engine_of(settings, pool=1)
    lines = (a_line(DRAMA, EPISODES), a_line(OTHER, EPISODES))
    import_file(made, a_file(tmp_path_factory.mktemp("two") / "two.jsonl", *lines))
    yield made
    with made.begin() as connection:
        connection.execute(sa.text("DROP DATABASE juliu_drama_book"))
    made.dispose()


def _down(engine: sa.Engine, drama_id: int) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text("INSERT INTO takedowns (drama_id, taken_down_ms) VALUES (:id, 1)"), {"id": drama_id})


def _released(engine: sa.Engine, drama_id: int, moments: list[int]) -> None:
    set_one = sa.text("UPDATE episodes SET release_ms = NULLIF(:ms, 0) WHERE drama_id = :id AND episode_no = :no")
    with engine.begin() as connection:
        for number, moment in enumerate(moments, 1):
            connection.execute(set_one, {"id": drama_id, "no": number, "ms": moment})


def _ordered(engine: sa.Engine) -> list[Ordered]:
    return [orders.decode(record.value) for record in JobQueue(engine).records(100)]


def a_drama(scene: Scene, drama_id: int = DRAMA, **changes: Any) -> None:
    scene.book.put(a_dossier(drama_id, **changes), LI)
    scene.book.tick(drama_id, scene.book.standing(drama_id).dossier.record_number, LI)


def played(scene: Scene) -> dict[int, int]:
    found = scene.book.plays([(DRAMA, number) for number in range(1, EPISODES + 1)])
    return {number: media_id for (_, number), media_id in found.items()}


def test_what_was_handed_in_comes_back(scene):
    dossier = a_dossier(DRAMA)
    scene.book.put(dossier, LI)
    standing = scene.book.standing(DRAMA)
    assert standing.dossier == dossier
    assert (standing.platform_id, standing.audit, standing.ticked_ms) == (None, Audit.NONE, 0)


def test_a_drama_that_the_catalogue_does_not_have_is_unknown(scene):
    with pytest.raises(UnknownDrama):
        scene.book.put(a_dossier(99), LI)
    with pytest.raises(UnknownDrama):
        scene.book.standing(DRAMA)


def test_it_says_from_when_on_each_episode_may_be_watched(scene):
    assert list(scene.book.releases(DRAMA)) == [0] * EPISODES
    scene.moments(DRAMA, [0, NOW_MS, 0])
    assert list(scene.book.releases(DRAMA)) == [0, NOW_MS, NOW_MS]
    scene.moments(DRAMA, [0, 0, 0])
    assert list(scene.book.releases(99)) == []


def test_a_tick_is_for_the_number_that_was_seen(scene):
    a_drama(scene, record_number="A1")
    assert scene.book.standing(DRAMA).ticked_by == "li"
    scene.book.put(a_dossier(DRAMA, record_number="A1", description="another word"), LI)
    assert scene.book.standing(DRAMA).ticked_ms == NOW_MS
    scene.book.put(a_dossier(DRAMA, record_number="B2"), LI)
    assert (scene.book.standing(DRAMA).ticked_by, scene.book.standing(DRAMA).ticked_ms) == ("", 0)
    with pytest.raises(OtherNumber):
        scene.book.tick(DRAMA, "A1", LI)
    for nobody in ("", "x" * 65):
        with pytest.raises(ValueError, match="who"):
            scene.book.tick(DRAMA, "B2", By(Surface.CLI, nobody))


def test_who_ticked_first_stands_until_the_number_changes(scene):
    a_drama(scene, record_number="A1")
    scene.clock[0] += 9
    scene.book.tick(DRAMA, "A1", ANNA)
    assert (scene.book.standing(DRAMA).ticked_by, scene.book.standing(DRAMA).ticked_ms) == ("li", NOW_MS)
    scene.book.number(DRAMA, "A1", ANNA)
    assert scene.book.standing(DRAMA).ticked_by == "li", "it is the same number"
    scene.book.number(DRAMA, "B2", ANNA)
    standing = scene.book.standing(DRAMA)
    assert (standing.dossier.record_number, standing.dossier.title, standing.ticked_ms) == ("B2", TITLE, 0)
    scene.book.tick(DRAMA, "B2", ANNA)
    assert (scene.book.standing(DRAMA).ticked_by, scene.book.standing(DRAMA).ticked_ms) == ("41", NOW_MS + 9)


def test_each_order_is_on_record_once_and_what_was_so_already_is_none(scene):
    for _ in range(2):
        a_drama(scene, record_number="A1")
    scene.book.number(DRAMA, "B2", ANNA)
    scene.book.tick(DRAMA, "B2", ANNA)
    scene.book.tick(DRAMA, "B2", LI)
    assert [(one.what, one.surface, one.who, one.detail) for one in scene.ordered()] == [
        (What.PUT, "cli", "li", "A1"), (What.TICK, "cli", "li", "A1"),
        (What.PUT, "api", "41", "B2"), (What.TICK, "api", "41", "B2"),
    ]  # fmt: skip
    assert {(one.drama_id, one.episode_no, one.at_ms) for one in scene.ordered()} == {(DRAMA, 0, NOW_MS)}


@pytest.mark.parametrize("number", ["", " ", "备案 1", "V1\n", "V1\u200b", "x" * 65])
def test_what_can_be_no_record_number_is_refused(scene, number):
    a_drama(scene)
    with pytest.raises(ValueError, match="备案号"):
        scene.book.number(DRAMA, number, ANNA)
    with pytest.raises(UnknownDrama):
        scene.book.number(OTHER, "V1", ANNA)


@pytest.mark.parametrize("paper", ["papers/12/0/0123456789ab.jpg", "mezzanine/11/1/0123456789ab.mp4", "../x.jpg", "x"])
def test_only_papers_of_the_drama_itself_are_kept(scene, paper):
    with pytest.raises(ValueError, match="paper"):
        scene.book.put(a_dossier(DRAMA, cover=paper), LI)
    with pytest.raises(ValueError, match="paper"):
        scene.book.put(a_dossier(DRAMA, production_proofs=(paper,)), LI)
    with pytest.raises(ValueError, match="64"):
        scene.book.put(a_dossier(DRAMA, record_number="x" * 65), LI)
    assert scene.ordered() == []


def test_of_two_who_mend_the_same_version_the_second_is_told(scene):
    scene.book.put(a_dossier(DRAMA), LI)
    seen = version(scene.book.standing(DRAMA).dossier)
    mended = a_dossier(DRAMA, description="别的故事")
    for _ in range(2):
        scene.book.put(mended, LI, seen)  # the same once more is what is there already
    with pytest.raises(ChangedMeanwhile):
        scene.book.put(a_dossier(DRAMA, producer="别人"), ANNA, seen)
    with pytest.raises(ChangedMeanwhile):
        scene.book.put(a_dossier(OTHER), ANNA, seen)
    assert scene.book.standing(DRAMA).dossier == mended
    scene.book.put(a_dossier(DRAMA, producer="别人"), ANNA, version(mended))
    assert [one.who for one in scene.ordered()] == ["li", "li", "41"]


def test_dramas_are_listed_by_id_and_by_how_they_stand(scene):
    a_drama(scene)
    a_drama(scene, OTHER)
    scene.book.submitted(OTHER, 9, 1, {})
    assert [its.dossier.drama_id for its in scene.book.listed(None, 0, 10)] == [DRAMA, OTHER]
    assert [its.dossier.drama_id for its in scene.book.listed(None, 0, 1)] == [DRAMA]
    assert scene.book.listed(None, DRAMA, 10) == [scene.book.standing(OTHER)]
    assert [its.dossier.drama_id for its in scene.book.listed(Audit.PENDING, 0, 10)] == [OTHER]
    for limit in (0, 101):
        with pytest.raises(ValueError, match="100"):
            scene.book.listed(None, 0, limit)


def test_episodes_are_counted(scene):
    assert (scene.book.episodes(DRAMA), scene.book.episodes(99)) == (EPISODES, 0)


def test_before_the_submission_a_new_media_takes_the_place_at_once(scene):
    a_drama(scene)
    assert scene.book.uploaded(DRAMA, 1, 501, "甲", 10)
    assert scene.book.uploaded(DRAMA, 1, 502, "甲", 20)
    assert scene.book.media(DRAMA)[1][:2] == (502, 0)


def test_after_it_it_waits_until_it_is_replaced(scene):
    a_drama(scene)
    scene.book.uploaded(DRAMA, 1, 501, "甲", 10)
    scene.book.submitted(DRAMA, 9001, 100, {1: 501})
    assert scene.book.uploaded(DRAMA, 1, 502, "甲", 20)
    assert scene.book.uploaded(DRAMA, 1, 502, "甲", 20)
    assert scene.book.media(DRAMA)[1][:2] == (501, 502)
    scene.book.replaced(DRAMA, 1, 999)
    assert scene.book.media(DRAMA)[1][:2] == (501, 502)
    scene.book.replaced(DRAMA, 1, 502)
    scene.book.replaced(DRAMA, 1, 502)
    assert scene.book.media(DRAMA)[1][:2] == (502, 0)


def test_what_a_zombie_writes_changes_nothing(scene):
    a_drama(scene)
    scene.book.uploaded(DRAMA, 1, 502, "甲", 20)
    assert not scene.book.uploaded(DRAMA, 1, 501, "乙", 10)
    assert scene.book.media(DRAMA)[1].media_id == 502
    scene.book.submitted(DRAMA, 9002, 200, {})
    scene.book.submitted(DRAMA, 9001, 100, {})
    assert scene.book.standing(DRAMA).platform_id == 9002


def test_an_episode_that_came_anew_while_the_drama_was_handed_in_waits_for_its_turn(scene):
    """What WeChat has is what was sent: the newer media is in no drama, and would never play."""
    a_drama(scene)
    for number, media_id in ((1, 501), (2, 502)):
        scene.book.uploaded(DRAMA, number, media_id, "甲", 10)
    scene.book.uploaded(DRAMA, 2, 602, "甲", 20)  # 501 and 502 are on their way to WeChat
    scene.book.submitted(DRAMA, 9001, 100, {1: 501, 2: 502})
    assert {number: its[:2] for number, its in scene.book.media(DRAMA).items()} == {1: (501, 0), 2: (502, 602)}
    scene.book.uploaded(DRAMA, 2, 702, "甲", 30)
    scene.book.submitted(DRAMA, 9001, 200, {1: 501, 2: 602})
    assert scene.book.media(DRAMA)[2][:2] == (602, 702)


def test_a_worker_that_slept_takes_no_pass_away(scene):
    """It has handed the drama in, or asked about it, before another worker did and WeChat passed it."""
    a_drama(scene)
    scene.book.submitted(DRAMA, 9001, 100, {})
    scene.book.audited(DRAMA, Audit.PENDING)
    scene.book.audited(DRAMA, Audit.PASSED)
    scene.book.submitted(DRAMA, 9001, 100, {})
    assert scene.book.standing(DRAMA).audit is Audit.PASSED
    scene.book.audited(DRAMA, Audit.PENDING)
    assert scene.book.standing(DRAMA).audit is Audit.PASSED
    scene.book.submitted(DRAMA, 9001, 200, {})
    assert scene.book.standing(DRAMA).audit is Audit.PENDING


def test_a_second_submission_moves_those_that_it_named(scene):
    a_drama(scene)
    for number in (1, 2):
        scene.book.uploaded(DRAMA, number, 500 + number, "甲", 10)
    scene.book.submitted(DRAMA, 9001, 100, {1: 501, 2: 502})
    scene.book.uploaded(DRAMA, 1, 601, "甲", 20)
    scene.book.uploaded(DRAMA, 2, 602, "甲", 20)
    scene.book.submitted(DRAMA, 9001, 200, {1: 601, 2: 502})
    assert [scene.book.media(DRAMA)[number][:2] for number in (1, 2)] == [(601, 0), (502, 602)]


def test_only_a_passed_ticked_shown_drama_plays(scene):
    a_drama(scene)
    scene.book.uploaded(DRAMA, 1, 501, "甲", 10)
    scene.book.submitted(DRAMA, 9001, 100, {1: 501})
    assert played(scene) == {}
    scene.book.audited(DRAMA, Audit.PASSED)
    assert played(scene) == {1: 501}
    scene.book.audited(DRAMA, Audit.REFILL, "mend it")
    assert (played(scene), scene.book.standing(DRAMA).audit_note) == ({}, "mend it")
    scene.book.audited(DRAMA, Audit.PASSED)
    scene.hide(DRAMA)
    assert played(scene) == {}


def test_a_changed_record_number_stops_it(scene):
    a_drama(scene, record_number="A1")
    scene.book.uploaded(DRAMA, 1, 501, "甲", 10)
    scene.book.submitted(DRAMA, 9001, 100, {1: 501})
    scene.book.audited(DRAMA, Audit.PASSED)
    scene.book.put(a_dossier(DRAMA, record_number="B2"), LI)
    assert played(scene) == {}


def test_the_drama_of_a_platform_id(scene):
    a_drama(scene)
    scene.book.submitted(DRAMA, 9001, 100, {})
    assert (scene.book.drama_of(9001), scene.book.drama_of(9002)) == (DRAMA, None)


def test_who_was_not_asked_about_for_longest_comes_first(scene):
    for drama_id in (DRAMA, OTHER):
        a_drama(scene, drama_id)
        scene.clock[0] += 1_000
        scene.book.audited(drama_id, Audit.PASSED)
    assert scene.book.passed(10) == [DRAMA, OTHER]
    scene.clock[0] += 1_000
    scene.book.audited(DRAMA, Audit.PASSED)
    assert scene.book.passed(1) == [OTHER]


def test_a_dossier_is_the_same_as_json():
    dossier = a_dossier(DRAMA)
    assert msgspec.json.decode(msgspec.json.encode(dossier), type=type(dossier)) == dossier
