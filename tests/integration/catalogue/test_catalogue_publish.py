"""From MySQL to Redis: readers have the old or the new catalogue, whoever crashes or runs beside."""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from domain import keys
from domain.catalogue import Catalogue
from infra.catalogue.form import CHUNK_DRAMAS, DELTA_DRAMAS, DELTAS_KEPT, CatalogueDamaged, Delta, Version, delta_of
from infra.catalogue.importing import import_file
from infra.catalogue.publish import PublishRaced, publish
from infra.catalogue.takedown import take_down
from tests.breaking import Crash
from tests.catalogue import BreakingShelf, a_file, a_line
from tests.catalogue_rig import Rig

pytestmark = pytest.mark.servers


def titles(catalogue: Catalogue) -> dict[int, str]:
    return {drama.drama_id: drama.title for drama in catalogue}


def bases(rig: Rig) -> set[int]:
    """The bases of which anything is in Redis."""
    names = [name.decode().split(":") for name in rig.redis.keys("{catalogue}:*:*")]
    return {int(name[2]) for name in names}


def mysql_titles(rig: Rig) -> dict[int, str]:
    return dict(rig.rows("SELECT drama_id, title FROM dramas"))


def test_the_first_publish_is_a_base_and_what_is_read_is_what_was_imported(rig: Rig):
    lines = [a_line(n, how_many=1 + n % 3) for n in range(1, CHUNK_DRAMAS + 20)]
    published = rig.publishes(*lines)
    assert (published.what, published.dramas) == ("base", len(lines))
    catalogue = rig.read()
    assert titles(catalogue) == mysql_titles(rig)
    assert catalogue.index_of(5) == 5
    assert catalogue.duration_ms(5, 3) == lines[4]["episodes"][2]["duration_ms"]
    assert catalogue.duration_ms(6, 2) is None
    assert catalogue.drama(5).series == lines[4]["series"]


def test_nothing_new_is_published_when_nothing_changed(rig: Rig):
    first = rig.publishes(a_line(1))
    again = rig.publishes(a_line(1))
    assert (again.what, again.version) == ("nothing", first.version)
    assert bases(rig) == {1}


def test_an_empty_catalogue_can_be_published(rig: Rig):
    assert rig.publishes().what == "base"
    assert rig.read().count == 0
    assert rig.publishes().what == "nothing"


def test_a_few_changes_are_a_delta_and_many_a_new_base(rig: Rig):
    rig.publishes(a_line(1), a_line(2))
    few = rig.publishes(a_line(1), a_line(2, title="new"), a_line(3))
    assert (few.what, few.dramas, few.version) == ("delta", 2, "1:1:2")
    assert titles(rig.read()) == mysql_titles(rig)
    at_most = rig.publishes(*(a_line(n) for n in range(10, 10 + DELTA_DRAMAS)))
    assert (at_most.what, at_most.dramas) == ("delta", DELTA_DRAMAS)
    many = rig.publishes(*(a_line(n) for n in range(1_000, 1_001 + DELTA_DRAMAS)))
    assert (many.what, Version.parse(many.version.encode()).base) == ("base", 2)
    assert titles(rig.read()) == mysql_titles(rig)


def test_a_base_begins_before_its_deltas_are_too_many(rig: Rig):
    at = Version.parse(rig.publishes(a_line(1)).version.encode())
    for nth in range(1, DELTAS_KEPT + 1):
        new = Version(at.base, nth, at.revision)
        assert rig.shelf.push(at, new, delta_of(Delta(after=at.revision, revision=at.revision, dramas=[])))
        at = new
    assert rig.read().count == 1
    assert rig.publishes(a_line(2)).what == "base"
    assert rig.read().count == 2


def test_the_last_two_bases_are_kept(rig: Rig):
    rig.publishes(a_line(1))
    for number in range(2, 6):
        rig.publishes(afresh=True)
        assert bases(rig) == {number - 1, number}


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_publisher_that_dies_at_any_write_of_a_base_leaves_the_old_or_the_new(rig: Rig, after: bool):
    rig.publishes(a_line(1))
    rig.publishes(afresh=True)  # so that there is an older base to forget
    rig.imports(*(a_line(n) for n in range(2, CHUNK_DRAMAS + 3)))  # two chunks
    old, new = titles(rig.read()), mysql_titles(rig)
    seen = set()
    for at in range(1, 30):
        shelf = BreakingShelf(rig.shelf, at, after=after)
        with contextlib.suppress(Crash):
            publish(rig.engine, shelf, afresh=True)  # type: ignore[arg-type]
        assert titles(rig.read()) in (old, new)
        seen.add(titles(rig.read()) == new)
        if not shelf.broke:
            break
    else:
        pytest.fail("publishing takes more writes than were tried")
    assert seen == {False, True}, "the crashes came on both sides of the switch"
    assert at > 4
    rig.publishes(afresh=True)
    assert titles(rig.read()) == new
    assert len(bases(rig)) == 2, "what was left unfinished is forgotten"


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_publisher_that_dies_at_a_delta_leaves_the_old_or_the_new(rig: Rig, after: bool):
    rig.publishes(a_line(1))
    rig.imports(a_line(1, title="changed"), a_line(2))
    with pytest.raises(Crash):
        publish(rig.engine, BreakingShelf(rig.shelf, 1, after=after))  # type: ignore[arg-type]
    assert titles(rig.read()) == (mysql_titles(rig) if after else {1: a_line(1)["title"]})
    assert rig.publishes().what == ("nothing" if after else "delta")
    assert titles(rig.read()) == mysql_titles(rig)


def test_publishers_and_imports_at_the_same_time_end_in_what_mysql_holds(rig: Rig):
    rig.publishes(a_line(1))
    start = threading.Barrier(4)

    def run(nth: int) -> None:
        start.wait(10)
        for turn in range(5):
            lines = [a_line(n, title=f"{nth}-{turn}") for n in range(1, 60)]
            path = a_file(rig.folder / f"{nth}.jsonl", *lines, a_line(10_000 * nth + turn))
            import_file(rig.engine, path)
            publish(rig.engine, rig.shelf, afresh=turn == 3)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(run, range(1, 5)))
    assert titles(rig.read()) == mysql_titles(rig)
    assert rig.publishes().what == "nothing"
    assert len(bases(rig)) == 2


class Overtaken:
    """A shelf on which, before each of this publisher's first `times` moves of the version, somebody else makes one."""

    def __init__(self, rig: Rig, times: int) -> None:
        self._shelf = rig.shelf
        self._times = times

    def __getattr__(self, name: str) -> Any:
        if name in ("switch", "push") and self._times > 0:
            self._times -= 1
            at = self._shelf.version()
            assert at
            delta = delta_of(Delta(after=at.revision, revision=at.revision, dramas=[]))
            assert self._shelf.push(at, Version(at.base, at.deltas + 1, at.revision), delta)
        return getattr(self._shelf, name)


@pytest.mark.parametrize("afresh", [False, True], ids=["delta", "base"])
def test_a_publisher_that_is_overtaken_begins_again(rig: Rig, afresh: bool):
    rig.publishes(a_line(1))
    rig.imports(a_line(2))
    publish(rig.engine, Overtaken(rig, times=2), afresh=afresh)  # type: ignore[arg-type]
    assert titles(rig.read()) == mysql_titles(rig)
    rig.imports(a_line(3))
    with pytest.raises(PublishRaced):
        publish(rig.engine, Overtaken(rig, times=3), afresh=afresh)  # type: ignore[arg-type]
    assert rig.read().count == 2
    assert rig.publishes().what == "delta"
    assert rig.read().count == 3


def test_a_version_that_moved_is_not_moved_by_who_did_not_see_it(rig: Rig):
    at = Version.parse(rig.publishes(a_line(1)).version.encode())
    stale = Version(at.base, at.deltas, at.revision + 1)
    assert not rig.shelf.switch(stale, Version(9, 0, 9))
    assert not rig.shelf.switch(None, Version(9, 0, 9))
    assert not rig.shelf.push(stale, Version(at.base, 1, 9), b"x")
    assert (rig.shelf.version(), rig.redis.exists(keys.catalogue_deltas(at.base))) == (at, 0)


def test_a_delta_is_not_pushed_onto_a_list_that_is_not_whole(rig: Rig):
    at = Version.parse(rig.publishes(a_line(1)).version.encode())
    rig.redis.rpush(keys.catalogue_deltas(at.base), b"left over")
    with pytest.raises(CatalogueDamaged):
        rig.shelf.push(at, Version(at.base, 1, 2), b"x")
    assert rig.shelf.version() == at


@pytest.mark.parametrize("key", [keys.CATALOGUE_VERSION, keys.TAKEDOWNS])
def test_what_no_publisher_put_there_is_named(rig: Rig, key: str):
    rig.publishes(a_line(1))
    if key == keys.TAKEDOWNS:
        rig.redis.sadd(key, b"x")
    else:
        rig.redis.set(key, b"x")
    with pytest.raises(CatalogueDamaged, match=f"delete the key {key}"):
        rig.publishes(a_line(2))
    rig.redis.delete(key)
    rig.publishes()
    assert rig.read().count == 2


def test_what_redis_lost_is_published_again(rig: Rig):
    rig.publishes(a_line(1))
    rig.publishes(a_line(2))
    for lost in (keys.catalogue_base(1, 0), keys.catalogue_meta(2), keys.catalogue_deltas(3)):
        rig.publishes(a_line(2, title=f"before {lost} is lost"))
        rig.redis.delete(lost)
        assert rig.publishes().what == "base"
        rig.publishes(a_line(2, title=f"after {lost} was lost"))
        assert titles(rig.read()) == mysql_titles(rig)


def test_an_empty_redis_gets_all_of_it_and_the_takedowns(rig: Rig):
    rig.publishes(a_line(1), a_line(2))
    take_down(rig.engine, rig.shelf, 2, now_ms=1)
    rig.redis.flushdb()
    with pytest.raises(CatalogueDamaged, match="no catalogue is published"):
        rig.read()
    assert rig.publishes().what == "base"
    assert (rig.read().shown(1), rig.read().shown(2)) == (True, False)


def test_another_mysql_behind_the_same_redis_is_published_whole(rig: Rig):
    rig.publishes(a_line(1), a_line(2))
    rig.publishes(a_line(3))
    for table in ("episodes", "dramas"):
        rig.rows(f"DELETE FROM {table}")
    rig.rows("UPDATE catalogue_counters SET value = 0")
    assert rig.publishes(a_line(9)).what == "base"
    assert titles(rig.read()) == mysql_titles(rig) == {9: a_line(9)["title"]}
