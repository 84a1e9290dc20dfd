"""The rules of a page: nothing twice, nothing forbidden, shares, categories, what was seen last of all."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from domain import bitmap, feed
from domain.catalogue import Catalogue, Drama
from domain.feed import MAX_SIZE, Pick, Shelf, Source, Stock, Viewed
from domain.page import WITHOUT_POOL
from tests.builders import NOW_MS

CATALOGUE_SIZE = 60
LENGTH = CATALOGUE_SIZE // 8 + 1
indexes = st.integers(1, CATALOGUE_SIZE)


def a_catalogue(hidden: set[int] = frozenset(), taken_down: set[int] = frozenset(), categories: int = 5) -> Catalogue:
    """Dramas 100 + index; some unpublished, some taken down."""
    dramas = (
        Drama(drama_id=100 + i, index=i, category=f"c{i % categories}", published=i not in hidden, durations=[60_000])
        for i in range(1, CATALOGUE_SIZE + 1)
    )
    return Catalogue.of(dramas, (100 + i for i in taken_down))


def bits(some: set[int]) -> bytes:
    return bytes(bitmap.of(some, LENGTH))


def a_page(
    shelves: list[Shelf], viewed: Viewed, stock: Stock, size: int, seed: int = 1, seen_at: dict[int, int] | None = None
) -> list[Pick]:
    """As the API makes it."""
    picks = feed.blend(shelves, viewed, stock, size, seed=seed)
    return picks + feed.seen_again(viewed, stock, size - len(picks), seen_at or {})


shelves = st.lists(
    st.builds(
        Shelf,
        st.sampled_from([Source.PERSONAL, Source.ALSO_WATCHED, Source.HOT, Source.TREND]),
        st.lists(st.integers(0, CATALOGUE_SIZE + 40), max_size=40),
    ),
    max_size=5,
)
sets = st.sets(indexes)


@given(shelves, sets, sets, sets, sets, sets, st.integers(1, MAX_SIZE), st.integers(0, 2**64))
def test_a_page_is_as_full_as_it_can_be_and_holds_nothing_twice_and_nothing_forbidden(
    shelves, hidden, taken_down, seen, served, disliked, size, seed
):
    stock = Stock(a_catalogue(hidden, taken_down), NOW_MS)
    viewed = Viewed(bits(seen), bits(served), frozenset(disliked))
    found = [pick.drama_index for pick in a_page(shelves, viewed, stock, size, seed)]
    may = set(range(1, CATALOGUE_SIZE + 1)) - hidden - taken_down - disliked
    assert len(found) == len(set(found)) == min(size, len(may))
    assert set(found) <= may


@given(shelves, sets, sets, st.integers(1, MAX_SIZE), st.integers(0, 2**64))
def test_what_was_seen_comes_after_everything_else_and_what_was_served_after_what_was_not(
    shelves, seen, served, size, seed
):
    viewed = Viewed(bits(seen), bits(served))
    picks = a_page(shelves, viewed, Stock(a_catalogue(), NOW_MS), size, seed)
    ranks = [0 if i not in seen | served else 1 if i not in seen else 2 for i in (pick.drama_index for pick in picks)]
    assert ranks == sorted(ranks)
    everything = [0 if i not in seen | served else 1 if i not in seen else 2 for i in range(1, CATALOGUE_SIZE + 1)]
    assert ranks == sorted(everything)[: len(ranks)]


@given(shelves, sets, sets, st.integers(1, MAX_SIZE), st.integers(0, 2**64))
def test_the_same_input_gives_the_same_page(shelves, seen, served, size, seed):
    viewed, stock = Viewed(bits(seen), bits(served)), Stock(a_catalogue(), NOW_MS)
    assert a_page(shelves, viewed, stock, size, seed) == a_page(shelves, viewed, stock, size, seed)


def test_openings_show_everything_once_before_anything_comes_back():
    stock, served, shown = Stock(a_catalogue(), NOW_MS), set(), []
    hot = Shelf(Source.HOT, list(range(1, 31)))
    for opening in range(CATALOGUE_SIZE // 10):
        picks = a_page([hot], Viewed(b"", bits(served)), stock, 10, seed=opening)
        served |= {pick.drama_index for pick in picks}
        shown += picks
    assert len(served) == len(shown) == CATALOGUE_SIZE
    assert len(a_page([hot], Viewed(b"", bits(served)), stock, 10)) == 10


def test_what_was_seen_comes_back_the_longest_unseen_first():
    everything = set(range(1, CATALOGUE_SIZE + 1))
    seen_at = {i: 1_000 - i for i in everything - {5, 6}}  # 5 and 6 were seen before all that is remembered
    picks = a_page([], Viewed(bits(everything)), Stock(a_catalogue(), NOW_MS), 4, seen_at=seen_at)
    assert [pick.drama_index for pick in picks] == [5, 6, 60, 59]
    assert {pick.source for pick in picks} == {Source.AGAIN}
    served = Viewed(bits(everything), bits({5, 60}))
    assert [p.drama_index for p in a_page([], served, Stock(a_catalogue(), NOW_MS), 4, seen_at=seen_at)] == [
        6,
        59,
        58,
        57,
    ]


@given(st.integers(0, 2**64))
def test_no_shelf_takes_much_more_than_its_share_while_others_have_something(seed):
    catalogue = a_catalogue(categories=CATALOGUE_SIZE)
    shelves = [
        Shelf(Source.PERSONAL, range(1, 21)),
        Shelf(Source.ALSO_WATCHED, range(21, 31), 7),
        Shelf(Source.HOT, range(31, 41)),
        Shelf(Source.TREND, range(41, 51)),
    ]
    picks = feed.blend(shelves, Viewed(), Stock(catalogue, NOW_MS), 20, seed=seed)
    taken = Counter(pick.source for pick in picks)
    usual = dict(feed.SHARES) | {Source.EXPLORE: WITHOUT_POOL}  # there is no pool of new dramas
    usual[Source.PERSONAL] += feed.SHARES[Source.COLD] - WITHOUT_POOL
    del usual[Source.COLD]
    for source, share in usual.items():  # each of the small ones at most one off, the first by what these are off
        assert abs(taken[source] - 20 * share / sum(usual.values())) <= (4 if source is Source.PERSONAL else 1)
    assert picks[0] == feed.Pick(1, Source.PERSONAL)
    of_personal = [pick.drama_index for pick in picks if pick.source is Source.PERSONAL]
    assert of_personal == sorted(of_personal)  # best first
    assert all(pick.because == (7 if pick.source is Source.ALSO_WATCHED else 0) for pick in picks)


def test_a_new_viewer_gets_the_first_shelf_that_there_is_not_a_page_of_chance():
    shelves = [Shelf(Source.PERSONAL, []), Shelf(Source.HOT, range(1, 41)), Shelf(Source.TREND, range(30, 41))]
    for seed in range(20):
        picks = feed.blend(shelves, Viewed(), Stock(a_catalogue(), NOW_MS), 10, seed=seed)
        taken = Counter(pick.source for pick in picks)
        assert taken[Source.HOT] >= 7
        assert taken[Source.EXPLORE] <= 2


@given(st.integers(2, 20), st.integers(0, 2**64))
def test_no_category_fills_a_page_while_others_have_something(size, seed):
    """Personal has only dramas of c0; still, at most CATEGORY_SHARE of the page is c0."""
    stock = Stock(a_catalogue(), NOW_MS)
    personal = Shelf(Source.PERSONAL, [i for i in range(1, CATALOGUE_SIZE + 1) if i % 5 == 0])
    picks = feed.blend([personal], Viewed(), stock, size, seed=seed)
    of_category = Counter(stock.category_of(pick.drama_index) for pick in picks)
    assert len(picks) == size
    assert max(of_category.values()) <= max(1, round(feed.CATEGORY_SHARE * size))


def test_a_page_of_one_category_is_better_than_a_short_page():
    stock = Stock(a_catalogue(categories=1), NOW_MS)
    picks = feed.blend([Shelf(Source.HOT, range(1, 31))], Viewed(), stock, 10, seed=3)
    assert len({pick.drama_index for pick in picks}) == 10


def test_another_seed_explores_elsewhere():
    stock = Stock(a_catalogue(), NOW_MS)
    pages = {tuple(pick.drama_index for pick in feed.blend([], Viewed(), stock, 10, seed=seed)) for seed in range(5)}
    assert len(pages) == 5


def test_the_reason_names_what_the_viewer_watched():
    assert feed.reason(Source.ALSO_WATCHED, "重生之总裁") == "因为你看过《重生之总裁》"
    assert feed.reason(Source.ALSO_WATCHED)
    assert all(feed.reason(source) for source in Source)


@given(shelves, sets, sets, st.integers(1, MAX_SIZE), st.integers(0, 10), st.integers(0, 2**64))
def test_spare_picks_follow_the_page_and_obey_the_same_rules(shelves, seen, disliked, size, spare, seed):
    viewed, stock = Viewed(bits(seen), b"", frozenset(disliked)), Stock(a_catalogue(), NOW_MS)
    found = [pick.drama_index for pick in feed.blend(shelves, viewed, stock, size, spare=spare, seed=seed)]
    may = set(range(1, CATALOGUE_SIZE + 1)) - seen - disliked
    assert len(found) == len(set(found)) == min(size + spare, len(may))
    assert set(found) <= may


@given(st.integers(0, 2**64))
def test_a_source_without_a_share_steps_in_only_when_all_others_have_run_out(seed):
    shelves = [
        Shelf(Source.PERSONAL, range(1, 31)),
        Shelf(Source.HOT, range(31, 39)),
        Shelf(Source.TREND, range(41, 51)),
    ]
    stock = Stock(a_catalogue(categories=CATALOGUE_SIZE), NOW_MS)
    picks = feed.blend(shelves, Viewed(), stock, 12, seed=seed, shares={Source.HOT: 0.2})
    assert [pick.drama_index for pick in picks[:8]] == list(range(31, 39))
    assert Counter(pick.source for pick in picks[8:]) == {Source.PERSONAL: 4}
