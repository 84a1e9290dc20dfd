"""Taking dramas down: at once, repeatable, and right again whatever was broken off."""

from __future__ import annotations

import pytest

from infra.catalogue import takedown
from infra.catalogue.takedown import TooManyTakedowns, UnknownDrama, put_back, take_down
from tests.breaking import Crash
from tests.catalogue import BreakingShelf, a_line
from tests.catalogue_rig import Rig

pytestmark = pytest.mark.servers


def down(rig: Rig) -> tuple[set[int], set[int]]:
    """What MySQL and what Redis say is taken down."""
    return {row[0] for row in rig.rows("SELECT drama_id FROM takedowns")}, rig.shelf.takedowns()


def test_it_counts_at_once_without_a_new_version(rig: Rig):
    version = rig.publishes(a_line(1), a_line(2)).version
    assert take_down(rig.engine, rig.shelf, 1, now_ms=7)
    assert down(rig) == ({1}, {1})
    assert (rig.read().shown(1), rig.read().shown(2)) == (False, True)
    assert str(rig.shelf.version()) == version


def test_it_can_be_repeated_and_undone(rig: Rig):
    rig.publishes(a_line(1))
    assert take_down(rig.engine, rig.shelf, 1, now_ms=7)
    assert not take_down(rig.engine, rig.shelf, 1, now_ms=8)
    assert rig.rows("SELECT taken_down_ms FROM takedowns") == [(7,)]
    assert put_back(rig.engine, rig.shelf, 1)
    assert not put_back(rig.engine, rig.shelf, 1)
    assert down(rig) == (set(), set())
    assert rig.read().shown(1)


def test_it_tells_redis_again_what_redis_lost(rig: Rig):
    rig.publishes(a_line(1))
    take_down(rig.engine, rig.shelf, 1, now_ms=7)
    rig.shelf.take_down([], [1])
    assert not take_down(rig.engine, rig.shelf, 1, now_ms=8)
    assert down(rig) == ({1}, {1})


def test_it_stays_when_the_drama_is_imported_again(rig: Rig):
    rig.publishes(a_line(1))
    take_down(rig.engine, rig.shelf, 1, now_ms=7)
    rig.publishes(a_line(1, title="another"))
    assert not rig.read().shown(1)


def test_a_drama_that_there_is_not_is_a_mistyped_one(rig: Rig):
    for act in (lambda: take_down(rig.engine, rig.shelf, 404, now_ms=7), lambda: put_back(rig.engine, rig.shelf, 404)):
        with pytest.raises(UnknownDrama):
            act()
    assert down(rig) == (set(), set())


def test_the_list_has_an_end(rig: Rig):
    rig.imports(*(a_line(n, how_many=1) for n in range(1, 4)))
    rig.rows("INSERT INTO dramas SELECT seq.n, seq.n, '', '', '[]', '[]', '', 0, 0, 0, 0, 1, '' FROM"
             " (SELECT 10 + a.d + 10 * b.d + 100 * c.d + 1000 * e.d AS n FROM"
             f" {digits('a')}, {digits('b')}, {digits('c')}, {digits('e')}) AS seq")  # fmt: skip
    rig.rows("INSERT INTO takedowns SELECT drama_id, 1 FROM dramas WHERE drama_id >= 10")
    assert len(down(rig)[0]) == takedown.MAX_TAKEDOWNS
    with pytest.raises(TooManyTakedowns):
        take_down(rig.engine, rig.shelf, 1, now_ms=7)
    assert not take_down(rig.engine, rig.shelf, 10, now_ms=7), "one that is on the list already is no trouble"
    put_back(rig.engine, rig.shelf, 10)
    assert take_down(rig.engine, rig.shelf, 1, now_ms=7)


def digits(name: str) -> str:
    return "(" + " UNION ALL ".join(f"SELECT {n} AS d" for n in range(10)) + f") AS {name}"


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_one_that_is_broken_off_is_mended_by_the_next_publish(rig: Rig, after: bool):
    rig.publishes(a_line(1), a_line(2))
    take_down(rig.engine, rig.shelf, 2, now_ms=7)
    with pytest.raises(Crash):
        take_down(rig.engine, BreakingShelf(rig.shelf, 1, after=after), 1, now_ms=7)  # type: ignore[arg-type]
    with pytest.raises(Crash):
        put_back(rig.engine, BreakingShelf(rig.shelf, 1, after=after), 2)  # type: ignore[arg-type]
    assert down(rig) == ({2}, {1} if after else {2})
    assert rig.publishes().what == "nothing"
    assert down(rig) == ({2}, {2})
