"""What the feed's ports promise of pages: what is served is noted, kept, and served again as it was."""

from __future__ import annotations

from domain import bitmap
from domain.shelf import Pick, Source
from ingest_api.feed.pages import Kept, told
from tests.feed_stores import OPENING, REGISTER, USER, an_order, candidates, pick_of, serve


async def test_a_page_is_the_first_that_are_not_disliked_and_they_alone_are_noted(stores):
    await stores.watch(104, 10)
    for drama_id in (102, 103, 106):
        await stores.dislike(drama_id)
    served = await serve(stores, candidates(1, 2, 3, 4, 5, 6, 7), 3)
    assert list(served.places) == [0, 3, 4]
    assert list(served.progress) == [None, REGISTER, None]
    assert list(served.passed) == [2, 3]
    assert await stores.served() == {1, 4, 5}
    assert set(bitmap.indexes((await stores.shown.before(USER, None)).served)) == {1, 4, 5}


async def test_fewer_are_served_where_there_are_no_more(stores):
    await stores.dislike(101)
    assert list((await serve(stores, candidates(1, 2), 5)).places) == [1]
    nothing = await serve(stores, candidates(1), 5)
    assert (list(nothing.places), list(nothing.passed)) == ([], [1])
    nobody = await serve(stores, [], 5)
    assert (list(nobody.places), list(nobody.passed)) == ([], [])
    assert await stores.served() == {2}


async def test_what_was_served_before_begins_a_new_round_once_it_is_taken(stores):
    await serve(stores, candidates(1, 2, 3), 3)
    await serve(stores, candidates(4, 1, again=(1,)), 1)
    assert await stores.served() == {1, 2, 3, 4}
    await serve(stores, candidates(5, 1, again=(1,)), 2)
    assert await stores.served() == {5, 1}


async def test_what_another_page_has_taken_meanwhile_is_passed_over(stores):
    await serve(stores, candidates(1, 2), 2)
    second = await serve(stores, candidates(1, 2, 3, 4), 2)
    assert (list(second.places), list(second.passed)) == ([2, 3], [1, 2])
    assert await stores.served() == {1, 2, 3, 4}


async def test_the_last_two_pages_are_kept_as_they_were_served(stores):
    for no in range(3):
        await stores.shown.serve(USER, candidates(2 * no + 1, 2 * no + 2), an_order(2, no, request_id=f"r{no}"))
    pages = (await stores.shown.before(USER, None)).pages
    assert [(page.name, page.request_id) for page in pages] == [(f"{OPENING}.2", "r2"), (f"{OPENING}.1", "r1")]
    assert pages[0] == Kept(f"{OPENING}.2", "r2", ((105, pick_of(5)), (106, pick_of(6))))


async def test_a_page_that_was_served_is_served_again_as_it_was_and_nothing_else_is_taken(stores):
    await stores.shown.serve(USER, candidates(1, 2), an_order(2, 1, request_id="first"))
    again = await stores.shown.serve(USER, candidates(3, 4), an_order(2, 1, request_id="second"))
    assert (list(again.places), list(again.progress), list(again.passed)) == ([], [], [])
    assert again.kept == Kept(f"{OPENING}.1", "first", ((101, pick_of(1)), (102, pick_of(2))))
    assert await stores.served() == {1, 2}


async def test_a_page_that_goes_on_is_one_page(stores):
    await stores.shown.serve(USER, candidates(1), an_order(2))
    more = await stores.shown.serve(USER, candidates(2), an_order(1, more=True))
    assert (list(more.places), more.kept) == ([0], None)
    (page,) = (await stores.shown.before(USER, None)).pages
    assert [drama_id for drama_id, _ in page.picks] == [101, 102]


async def test_a_new_round_that_begins_in_the_midst_of_a_page_forgets_nothing_of_it(stores):
    await stores.shown.serve(USER, candidates(1, 2), an_order(2))
    before = await stores.shown.before(USER, None)
    await stores.shown.serve(USER, candidates(3), an_order(2, 1, of=before))
    await stores.shown.serve(USER, candidates(1, again=(1,)), an_order(1, 1, more=True, of=before))
    assert await stores.served() == {1, 3}


async def test_a_page_is_not_forgotten_by_the_round_it_begins_though_two_others_were_opened_in_its_midst(stores):
    await stores.shown.serve(USER, candidates(1, 2), an_order(2))
    before = await stores.shown.before(USER, None)
    await stores.shown.serve(USER, candidates(3), an_order(2, 1, of=before))
    for no in (2, 3):  # the last two pages are theirs
        await stores.shown.serve(USER, candidates(no + 2), an_order(1, no, of=before))
    await stores.shown.serve(USER, candidates(1, again=(1,)), an_order(1, 1, more=True, of=before))
    assert await stores.served() == {1, 3, 4, 5}


async def test_of_three_pages_at_once_at_the_end_of_a_round_none_has_what_another_has(stores):
    await stores.shown.serve(USER, candidates(1, 2, 3, 4), an_order(4))
    before = await stores.shown.before(USER, None)  # all three look now: 5 and 6 are left
    one = await stores.shown.serve(USER, candidates(5, 6), an_order(2, 1, of=before))
    other = await stores.shown.serve(USER, candidates(5, 6, 1, 2, again=(1, 2)), an_order(2, 2, of=before))
    third = await stores.shown.serve(USER, candidates(6, 5, 3, 4, again=(3, 4)), an_order(2, 3, of=before))
    assert (list(one.places), list(other.places), list(third.places)) == ([0, 1], [2, 3], [2, 3])
    assert (list(third.passed), third.taken) == ([6, 5], 2)
    assert await stores.served() == {1, 2, 3, 4, 5, 6}  # one round, of all three


async def test_a_page_that_goes_on_in_a_round_that_another_began_is_all_of_it_in_that_round(stores):
    await stores.shown.serve(USER, candidates(1, 2), an_order(2))
    early = await stores.shown.before(USER, None)
    await stores.shown.serve(USER, candidates(3), an_order(2, 1, of=early))
    late = await stores.shown.before(USER, None)
    await stores.shown.serve(USER, candidates(1, again=(1,)), an_order(1, 2, of=late))
    await stores.shown.serve(USER, candidates(2, again=(2,)), an_order(1, 1, more=True, of=early))
    assert await stores.served() == {1, 2, 3}


async def test_a_place_of_chance_had_as_many_tries_as_stood_for_it(stores):
    for drama_id in (101, 103, 104, 106):
        await stores.dislike(drama_id)
    some = [
        each._replace(told=told(Pick(each.drama_index, Source.RANDOM, 0, 0.003)))
        if each.drama_index in (2, 5, 6)
        else each
        for each in candidates(1, 2, 3, 4, 5, 6, 7)
    ]
    served = await stores.shown.serve(USER, some, an_order(3))
    assert (list(served.places), list(served.tries)) == ([1, 4, 6], [4, 3, 1])
    (page,) = (await stores.shown.before(USER, None)).pages
    assert [pick.propensity for _, pick in page.picks] == [0.003 * 4, 0.003 * 3, pick_of(7).propensity]


async def test_what_is_disliked_was_taken_by_no_other_page(stores):
    await stores.dislike(101)
    await serve(stores, candidates(2), 1)
    served = await stores.shown.serve(USER, candidates(1, 2), an_order(2, 7))
    assert (list(served.passed), served.taken) == ([1, 2], 1)


async def test_a_round_that_another_page_has_begun_is_not_begun_again(stores):
    await stores.shown.serve(USER, candidates(1, 2, 3, 4), an_order(4))
    before = await stores.shown.before(USER, None)
    same = {"again": (1, 2, 3, 4)}
    one = await stores.shown.serve(USER, candidates(1, 2, 3, 4, **same), an_order(2, 1, of=before))
    other = await stores.shown.serve(USER, candidates(2, 3, 4, 1, **same), an_order(2, 2, of=before))
    assert (list(one.places), list(one.passed)) == ([0, 1], [])
    assert (list(other.places), list(other.passed)) == ([1, 2], [2])
    assert await stores.served() == {1, 2, 3, 4}
    before = await stores.shown.before(USER, None)
    await stores.shown.serve(USER, candidates(4, again=(4,)), an_order(1, 3, of=before))
    assert await stores.served() == {4}


async def test_a_page_goes_on_while_another_one_was_opened(stores):
    await stores.shown.serve(USER, candidates(1), an_order(2))
    await stores.shown.serve(USER, candidates(5), an_order(1, opening="f" * 16))
    await stores.shown.serve(USER, candidates(2), an_order(1, more=True))
    pages = (await stores.shown.before(USER, None)).pages
    assert {page.name[:3]: [drama_id for drama_id, _ in page.picks] for page in pages} == {
        "fff": [105],
        "012": [101, 102],
    }


async def test_a_dislike_of_what_stands_in_the_last_pages_is_told(stores):
    await stores.shown.serve(USER, candidates(1, 2), an_order(2, 0))
    await stores.shown.serve(USER, candidates(3, 4), an_order(2, 1))
    for drama_id in (102, 103, 109):
        await stores.dislike(drama_id)
    assert set((await stores.shown.before(USER, None)).disliked) == {102, 103}
