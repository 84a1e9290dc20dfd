"""Quotas and chance in a page: series, newcomers, categories that a viewer is tired of, random places, tiers."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import bitmap, feed
from domain.audience import Audience, fits
from domain.catalogue import Catalogue, Drama
from domain.page import FIRST_PLACES, OF_A_CATEGORY, WITHOUT_POOL
from domain.shelf import Mix, Shelf, Source, Viewed
from domain.stock import MOST_AUDIENCES, Stock
from tests.builders import NOW_MS

DRAMAS = 80
HOT = Shelf(Source.HOT, range(1, DRAMAS + 1))
seeds = st.integers(0, 2**32)


def a_drama(index: int, **more: Any) -> Drama:
    return Drama(**({"drama_id": 100 + index, "index": index, "category": f"c{index}", "durations": [60_000]} | more))


def a_stock(**of_each: Any) -> Stock:
    """Dramas 1..DRAMAS; `of_each`: name of a field -> what it is at an index."""
    made = (a_drama(i, **{name: of(i) for name, of in of_each.items()}) for i in range(1, DRAMAS + 1))
    return Stock(Catalogue.of(made), NOW_MS)


def indexes(stock: Stock, size: int, mix: Mix = Mix(feed.SHARES), viewed: Viewed = Viewed(), **more: Any) -> list[int]:  # noqa: B008
    shelves = more.pop("shelves", [HOT])
    return [pick.drama_index for pick in feed.compose(shelves, viewed, stock, size, mix, **({"seed": 1} | more)).picks]


def bits(*some: int) -> bytes:
    return bytes(bitmap.of(some, DRAMAS // 8 + 1))


@given(seeds, st.integers(1, 50))
def test_of_a_series_there_is_one_in_a_page_while_others_are_left(seed, size):
    stock = a_stock(series=lambda i: f"s{i // 5}" if i <= 40 else "")
    found = indexes(stock, size, seed=seed)
    in_series = Counter(stock.series_of(index) for index in found if stock.series_of(index))
    least = max(0, size - 40 - 9)  # 40 without a series, and one of each of the nine
    assert sum(in_series.values()) - len(in_series) <= least
    assert len(set(found)) == size


@given(seeds)
def test_two_of_a_series_do_not_stand_beside_each_other(seed):
    stock = a_stock(series=lambda i: f"s{i % 4}")
    found = [
        stock.series_of(index)
        for index in indexes(stock, 30, seed=seed, shelves=[HOT, Shelf(Source.TREND, HOT.indexes)])
    ]
    assert len(found) == 30
    assert all(one != other for one, other in itertools.pairwise(found))


def test_a_page_of_one_series_is_better_than_a_page_of_one():
    found = indexes(a_stock(series=lambda _: "s"), 10, shelves=[HOT, Shelf(Source.TREND, range(1, 20))])
    assert len(set(found)) == 10


@given(seeds)
def test_the_first_ten_of_a_newcomer_go_through_the_categories(seed):
    stock = a_stock(category=lambda i: f"c{0 if i <= 40 else i % 8}")  # the hottest forty are all of one
    found = indexes(stock, 20, Mix(feed.SHARES, newcomer=True), seed=seed)
    first = Counter(stock.category_of(index) for index in found[:FIRST_PLACES])
    assert max(first.values()) <= OF_A_CATEGORY
    known = Counter(stock.category_of(index) for index in indexes(stock, 20, seed=seed)[:FIRST_PLACES])
    assert max(known.values()) > OF_A_CATEGORY


def test_a_newcomer_where_there_is_one_category_gets_a_full_page():
    assert len(indexes(a_stock(category=lambda _: "c"), 20, Mix(feed.SHARES, newcomer=True))) == 20


@pytest.mark.parametrize(("tired", "most"), [(0.0, 8), (1.0, 4), (2.0, 2)])
def test_a_category_that_is_tired_of_has_fewer_places(tired, most):
    stock = a_stock(category=lambda i: f"c{i % 2}" if i <= 60 else f"d{i}")
    found = indexes(stock, 20, Mix(feed.SHARES, tired={"c0": tired}))
    assert Counter(stock.category_of(index) for index in found)["c0"] == most


# -- places left to chance ---------------------------------------------------------------------------------------------


def test_one_place_in_so_many_is_left_to_chance_and_says_so():
    stock, mix = a_stock(), Mix(feed.SHARES, random_share=0.1)
    picks = [p for seed in range(400) for p in feed.compose([HOT], Viewed(), stock, 10, mix, seed=seed).picks]
    by_chance = [pick for pick in picks if pick.source is Source.RANDOM]
    assert len(by_chance) == pytest.approx(400, rel=0.2)
    assert all(pick.propensity == 0.9 for pick in picks if pick.source is not Source.RANDOM)
    assert sum(pick.drama_index > 20 for pick in by_chance) == pytest.approx(0.75 * len(by_chance), rel=0.15)


@given(seeds, st.sets(st.integers(1, DRAMAS), max_size=60), st.sets(st.integers(1, DRAMAS), max_size=60))
def test_chance_draws_from_what_is_free_and_tells_how_much_that_was(seed, seen, served):
    stock, viewed = a_stock(), Viewed(bits(*seen), bits(*served))
    picks = feed.compose([HOT], viewed, stock, 10, Mix(feed.SHARES, random_share=1.0), seed=seed).picks
    free = set(range(1, DRAMAS + 1)) - seen - served
    for pick in picks[: len(free)]:
        assert pick.source is Source.RANDOM
        assert pick.propensity == pytest.approx(1 / len(free))
        free.remove(pick.drama_index)
    assert len({pick.drama_index for pick in picks}) == min(10, DRAMAS - len(seen))


def test_chance_gives_each_drama_the_same_chance():
    stock, mix = a_stock(), Mix(feed.SHARES, random_share=1.0)
    seen = bits(*range(1, 41))  # the first forty are gone
    picks = (feed.compose([HOT], Viewed(seen), stock, 1, mix, seed=seed).picks[0] for seed in range(2_000))
    found = Counter(pick.drama_index for pick in picks)
    assert set(found) == set(range(41, DRAMAS + 1))
    chi_square = sum((count - 50) ** 2 / 50 for count in found.values())
    assert chi_square < 73  # 39 degrees of freedom, 1 in 1,000


def test_chance_costs_no_shelf_its_next():
    """What was to stand where chance drew stands next: nothing of a shelf is skipped."""
    mix = Mix({Source.HOT: 1.0}, random_share=0.3)
    for seed in range(50):
        picks = feed.compose([HOT], Viewed(), a_stock(), 20, mix, seed=seed).picks
        drawn = {pick.drama_index for pick in picks if pick.source is Source.RANDOM}
        chosen = [pick.drama_index for pick in picks if pick.source is Source.HOT]
        assert set(range(1, chosen[-1] + 1)) <= set(chosen) | drawn


# -- sources -----------------------------------------------------------------------------------------------------------


def test_without_a_pool_of_new_dramas_the_best_shelf_has_their_share_but_a_little():
    stock, shares = a_stock(), {Source.HOT: 0.5, Source.COLD: 0.5}
    pool = Shelf(Source.COLD, range(61, 81))
    with_pool = feed.compose([HOT, pool], Viewed(), stock, 20, Mix(shares), seed=3).picks
    assert Counter(pick.source for pick in with_pool) == {Source.HOT: 10, Source.COLD: 10}
    without = feed.compose([HOT], Viewed(), stock, 20, Mix(shares), seed=3).picks
    assert Counter(pick.source for pick in without)[Source.HOT] >= 19
    pages = (feed.compose([HOT], Viewed(), stock, 10, Mix(shares), seed=seed).picks for seed in range(1_000))
    found = sum(pick.source is Source.EXPLORE for picks in pages for pick in picks)
    assert found == pytest.approx(10_000 * WITHOUT_POOL, rel=0.4)
    alone = feed.compose([HOT], Viewed(), stock, 20, Mix({Source.COLD: 1.0}), seed=3).picks
    assert {pick.source for pick in alone} == {Source.EXPLORE}


@pytest.mark.parametrize("share", [0.002, 0.02, 0.05, 0.3])
def test_a_share_is_exact_in_the_mean_however_small(share):
    stock, mix = a_stock(), Mix({Source.HOT: 1 - share, Source.COLD: share})
    shelves = [Shelf(Source.HOT, range(1, 61)), Shelf(Source.COLD, range(61, 81))]
    pages = (feed.compose(shelves, Viewed(), stock, 10, mix, seed=seed).picks for seed in range(1_000))
    found = sum(pick.source is Source.COLD for picks in pages for pick in picks)
    assert found == pytest.approx(10_000 * share, rel=0.05, abs=4 * (10_000 * share) ** 0.5)


@given(seeds)
def test_what_an_arm_is_to_do_without_does_not_step_in_while_anything_else_is_left(seed):
    shelves = [Shelf(Source.PERSONAL, range(1, 31)), Shelf(Source.HOT, [40, 41])]
    mix = Mix({Source.HOT: 0.95, Source.EXPLORE: 0.05})
    found = {pick.source for pick in feed.compose(shelves, Viewed(), a_stock(), 10, mix, seed=seed).picks}
    assert found == {Source.HOT, Source.EXPLORE}


# -- what comes when ---------------------------------------------------------------------------------------------------


@given(seeds, *[st.sets(st.integers(1, DRAMAS)) for _ in range(4)])
def test_what_cools_down_comes_after_everything_else_that_is_not_seen(seed, seen, served, cooling, disliked):
    viewed = Viewed(bits(*seen), bits(*served), frozenset(disliked), frozenset(cooling))
    found = indexes(a_stock(), 50, viewed=viewed, seed=seed)
    assert len(found) == len(set(found)) == min(50, DRAMAS - len(seen | disliked))
    ranks = [2 * (index in cooling) + (index in served) for index in found]
    assert ranks == sorted(ranks)
    assert not set(found) & (seen | disliked)


@given(seeds, st.sampled_from(["", "CN", "TW", "US"]), st.sampled_from([0, 12, 17, 18, 99]))
def test_what_is_not_for_this_audience_never_comes(seed, region, age):
    regions, ages = ("", "CN", "CN,TW", " tw , us"), (0, 12, 16, 18)
    stock = a_stock(region=lambda i: regions[i % 4], min_age=lambda i: ages[i % 3 + i % 2])
    audience = Audience(region, age)
    found = indexes(stock, 50, viewed=Viewed(audience=audience), seed=seed)
    may = {drama.index for drama in stock.catalogue if fits(drama, audience)}
    assert set(found) <= may
    assert len(found) == min(50, len(may))
    again = feed.seen_again(Viewed(bits(*range(1, DRAMAS + 1)), audience=audience), stock, DRAMAS, {})
    assert {pick.drama_index for pick in again} == may
    assert bitmap.count(stock.shown_to(audience)) == len(may)


@pytest.mark.parametrize(
    ("region", "least", "audience", "may"),
    [
        ("", 0, Audience("CN", 0), True),
        ("CN", 0, Audience("CN", 17), True),
        ("CN", 0, Audience("TW", 17), False),
        ("CN,TW", 0, Audience("tw", 17), True),
        ("CN", 0, Audience("", 17), True),  # where the viewer is, is not known
        ("C", 0, Audience("CN", 17), False),
        ("", 18, Audience("", 17), False),
        ("", 18, Audience("", 18), True),
    ],
)
def test_regions_and_ages(region, least, audience, may):
    assert fits(a_drama(1, region=region, min_age=least), audience) is may


def test_bitmaps_of_audiences_are_bounded_and_ages_between_two_limits_are_one():
    stock = a_stock(min_age=lambda i: 18 * (i % 2))
    assert stock.shown_to(Audience("CN", 3)) is stock.shown_to(Audience("CN", 17))
    for number in range(3 * MOST_AUDIENCES):
        stock.shown_to(Audience(f"R{number}", 17))
    assert len(stock._shown_to) <= MOST_AUDIENCES
    assert stock.may_show(2, Audience("CN", 3))
    assert not stock.may_show(1, Audience("CN", 3))
