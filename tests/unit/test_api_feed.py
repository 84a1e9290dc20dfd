"""The feed and "people also watched" on twins: what viewers get, and what they get when a source is away."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from domain.catalogue import Catalogue
from domain.experiments import Arm, Experiment
from domain.feed import Source
from ingest_api.feed.answers import AlsoWatched, FeedPage
from ingest_api.feed.service import Feed
from tests.api import FixedCatalogue, Twins, caller, code
from tests.builders import EPISODE_MS, NOW_MS, USER, a_drama, a_token
from tests.memory_feed import MemoryLists, MemoryShown

DRAMAS = 60
ID = 1_000  # of dense index 0: a drama's id is ID + index
AUTH = {"authorization": f"Bearer {a_token()}"}


def a_catalogue(**more: Any) -> Catalogue:
    dramas = (
        a_drama(ID + index, index, title=f"剧{index}", category=f"c{index % 6}") for index in range(1, DRAMAS + 1)
    )
    return Catalogue.of(dramas, **more)


@pytest.fixture
def lists() -> MemoryLists:
    return MemoryLists(charts={"hot": [ID + i for i in range(20, 40)], "trending": [ID + i for i in range(40, 60)]})


@pytest.fixture
def viewers() -> MemoryShown:
    return MemoryShown()


@pytest.fixture
def catalogue() -> FixedCatalogue:
    return FixedCatalogue(a_catalogue())


@pytest.fixture
def app(lists: MemoryLists, viewers: MemoryShown, catalogue: FixedCatalogue) -> FastAPI:
    made = Twins(catalogue=catalogue).app()
    made.state.feed = Feed(catalogue, lists, viewers, now_ms=lambda: NOW_MS)
    return made


async def get(app: FastAPI, address: str, **headers: str) -> httpx.Response:
    async with caller(app) as client:
        return await client.get(address, headers=headers or AUTH)


async def open_feed(app: FastAPI, size: int = 10) -> FeedPage:
    answer = await get(app, f"/v1/feed?size={size}")
    assert answer.status_code == 200, answer.text
    return FeedPage.model_validate_json(answer.content, strict=True)


def indexes(page: FeedPage | AlsoWatched) -> list[int]:
    return [item.drama_id - ID for item in page.items]


async def test_items_say_all_that_a_screen_and_the_events_about_it_need(app, viewers):
    viewers.personal[USER] = [3, 4]
    viewers.where[USER, ID + 3] = ((1, "s", 1), (2, 5_000))
    page = await open_feed(app)
    first = page.items[0]
    assert (first.drama_id, first.title, first.category, first.episodes) == (ID + 3, "剧3", "c3", 3)
    assert (first.source, first.arm, first.reason) == ("personal", "base", "猜你喜欢")
    assert (first.play.episode_no, first.play.position_ms, first.play.duration_ms) == (2, 5_000, EPISODE_MS)
    assert [item.position for item in page.items] == list(range(10))
    assert {item.request_id for item in page.items} == {page.request_id}
    assert (await open_feed(app)).request_id != page.request_id
    assert page.degraded == []


async def test_a_viewer_of_the_holdout_gets_the_hot_list_and_its_arm_on_every_item(app, lists, viewers, catalogue):
    holdout = Experiment("s", {"base": Arm(0), "holdout": Arm(10_000, {Source.HOT: 1.0})})
    app.state.feed = Feed(catalogue, lists, viewers, holdout, now_ms=lambda: NOW_MS)
    viewers.personal[USER] = [3, 4]
    page = await open_feed(app)
    assert {(item.source, item.arm) for item in page.items} == {("hot", "holdout")}
    assert indexes(page) == list(range(20, 30))
    others = AlsoWatched.model_validate_json((await get(app, f"/v1/dramas/{ID + 3}/also-watched")).content, strict=True)
    assert {item.arm for item in others.items} <= {"holdout"}


async def test_each_open_gives_other_items_until_everything_was_shown(app):
    shown = [index for _ in range(DRAMAS // 10) for index in indexes(await open_feed(app))]
    assert sorted(shown) == list(range(1, DRAMAS + 1))
    again = indexes(await open_feed(app))
    assert len(again) == 10
    assert not set(again) & set(indexes(await open_feed(app)))  # a new round: other items again


async def test_two_opens_at_once_give_different_items(app, viewers, monkeypatch):
    viewers.personal[USER] = list(range(1, 41))
    both_have_looked, before = asyncio.Barrier(2), viewers.before

    async def beside(*arguments):
        found = await before(*arguments)
        await both_have_looked.wait()
        return found

    monkeypatch.setattr(viewers, "before", beside)
    one, other = await asyncio.gather(open_feed(app), open_feed(app))
    assert len(set(indexes(one)) | set(indexes(other))) == 20


async def test_what_was_seen_does_not_come_back_before_the_rest_was_shown(app, viewers):
    viewers.seen[USER] = set(range(1, 31))
    viewers.recent[USER] = {ID + index: index for index in range(5, 31)}
    first = [index for _ in range(3) for index in indexes(await open_feed(app))]
    assert sorted(first) == list(range(31, 61))
    assert set(indexes(await open_feed(app))) <= set(range(31, 61))  # shown again rather than seen again
    viewers.seen[USER] = set(range(1, 58))
    page = await open_feed(app)
    assert set(indexes(page)[:3]) == {58, 59, 60}
    assert indexes(page)[3:7] == [1, 2, 3, 4]  # longest unseen first
    assert {item.source for item in page.items[3:]} == {"again"}


async def test_the_reason_names_the_drama_that_led_there(app, lists, viewers):
    viewers.recent[USER] = {ID + 1: 100, ID + 2: 200, ID + 3: 300}
    viewers.seen[USER] = {1, 2, 3}
    lists.also = {2: [11, 12], 3: [13, 14]}
    found = {
        item.reason: item.drama_id - ID for item in (await open_feed(app, 50)).items if item.source == "also_watched"
    }
    assert set(found) == {"因为你看过《剧3》", "因为你看过《剧2》"}
    assert found["因为你看过《剧3》"] in (13, 14)


async def test_what_was_taken_down_never_comes_nor_is_named(app, lists, viewers, catalogue):
    viewers.personal[USER] = list(range(1, 12))
    viewers.recent[USER], viewers.seen[USER] = {ID + 2: 200}, {2}
    lists.also = {2: [11, *range(50, 60)], 5: [2, 6]}
    down = (ID + 1, ID + 2, ID + 11, ID + 20)
    catalogue.current = catalogue.current.with_takedowns(down)
    shown = [item for _ in range(7) for item in (await open_feed(app)).items]
    assert not {item.drama_id for item in shown} & set(down)
    assert not any("剧2》" in item.reason for item in shown)
    assert indexes(AlsoWatched.model_validate_json((await get(app, f"/v1/dramas/{ID + 5}/also-watched")).content)) == [
        6
    ]


@pytest.mark.parametrize("count", [1, 4, 12, 55])
async def test_what_the_viewer_dislikes_never_comes_however_much_it_is(app, viewers, count):
    viewers.personal[USER] = list(range(1, 41))
    viewers.dislikes[USER] = {ID + index for index in range(1, count + 1)}
    page = await open_feed(app)
    assert not {item.drama_id for item in page.items} & viewers.dislikes[USER]
    assert len(set(indexes(page))) == len(page.items)
    assert set(indexes(page)) == viewers.served[USER]  # what was answered, and nothing else
    assert len(page.items) == min(10, DRAMAS - count)


async def test_a_disliked_drama_is_not_in_people_also_watched(app, lists, viewers):
    lists.also = {5: [6, 7, 8]}
    viewers.dislikes[USER] = {ID + 7}
    answer = await get(app, f"/v1/dramas/{ID + 5}/also-watched")
    assert indexes(AlsoWatched.model_validate_json(answer.content)) == [6, 8]


async def test_a_drama_of_which_nothing_is_known_goes_with_the_hottest_of_its_category(app):
    page = AlsoWatched.model_validate_json((await get(app, f"/v1/dramas/{ID + 20}/also-watched?size=3")).content)
    assert indexes(page) == [26, 32, 38]
    assert {item.source for item in page.items} == {"hot"}


@pytest.mark.parametrize("address", ["404", f"{ID + 9}"])
async def test_a_drama_that_is_not_shown_is_not_found(app, catalogue, address):
    catalogue.current = catalogue.current.with_takedowns([ID + 9])
    answer = await get(app, f"/v1/dramas/{address}/also-watched")
    assert (answer.status_code, code(answer)) == (404, "unknown_drama")


@pytest.mark.parametrize(
    "address", ["/v1/feed?size=0", "/v1/feed?size=51", "/v1/feed?size=x", "/v1/dramas/0/also-watched"]
)
async def test_a_size_or_id_out_of_range_is_told(app, address):
    assert (await get(app, address)).status_code == 422


@pytest.mark.parametrize("address", ["/v1/feed", f"/v1/dramas/{ID + 1}/also-watched"])
async def test_a_token_is_needed(app, address):
    answer = await get(app, address, authorization="Bearer nonsense")
    assert (answer.status_code, code(answer)) == (401, "token_invalid")


@pytest.mark.parametrize(
    ("away", "told"),
    [
        ("version", "personal"),
        ("personal", "personal"),
        ("also_watched", "also_watched"),
        ("hot", "hot"),
        ("trending", "trend"),
        ("before", "viewer"),
        ("serve", "viewer"),
    ],
)
async def test_a_source_that_is_away_is_passed_over_and_told(app, lists, viewers, catalogue, away, told):
    lists.away = viewers.away = {away}
    viewers.personal[USER] = [1, 2, 3]
    viewers.recent[USER], viewers.seen[USER] = {ID + 5: 1}, {5}
    catalogue.current = catalogue.current.with_takedowns([ID + 2])
    page = await open_feed(app)
    assert page.degraded == [told]
    assert len(set(indexes(page))) == 10
    assert 2 not in indexes(page)


async def test_with_everything_away_the_catalogue_alone_makes_a_page(app, lists, viewers):
    lists.away = {"version", "also_watched", "hot", "trending"}
    viewers.away = {"before", "serve", "seen_at_ms", "disliked"}
    page = await open_feed(app, 50)
    assert len(set(indexes(page))) == 50
    assert set(page.degraded) == {"personal", "viewer", "hot", "trend"}


async def test_without_any_catalogue_there_is_nothing_to_show(app, catalogue):
    catalogue.current, catalogue.age_s = Catalogue.of(()), math.inf
    answer = await get(app, "/v1/feed")
    assert (answer.status_code, code(answer)) == (503, "catalogue_unavailable")
    catalogue.age_s = 1.0
    assert (await open_feed(app)).items == []  # it is known, and it is empty


async def test_an_old_catalogue_decides_when_there_is_no_newer_one(app, catalogue):
    catalogue.age_s = 3_600.0
    assert len((await open_feed(app)).items) == 10
