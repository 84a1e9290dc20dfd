"""The catalogue in memory: what it answers, what a change leaves alone, and how little room it takes."""

from __future__ import annotations

import tracemalloc

import pytest

from domain.catalogue import EMPTY, MAX_INDEX, Catalogue
from infra.catalogue.form import CHUNK_DRAMAS, chunk_of, digest_of, read_chunk
from tests.catalogue import EPISODE_MS, a_drama

A, B = a_drama(7, index=1, episodes=3), a_drama(9, index=5, published=False)
CATALOGUE = Catalogue.of([A, B])


def test_it_answers_by_id_by_index_and_by_episode():
    assert CATALOGUE.count == 2
    assert CATALOGUE.drama(7) == A
    assert CATALOGUE.index_of(9) == 5
    assert CATALOGUE.id_at(5) == 9
    assert CATALOGUE.top_index == 5
    assert [CATALOGUE.duration_ms(7, number) for number in (1, 2, 3)] == [EPISODE_MS + n for n in (1, 2, 3)]
    assert sorted(drama.drama_id for drama in CATALOGUE) == [7, 9]


@pytest.mark.parametrize("episode_no", [0, -1, 4, 2**63])
def test_an_episode_that_there_is_not_has_no_duration(episode_no: int):
    assert CATALOGUE.duration_ms(7, episode_no) is None


def test_what_is_not_there_is_none():
    assert CATALOGUE.drama(8) is None
    assert CATALOGUE.index_of(8) is None
    assert CATALOGUE.duration_ms(8, 1) is None
    assert not CATALOGUE.shown(8)
    assert [CATALOGUE.id_at(index) for index in (-1, 0, 2, 6, MAX_INDEX + 1)] == [None] * 5


def test_a_drama_not_published_is_known_but_not_shown():
    assert CATALOGUE.shown(7)
    assert not CATALOGUE.shown(9)
    assert CATALOGUE.duration_ms(9, 1) == EPISODE_MS + 1


def test_a_drama_taken_down_is_known_but_not_shown():
    down = CATALOGUE.with_takedowns([7])
    assert not down.shown(7)
    assert down.duration_ms(7, 1) == EPISODE_MS + 1
    assert CATALOGUE.shown(7), "the catalogue before it is as it was"
    assert down.with_takedowns([]).shown(7)


def test_a_change_makes_a_new_catalogue_and_leaves_the_old_one():
    longer, new = a_drama(7, index=1, episodes=4), a_drama(11, index=6)
    changed = CATALOGUE.with_takedowns([9]).with_changes([longer, new])
    assert (changed.count, CATALOGUE.count) == (3, 2)
    assert changed.duration_ms(7, 4) == EPISODE_MS + 4
    assert CATALOGUE.duration_ms(7, 4) is None
    assert (changed.id_at(6), CATALOGUE.id_at(6)) == (11, None)
    assert changed.takedowns == {9}


def test_an_index_belongs_to_one_drama():
    with pytest.raises(ValueError, match="index 1 belongs to drama 7"):
        CATALOGUE.with_changes([a_drama(8, index=1)])


def test_the_empty_catalogue_answers_too():
    assert (EMPTY.count, EMPTY.top_index, EMPTY.drama(7), EMPTY.id_at(1), EMPTY.shown(7)) == (0, 0, None, None, False)


def test_a_drama_of_80_episodes_takes_less_than_two_kilobytes():
    dramas, episodes = 1_000, 80
    published = [
        chunk_of([a_drama(10**6 + n, index=n, episodes=episodes) for n in range(first, first + CHUNK_DRAMAS)])
        for first in range(1, dramas, CHUNK_DRAMAS)
    ]
    tracemalloc.start()
    catalogue = Catalogue.of(drama for chunk in published for drama in read_chunk(chunk, digest_of(chunk)))
    size, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert catalogue.count == dramas
    assert size / dramas < 2_000
