"""Pages of one opening: what a cursor gives, once and again, while everything else moves."""

from __future__ import annotations

import asyncio
import itertools
import random

import pytest

from domain.cold import Cold
from tests.api import code
from tests.builders import USER
from tests.feed_rig import ID, Rig, indexes

NEVER_SEEN, OPENING = "f" * 16, "0123456789abcdef"


async def test_a_cursor_gives_the_next_page_and_the_next_and_nothing_twice():
    rig, shown = Rig(), []
    page = await rig.open("size=10")
    for _ in range(5):
        shown += indexes(page)
        page = await rig.open(f"size=10&cursor={page.cursor}")
    assert sorted(shown + indexes(page)) == list(range(1, 61))


async def test_the_same_cursor_gives_the_same_page_while_everything_moves():
    rig = Rig()
    rig.viewers.personal[USER] = list(range(1, 31))
    rig.viewers.where[USER, ID + 3] = ((1, "s", 1), (2, 5_000))
    cursor = (await rig.open("size=10")).cursor
    page = await rig.open(f"size=10&cursor={cursor}")
    served = set(rig.viewers.served[USER])
    rig.viewers.personal[USER] = list(range(60, 30, -1))
    rig.lists.charts["hot"] = [ID + i for i in range(31, 61)]
    rig.watched(40)
    again = await rig.open(f"size=10&cursor={cursor}")
    assert again == page
    assert rig.viewers.served[USER] == served
    assert not set(indexes(await rig.open(f"size=10&cursor={page.cursor}"))) & set(indexes(page))


async def test_the_page_before_the_last_can_still_be_asked_for_again():
    rig = Rig()
    first = (await rig.open()).cursor
    page = await rig.open(f"cursor={first}")
    await rig.open(f"cursor={page.cursor}")
    assert await rig.open(f"cursor={first}") == page


async def test_what_was_taken_down_or_disliked_since_is_left_out_and_the_rest_keep_their_places():
    rig = Rig()
    cursor = (await rig.open()).cursor
    page = await rig.open(f"cursor={cursor}")
    down, disliked = indexes(page)[2], indexes(page)[5]
    rig.catalogue.current = rig.catalogue.current.with_takedowns([ID + down])
    rig.viewers.dislikes[USER] = {ID + disliked}
    again = await rig.open(f"cursor={cursor}")
    assert again.items == [item for item in page.items if item.drama_id - ID not in (down, disliked)]


async def test_the_title_of_what_was_taken_down_since_is_no_reason_any_more():
    rig = Rig()
    rig.lists.also = {50: list(range(1, 21))}
    rig.watched(50)
    cursor = (await rig.open()).cursor
    page = await rig.open(f"cursor={cursor}")
    assert "因为你看过《剧50》" in {item.reason for item in page.items}
    rig.catalogue.current = rig.catalogue.current.with_takedowns([ID + 50])
    again = await rig.open(f"cursor={cursor}")
    assert indexes(again) == indexes(page)
    assert "看过的人也在看" in {item.reason for item in again.items}
    assert not any("剧50》" in item.reason for item in again.items)


async def test_a_page_again_is_held_to_the_region_and_age_of_who_asks():
    rig = Rig(region=lambda i: "CN" if i % 2 else "")
    cursor = (await rig.open()).cursor
    page = await rig.open(f"cursor={cursor}&size=50")
    assert {index % 2 for index in indexes(page)} == {0, 1}
    assert {index % 2 for index in indexes(await rig.open(f"cursor={cursor}", region="TW"))} == {0}


async def test_the_same_cursor_twice_at_once_is_one_page(monkeypatch):
    rig = Rig()
    cursor = (await rig.open()).cursor
    both_have_looked, before = asyncio.Barrier(2), rig.viewers.before

    async def beside(*arguments):
        found = await before(*arguments)
        await both_have_looked.wait()
        return found

    monkeypatch.setattr(rig.viewers, "before", beside)
    one, other = await asyncio.gather(rig.open(f"cursor={cursor}"), rig.open(f"cursor={cursor}"))
    assert one == other
    assert len(rig.viewers.served[USER]) == 20


async def test_of_a_page_of_which_nothing_stands_any_more_the_next_one_can_still_be_asked_for():
    rig = Rig()
    cursor = (await rig.open()).cursor
    page = await rig.open(f"cursor={cursor}")
    rig.viewers.dislikes[USER] = {item.drama_id for item in page.items}
    again = await rig.open(f"cursor={cursor}")
    assert (again.items, again.cursor) == ([], page.cursor)


async def test_two_opens_at_once_that_both_begin_a_new_round_have_nothing_in_common(monkeypatch):
    rig = Rig(dramas=40)
    await rig.open("size=40")
    both_have_looked, before = asyncio.Barrier(2), rig.viewers.before

    async def beside(*arguments):
        found = await before(*arguments)
        await both_have_looked.wait()
        return found

    with monkeypatch.context() as patched:
        patched.setattr(rig.viewers, "before", beside)
        one, other = await asyncio.gather(rig.open(), rig.open())
    shown = [*indexes(one), *indexes(other), *indexes(await rig.open("size=20"))]
    assert sorted(shown) == list(range(1, 41))


async def at_once(rig, monkeypatch, opens, query=""):
    """Pages whose looks are all done before the first of them is served."""
    all_have_looked, before, looks = asyncio.Barrier(opens), rig.viewers.before, itertools.count()

    async def beside(*arguments):
        found = await before(*arguments)
        if next(looks) < opens:
            await all_have_looked.wait()
        return found

    with monkeypatch.context() as patched:
        patched.setattr(rig.viewers, "before", beside)
        return await asyncio.gather(*(rig.open(query) for _ in range(opens)))


@pytest.mark.parametrize("left", [0, 3, 10, 15, 25])
async def test_three_opens_at_once_at_the_end_of_a_round_have_nothing_in_common(monkeypatch, left):
    rig = Rig(dramas=60)
    await rig.open("size=50")
    await rig.open(f"size={10 - left % 10}")
    for _ in range(left // 10):
        rig.viewers.served[USER] -= set(sorted(rig.viewers.served[USER])[:10])
    pages = await at_once(rig, monkeypatch, 3)
    shown = [index for page in pages for index in indexes(page)]
    assert len(shown) == len(set(shown)) == 30
    assert rig.viewers.rounds.get(USER, 0) <= 1
    after = indexes(await rig.open()) + indexes(await rig.open())
    assert not set(after) & set(shown)


async def test_three_opens_at_once_that_want_more_than_there_is_are_all_full(monkeypatch):
    rig = Rig(dramas=15)
    await rig.open("size=15")
    pages = await at_once(rig, monkeypatch, 3)
    assert [len(set(indexes(page))) for page in pages] == [10, 10, 10]


async def test_two_opens_at_once_for_the_last_that_are_left_are_both_full(monkeypatch):
    rig = Rig(dramas=5)
    pages = await at_once(rig, monkeypatch, 2, "size=5")
    assert [len(set(indexes(page))) for page in pages] == [5, 5]


async def test_each_open_without_a_cursor_is_a_new_one():
    rig = Rig()
    one, other = await rig.open(), await rig.open()
    assert one.cursor != other.cursor
    assert one.request_id != other.request_id
    assert not set(indexes(one)) & set(indexes(other))


async def test_two_devices_do_not_get_into_each_others_way():
    rig = Rig()
    phone, tablet = await rig.open("size=5"), await rig.open("size=5")
    shown = [*indexes(phone), *indexes(tablet)]
    for _ in range(3):
        phone, tablet = (
            await rig.open(f"size=5&cursor={phone.cursor}"),
            await rig.open(f"size=5&cursor={tablet.cursor}"),
        )
        shown += [*indexes(phone), *indexes(tablet)]
    assert len(shown) == len(set(shown)) == 40


async def test_a_cursor_that_nobody_gave_out_is_a_new_page_that_is_stable_from_then_on():
    rig = Rig()
    first = indexes(await rig.open())
    page = await rig.open(f"cursor={NEVER_SEEN}.7")
    assert not set(first) & set(indexes(page))
    assert await rig.open(f"cursor={NEVER_SEEN}.7") == page
    assert page.cursor == f"{NEVER_SEEN}.8"
    assert (await rig.open(f"cursor={NEVER_SEEN}.9999")).cursor is None


WRONG = ("x", "", OPENING, f"{OPENING}.", f"{OPENING}.12345", f"{OPENING.upper()}.1", f"{OPENING}.1%0A")


@pytest.mark.parametrize("cursor", WRONG)
async def test_what_is_no_cursor_is_told(cursor):
    answer = await Rig().get(f"/v1/feed?cursor={cursor}")
    assert (answer.status_code, code(answer)) == (422, "invalid")


async def test_where_nothing_is_left_there_is_no_cursor():
    assert (await Rig(dramas=0).open()).cursor is None


async def test_while_the_viewers_store_is_away_a_page_comes_that_nobody_keeps():
    rig = Rig()
    cursor = (await rig.open()).cursor
    rig.viewers.away = {"before", "serve", "seen_at_ms", "progress"}
    page = await rig.open(f"cursor={cursor}")
    assert (len(page.items), page.degraded) == (10, ["viewer"])
    assert page.cursor is not None


async def test_a_page_of_many_rounds_is_kept_whole():
    rig = Rig()
    rig.viewers.dislikes[USER] = {ID + i for i in range(1, 51)}
    cursor = (await rig.open("size=1")).cursor
    page = await rig.open(f"cursor={cursor}")
    assert set(indexes(page)) == set(range(51, 61))  # nine that were left, and the one that begins a new round
    assert await rig.open(f"cursor={cursor}") == page
    assert rig.viewers.served[USER] == set(range(51, 61))


@pytest.mark.parametrize("seed", range(8))
async def test_over_twenty_opens_nothing_comes_twice_while_something_else_fits(seed):
    """Catalogues, lists, what was seen, disliked, cooled down: by chance; half of the pages are asked for twice."""
    rng = random.Random(seed)
    rig = Rig(
        dramas=rng.randint(30, 120), random_share=rng.choice([0.0, 0.01, 0.3]),
        category=lambda i: f"c{i % rng.randint(1, 9)}", series=lambda i: rng.choice(["", f"s{i % 7}"]),
        region=lambda _: rng.choice(["", "CN", "TW,CN", "TW"]), min_age=lambda _: rng.choice([0, 0, 12, 18]),
    )  # fmt: skip
    some = lambda most: rng.sample(range(1, rig.dramas + 1), rng.randint(0, most))  # noqa: E731
    rig.watched(*some(20))
    rig.viewers.personal[USER], rig.viewers.cooling[USER] = some(30), some(10)
    rig.lists.charts = {"hot": [ID + i for i in some(30)], "trending": [ID + i for i in some(30)]}
    rig.lists.also = {i: some(20) for i in range(1, rig.dramas + 1)}
    rig.lists.pool = Cold(0.05, (tuple(some(10)),))
    rig.viewers.dislikes[USER] = {ID + i for i in some(10)}
    down = some(8)
    rig.catalogue.current = rig.catalogue.current.with_takedowns(ID + i for i in down)
    fits = {
        drama.index for drama in rig.catalogue.current
        if drama.index not in down and drama.min_age <= 17 and (not drama.region or "CN" in drama.region)
        and drama.drama_id not in rig.viewers.dislikes[USER]
    }  # fmt: skip
    fresh = fits - rig.viewers.seen[USER] - set(rig.viewers.cooling[USER])
    shown: list[int] = []
    page = await rig.open("size=7", region="CN")
    for _ in range(20):
        assert set(indexes(page)) <= fits
        shown += indexes(page)
        query = rng.choice(["size=7", f"size=7&cursor={page.cursor}"])
        page = await rig.open(query, region="CN")
        if "cursor" in query and rng.random() < 0.5:
            assert indexes(await rig.open(query, region="CN")) == indexes(page)
    first = shown[: len(fresh)]
    assert len(first) == len(set(first))
    assert set(shown[: len(fresh)]) == fresh if len(shown) >= len(fresh) else set(shown) <= fresh
