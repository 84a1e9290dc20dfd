"""What dramas are puts those without watchers where their like are; their own watches take over as they come."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from domain.catalogue import Catalogue
from recommender.learning import content
from recommender.learning.content import Content
from recommender.learning.weights import WEIGHTS
from tests.catalogue import a_drama

GENRES = ("甜宠", "复仇", "玄幻")


def a_catalogue(dramas: int = 90) -> Catalogue:
    """Dramas 1.. of three genres in turn, whose tags and cast go with the genre; even ones are long."""
    return Catalogue.of(
        a_drama(
            1_000 + n, index=n, category=GENRES[n % 3], tags=(GENRES[n % 3], f"only {n}"), cast=(f"star of {n % 3}",),
            episodes=80 if n % 2 == 0 else 5, series=f"s{n // 2}" if n < 10 else "",
        )
        for n in range(1, dramas + 1)
    )  # fmt: skip


def learnt(dramas: int = 90, noise: float = 0.05) -> np.ndarray:
    """A direction a genre, and noise."""
    rng = np.random.default_rng(3)
    places = np.eye(3, dtype=np.float32)[np.arange(dramas + 1) % 3]
    return (places + noise * rng.standard_normal(places.shape)).astype(np.float32)


def test_columns_tell_what_a_drama_is_and_rows_without_one_nothing():
    told = Content.of(
        Catalogue.of([a_drama(7, index=3, category="甜宠", tags=("a", "b"), cast=("x", "x"), series="s")]), 6
    )
    assert len(told) == 6
    assert told.known.tolist() == told.shown.tolist() == [False, False, False, True, False, False]
    assert (told.category[3], told.series[3], told.region[3]) == (1, 1, 0)
    assert told.tags.toarray().tolist()[3] == [1, 1]
    assert told.cast.toarray()[3] == [1], "named twice is in it once"
    assert (told.episodes[3], told.episode_ms[3]) == (2, 60_002)
    assert not told.category[[0, 1, 2, 4, 5]].any()


def test_equal_numbers_are_equal_names():
    told = Content.of(a_catalogue())
    assert (told.series[2], told.series[3]) == (told.series[3], told.series[2])
    assert told.series[2] != told.series[4]
    assert told.series[20] == 0
    assert len({int(n) for n in told.category[1:]}) == 3


def test_what_is_taken_down_is_known_and_not_shown():
    told = Content.of(a_catalogue().with_takedowns([1_004]))
    assert (told.known[4], told.shown[4], told.shown[5]) == (True, False, True)


def test_a_drama_without_watchers_gets_the_direction_of_its_like():
    factors, watchers = learnt(), np.full(91, 50.0, np.float32)
    factors[60:], watchers[60:] = 0, 0
    found = content.vectors(Content.of(a_catalogue()), factors, watchers, WEIGHTS)
    assert (found[60:].argmax(axis=1) == np.arange(60, 91) % 3).all()


def test_its_own_watches_take_over_as_they_come():
    told, factors = Content.of(a_catalogue()), learnt(noise=0)
    factors[9] = (0, 5, 0)  # content says direction 0
    distances = []
    for k in (0, 1, 8, 100, 10_000):
        watchers = np.full(91, 1_000.0, np.float32)
        watchers[9] = k
        found = content.vectors(told, factors, watchers, WEIGHTS)[9]
        distances.append(float(np.linalg.norm(found - factors[9])))
    assert distances == sorted(distances, reverse=True)
    assert distances[0] > 4
    assert distances[-1] < 0.02


def test_what_one_watcher_tells_is_short_and_yet_most_of_the_direction():
    told, factors = Content.of(a_catalogue()), learnt(noise=0)
    factors[9], watchers = (0, 0.004, 0), np.full(91, 1_000.0, np.float32)  # content says direction 0, of length 1
    watchers[9] = 1
    found = content.vectors(told, factors, watchers, WEIGHTS)[9]
    assert found.argmax() == 1
    assert 0.004 < np.linalg.norm(found) < 0.5


def test_few_watchers_move_what_is_learnt_for_others_less_than_many():
    told = Content.of(a_catalogue())
    wrong = learnt(noise=0)
    wrong[3::3] = (0, 9, 0)  # all of genre 0 ...
    watchers = np.full(91, 1_000.0, np.float32)
    watchers[90] = 0
    by_many = content.vectors(told, wrong, watchers, WEIGHTS)[90]
    watchers[3:90:3] = 0.01  # ... but hardly anybody watched them
    by_few = content.vectors(told, wrong, watchers, WEIGHTS)[90]
    assert by_many[1] > 8
    assert by_few[1] < 0.7 * by_many[1]


@pytest.mark.parametrize("dramas", [0, 5, 200])
def test_an_empty_catalogue_changes_nothing(dramas: int):
    factors, watchers = learnt(4), np.ones(5, np.float32)
    found = content.vectors(Content.of(Catalogue.of(()), max(5, dramas)), factors, watchers, WEIGHTS)
    assert (found[:5] == factors).all()
    assert not found[5:].any()


def test_rows_that_the_catalogue_does_not_know_stay_as_learnt_and_known_ones_without_any_watcher_are_zero():
    found = content.vectors(Content.of(a_catalogue(3), 6), learnt(5), np.array([0, 0, 0, 0, 9, 9], np.float32), WEIGHTS)
    assert np.allclose(found[4:], learnt(5)[4:], rtol=1e-6)
    assert len(found) == 6


def test_features_are_bounded_however_many_names_there_are():
    everything = Catalogue.of(
        a_drama(n, index=n, category=f"c{n // 2}", tags=tuple(f"t{(n + i) % 3_000}" for i in range(20)),
                cast=tuple(f"p{(n + i) % 4_000}" for i in range(5)), region=f"r{n // 2}")
        for n in range(1, 2_001)
    )  # fmt: skip
    told = content.features(Content.of(everything))
    most = content.MOST_TAGS + content.MOST_CAST + content.MOST_CATEGORIES + content.MOST_REGIONS
    assert told.shape == (2_001, most + len(content.LENGTHS_MS) + len(content.EPISODES) + 3)
    assert told.sum(axis=1)[0, 0] == 0, "no drama, no feature"


def test_the_same_catalogue_in_another_order_gives_the_same_vectors():
    one, factors, watchers = a_catalogue(), learnt(), np.full(91, 20.0, np.float32)
    other = Catalogue.of(reversed(list(one)))
    found = [content.vectors(Content.of(c), factors, watchers, WEIGHTS) for c in (one, other)]
    assert np.array_equal(*found)


def test_a_ridge_of_nothing_is_still_solved():
    weights = msgspec.structs.replace(WEIGHTS, content_ridge=0.0, content_trust=0.0)
    found = content.vectors(Content.of(a_catalogue()), learnt(), np.ones(91, np.float32), weights)
    assert np.isfinite(found).all()
