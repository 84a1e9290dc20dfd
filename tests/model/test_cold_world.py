"""New dramas get the viewers that they are guaranteed, inside the cap; then good ones stay and bad ones go."""

from __future__ import annotations

import numpy as np
import pytest

from domain.cold import MAX_ORDERS, Cold
from recommender.learning.weights import WEIGHTS
from recommender.refresh.newcomers import Judged, Standing
from tests.cold_world import World

PLENTY, LITTLE = 120_000, 5_000  # items shown an hour: 4 % of it is more, or far less, than so many new dramas need


@pytest.fixture(scope="module")
def settled() -> World:
    """Sixty hours after 200 dramas came at once."""
    world = World(200, PLENTY)
    world.hours(60)
    return world


def test_every_new_drama_gets_its_viewers_in_time_where_the_share_suffices(settled: World):
    assert settled.hours_until_full().max() <= WEIGHTS.cold_hours


def test_the_share_is_never_past_the_cap_and_falls_when_there_is_little_to_explore(settled: World):
    assert 0.6 * WEIGHTS.cold_share < max(settled.shares) <= WEIGHTS.cold_share
    explored = sum(map(len, settled.shown)) / (PLENTY * 60)
    assert explored < WEIGHTS.cold_share
    assert settled.shares[-1] < max(settled.shares) / 5


def test_good_ones_graduate_and_bad_ones_retire(settled: World):
    found = settled.standing()[1 : settled.new + 1]
    new = np.arange(1, settled.new + 1)
    lead = settled.rate[new] - np.array([settled.median(c) for c in settled.category[new]])
    assert np.mean(found[lead > 0.08] == Standing.GRADUATED) > 0.95
    assert np.mean(found[lead < -0.08] == Standing.RETIRED) > 0.95
    assert np.mean(found == Standing.UNDECIDED) < 0.2
    assert not (found == Standing.OWED).any()


def test_what_is_decided_is_explored_no_more(settled: World):
    decided = np.flatnonzero(np.isin(settled.standing(), (Standing.GRADUATED, Standing.RETIRED)))
    assert not set().union(*settled.cold.orders) & set(decided.tolist())


def test_viewers_meet_better_dramas_than_where_all_new_ones_are_shown_alike():
    def evenly(judged: Judged, *_: object, **by: int) -> Cold:
        rng = np.random.default_rng(by["seed"])
        return Cold(
            WEIGHTS.cold_share, tuple(tuple(rng.permutation(judged.newcomers.index)) for _ in range(MAX_ORDERS))
        )

    ours, even = World(60, PLENTY), World(60, PLENTY)
    ours.hours(24)
    even.hours(24, evenly)
    ours_shown, even_shown = np.concatenate(ours.shown), np.concatenate(even.shown)
    best = ours.rate[1:61].max()

    def regret(world: World, shown: np.ndarray) -> float:
        """Valid plays that the places cost, beside the best new drama in each."""
        return float((best - world.rate[shown]).sum())

    assert len(ours_shown) < 0.8 * len(even_shown), "what is known needs no exploring"
    assert regret(ours, ours_shown) < 0.7 * regret(even, even_shown)
    later = np.concatenate(ours.shown[-24:])
    assert ours.rate[later].mean() > even.rate[1:61].mean()


def test_where_the_share_does_not_suffice_some_get_all_instead_of_all_too_little():
    world = World(100, LITTLE)
    world.hours(24)
    viewers = np.sort(world.viewers[1:101])[::-1]
    possible = 24 * LITTLE * WEIGHTS.cold_share / WEIGHTS.cold_viewers
    assert 0.9 * WEIGHTS.cold_share < max(world.shares) <= WEIGHTS.cold_share
    assert (viewers >= WEIGHTS.cold_viewers).sum() > 0.5 * possible
    assert (viewers == 0).sum() > 60, "they wait for their turn"
    started = world.viewers[1:101] > 0
    assert np.flatnonzero(started)[-1] < 40, "in the order in which they came"


def test_one_new_drama_does_not_flood_a_large_audience():
    world = World(1, 5_000_000)
    world.hours(24)
    assert WEIGHTS.cold_viewers <= world.viewers[1] < 2 * WEIGHTS.cold_viewers
    assert max(world.shares) < 1e-3
