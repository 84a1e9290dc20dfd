"""The promises of the feed's ports, kept by the memory twins and by Redis: what is known before a page is made."""

from __future__ import annotations

from domain import bitmap
from domain.cold import Cold
from domain.session import LOOKED_AT, Trace
from tests.feed_stores import CATALOGUE, REGISTER, USER
from tests.memory_feed import VERSION


async def test_who_is_new_has_nothing(stores):
    await stores.publish([], {})
    before = await stores.shown.before(USER, VERSION)
    assert (set(bitmap.indexes(before.seen)), set(bitmap.indexes(before.served))) == (set(), set())
    assert (list(before.last), list(before.personal)) == ([], [])
    assert (list(before.cooling), list(before.pages), set(before.disliked)) == ([], [], set())
    assert {index: list(of) for index, of in (await stores.lists.also_watched([1, 2])).items()} == {1: [], 2: []}
    assert await stores.lists.also_watched([]) == {}
    assert await stores.lists.cold() is None
    assert await stores.shown.progress(USER, [1]) == {}
    assert list(await stores.lists.hot(CATALOGUE)) == []
    assert await stores.shown.seen_at_ms(USER) == {}


async def test_lists_are_as_they_were_published(stores):
    await stores.publish([3, 1, 2], {5: [6, 7]})
    await stores.chart("hot", [103, 999, 101])
    await stores.chart("trending", [102])
    assert await stores.lists.version() == VERSION
    assert list((await stores.shown.before(USER, VERSION)).personal) == [3, 1, 2]
    assert list((await stores.shown.before(USER, None)).personal) == []
    found = await stores.lists.also_watched([5, 6])
    assert {index: list(of) for index, of in found.items()} == {5: [6, 7], 6: []}
    assert list(await stores.lists.hot(CATALOGUE)) == [3, 1]  # 999 is not in the catalogue
    assert list(await stores.lists.trending(CATALOGUE)) == [2]


async def test_what_was_watched_is_known_the_latest_first(stores):
    for drama_id, at_ms in ((101, 10), (102, 30), (103, 20)):
        await stores.watch(drama_id, at_ms)
    before = await stores.shown.before(USER, None)
    assert set(bitmap.indexes(before.seen)) == {1, 2, 3}
    assert [trace.drama_id for trace in before.last] == [102, 103, 101]
    assert [trace.at_ms for trace in before.last] == [30, 20, 10]
    assert before.last[0] == Trace(102, 30, REGISTER)
    assert await stores.shown.seen_at_ms(USER) == {101: 10, 102: 30, 103: 20}


async def test_what_was_done_with_the_dramas_touched_last_is_told(stores):
    for drama_id in range(101, 108):
        await stores.watch(drama_id, drama_id)
    await stores.dislike(101)
    await stores.like(102, 2)  # the episode they are in
    await stores.like(103, 1)  # the one before
    await stores.follow(104)
    await stores.unlock(105, 900)  # later than it was watched
    await stores.unlock(120, 800)  # not watched at all
    found = {trace.drama_id: trace for trace in (await stores.shown.before(USER, None)).last}
    assert list(found) == [105, 120, 107, 106, 104, 103, 102, 101]
    assert found[101] == Trace(101, 101, REGISTER, disliked=True)
    assert (found[102].liked, found[103].liked, found[104].liked) == (True, True, False)
    assert (found[104].followed, found[103].followed) == (True, False)
    assert found[105] == Trace(105, 900, REGISTER, unlocked=True)
    assert found[120] == Trace(120, 800, None, unlocked=True)


async def test_of_many_only_the_latest_are_told(stores):
    for drama_id in range(101, 121):
        await stores.watch(drama_id, drama_id)
        await stores.unlock(drama_id - 50, drama_id)
    found = (await stores.shown.before(USER, None)).last
    assert len(found) == LOOKED_AT
    assert {trace.at_ms for trace in found} == set(range(116, 121))


async def test_what_cools_down_and_the_pool_of_new_dramas_are_told(stores):
    await stores.cool([4, 2])
    await stores.pool(0.03, [[3, 1], [1, 3]])
    assert set((await stores.shown.before(USER, None)).cooling) == {2, 4}
    assert await stores.lists.cold() == Cold(0.03, ((3, 1), (1, 3)))


async def test_progress_is_told_of_those_that_are_asked_for(stores):
    await stores.watch(101, 1)
    await stores.watch(102, 2)
    assert await stores.shown.progress(USER, [102, 103]) == {102: REGISTER}


async def test_dislikes_are_told_of_those_that_are_asked_for(stores):
    await stores.dislike(101)
    await stores.dislike(103)
    assert await stores.shown.disliked(USER, [101, 102]) == {101}
    assert await stores.shown.disliked(USER, []) == set()
