"""Pages of the feed give new dramas what they need, however little: neither more than the cap nor a place for form."""

from __future__ import annotations

import random

import pytest

from domain import feed
from domain.catalogue import Catalogue
from domain.feed import Mix, Shelf, Source, Stock, Viewed
from recommender.learning.weights import WEIGHTS
from tests.builders import NOW_MS
from tests.catalogue import a_drama

PAGES, SIZE = 600, 10
NEW = range(370, 380)


@pytest.fixture(scope="module")
def stock() -> Stock:
    dramas = (a_drama(1_000 + n, index=n, category=f"c{n % 12}") for n in range(1, 401))
    return Stock(Catalogue.of(dramas), NOW_MS)


def explored(stock: Stock, needed: float) -> float:
    """Which share of all places new dramas had."""
    places = 0
    for seed in range(PAGES):
        rng = random.Random(seed)
        mine, also = rng.sample(range(1, 300), 60), rng.sample(range(1, 300), 30)
        shelves = [
            Shelf(Source.PERSONAL, mine), Shelf(Source.ALSO_WATCHED, also, 5), Shelf(Source.HOT, range(1, 100)),
            Shelf(Source.TREND, range(100, 200)), Shelf(Source.COLD, NEW),
        ]  # fmt: skip
        shares = dict(feed.SHARES)
        shares[Source.COLD] = min(needed, shares[Source.COLD])
        page = feed.compose(shelves, Viewed(), stock, SIZE, Mix(shares), seed=seed).picks
        places += sum(pick.source is Source.COLD for pick in page)
    return places / (PAGES * SIZE)


@pytest.mark.parametrize("needed", [0.002, 0.01, 0.04])
def test_new_dramas_have_the_share_of_places_that_they_need(stock: Stock, needed: float):
    assert explored(stock, needed) == pytest.approx(needed, rel=0.2, abs=0.001)


def test_past_the_cap_there_is_what_the_feed_allows_and_the_job_never_asks_for_more(stock: Stock):
    assert explored(stock, 1.0) == pytest.approx(feed.SHARES[Source.COLD], rel=0.2)
    assert WEIGHTS.cold_share <= feed.SHARES[Source.COLD]


def test_without_need_there_are_none(stock: Stock):
    assert explored(stock, 0.0) == 0
