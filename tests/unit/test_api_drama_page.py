"""A drama's page on twins: what it tells each viewer, at every moment, and what it never tells."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import httpx
import pytest

from domain.registers import Register
from infra.money.unlocks import Wanted
from ingest_api.errors import MoneyUnavailable, ViewersUnavailable
from ingest_api.feed.service import Feed
from ingest_api.play.states import Owned
from ingest_api.product import example
from ingest_api.product.answers import DramaScreen
from ingest_api.product.drama_page import DramaPages
from ingest_api.threads import Threads
from tests.api import FixedCatalogue, Twins, caller, code
from tests.builders import DRAMA, EPISODE_MS, NOW_MS, OTHER_DRAMA, UNKNOWN_DRAMA, USER, a_catalogue, a_drama, a_token
from tests.hls_rig import HASH, renditions
from tests.memory_feed import MemoryLists, MemoryShown
from tests.memory_money import MemoryMoney
from tests.unit.test_api_product import MemoryViewers

EPISODES, FREE, PRICE = 6, 2, 60
BOUGHT = 3  # by USER
MOMENT_MS = NOW_MS + 60_000
ADDRESS = f"/v1/dramas/{DRAMA}"
ABOUT = {
    "title": "重生之门",
    "category": "都市",
    "tags": ("逆袭",),
    "cast": ("甲", "乙"),
    "series": "门",
    "min_age": 12,
}


class Viewers(MemoryViewers):
    """`error`: what asking for somebody's place ends with; `never`: it is not answered at all."""

    error: Exception | None = None
    never = False

    async def progress(self, user_id: int, drama_ids: Iterable[int]) -> dict[int, Register]:
        if self.never:
            await asyncio.Event().wait()
        if self.error:
            raise self.error
        return await super().progress(user_id, drama_ids)


class World:
    """DRAMA, of which USER has bought an episode; every episode but the second is encrypted and has a picture."""

    def __init__(self) -> None:
        self.money, self.viewers, self.catalogue = MemoryMoney(), Viewers(), FixedCatalogue()
        self.twins = Twins(catalogue=self.catalogue, money=self.money, purse=self.money)
        self.app = self.twins.app()
        owned = Owned(self.money, self.app.state.threads[0])
        self.app.state.drama_pages = DramaPages(self.catalogue, self.viewers, owned, now_ms=self.twins.now_ms)
        self.is_so()
        self.money.credit(USER, PRICE, "test", "r1")
        self.money.unlock(USER, Wanted(DRAMA, BOUGHT, "episode", self.money.version(DRAMA)), "k", b"")

    def is_so(self, *moments: int, **about: Any) -> None:
        """DRAMA is like this from now on."""
        hashes = renditions(*["" if number == 2 else HASH for number in range(1, EPISODES + 1)])
        terms = {"free_first": FREE, "price_coins": PRICE, "renditions": hashes}
        drama = a_drama(DRAMA, 1, EPISODES, releases=moments, **(ABOUT | terms | about))
        self.catalogue.current = a_catalogue(drama, a_drama(OTHER_DRAMA, 2))
        self.money.drama(DRAMA, EPISODES, drama.free_first, drama.price_coins, moments)

    async def ask(self, address: str = ADDRESS, user: int = USER, **claims: Any) -> httpx.Response:
        async with caller(self.app) as client:
            return await client.get(address, headers={"authorization": f"Bearer {a_token(user, **claims)}"})

    async def page(self, query: str = "", user: int = USER, at_ms: int = NOW_MS) -> dict[str, Any]:
        self.twins.now_s = at_ms / 1000
        answer = await self.ask(ADDRESS + query, user)
        assert answer.status_code == 200, answer.text
        assert answer.headers["cache-control"] == "no-store"
        return dict(answer.json())


@pytest.fixture
def world() -> World:
    return World()


def states_of(page: dict[str, Any]) -> list[str]:
    return [one["state"] for one in page["items"]]


async def test_it_says_what_the_drama_is(world: World):
    page = await world.page()
    told = {name: page[name] for name in (*ABOUT, "drama_id", "region", "episodes", "released", "next_release_ms")}
    assert told == {
        **ABOUT, "tags": ["逆袭"], "cast": ["甲", "乙"], "drama_id": DRAMA, "region": "", "episodes": EPISODES,
        "released": EPISODES, "next_release_ms": None,
    }  # fmt: skip
    assert page["items"][1] == {
        "episode_no": 2, "duration_ms": EPISODE_MS, "state": "free", "price_coins": None, "release_ms": None,
        "poster": None,
    }  # fmt: skip
    assert page["items"][3] == {
        "episode_no": 4, "duration_ms": EPISODE_MS, "state": "locked", "price_coins": PRICE, "release_ms": None,
        "poster": f"/v1/posters/{DRAMA}/4",
    }  # fmt: skip


async def test_each_viewer_sees_what_is_open_to_them_and_what_the_rest_costs(world: World):
    mine, theirs = await world.page(), await world.page(user=USER + 1)
    assert states_of(mine) == ["free", "free", "unlocked", "locked", "locked", "locked"]
    assert states_of(theirs) == ["free", "free", "locked", "locked", "locked", "locked"]
    assert (mine["price"], theirs["price"]["rest_coins"]) == (
        {"free_first": FREE, "episode_coins": PRICE, "rest_coins": 162, "price_version": world.money.version(DRAMA)},
        216,
    )
    world.money._open[USER, DRAMA, 0] = 1
    whole = await world.page()
    assert (set(states_of(whole)), whole["price"]["rest_coins"]) == ({"free", "unlocked"}, 0)


async def test_an_episode_is_coming_until_its_very_moment(world: World):
    world.is_so(0, 0, 0, MOMENT_MS, MOMENT_MS + 5, MOMENT_MS + 5)
    before, at, all_out = [await world.page(at_ms=MOMENT_MS + n) for n in (-1, 0, 5)]
    assert [states_of(page)[3] for page in (before, at, all_out)] == ["coming", "locked", "locked"]
    assert [page["released"] for page in (before, at, all_out)] == [3, 4, 6]
    assert [page["next_release_ms"] for page in (before, at, all_out)] == [MOMENT_MS, MOMENT_MS + 5, None]
    assert [page["price"]["rest_coins"] for page in (before, at, all_out)] == [None, None, 162]
    assert before["items"][3] == {
        "episode_no": 4, "duration_ms": EPISODE_MS, "state": "coming", "price_coins": None, "release_ms": MOMENT_MS,
        "poster": None,
    }  # fmt: skip
    assert at["items"][3]["poster"] == f"/v1/posters/{DRAMA}/4"
    assert [one["release_ms"] for one in at["items"]] == [None] * 4 + [MOMENT_MS + 5] * 2


async def test_a_drama_that_is_all_to_come_has_a_page_and_nothing_to_play(world: World):
    world.is_so(*[MOMENT_MS] * EPISODES)
    before = await world.page(at_ms=MOMENT_MS - 1)
    assert (before["released"], before["play"], set(states_of(before))) == (0, None, {"coming"})
    assert (await world.page(at_ms=MOMENT_MS))["play"] == {
        "episode_no": 1, "position_ms": 0, "duration_ms": EPISODE_MS,
    }  # fmt: skip


async def test_it_leads_on_where_the_feed_does(world: World):
    shown = MemoryShown()
    lists = MemoryLists(charts={"hot": [DRAMA], "trending": []})
    world.app.state.feed = Feed(world.catalogue, lists, shown, now_ms=world.twins.now_ms)
    world.is_so(0, 0, 0, MOMENT_MS, MOMENT_MS, MOMENT_MS)
    for place in ((1, 30_000), (1, EPISODE_MS), (3, EPISODE_MS), (5, 8_000)):
        world.viewers.watched[USER] = [(DRAMA, 5, *place)]
        shown.where[USER, DRAMA] = ((5, "s", 1), place)
        for now_ms in (MOMENT_MS - 1, MOMENT_MS):
            world.twins.now_s, shown.served, shown.pages = now_ms / 1000, {}, {}
            items = {one["drama_id"]: one for one in (await world.ask("/v1/feed", age_years=18)).json()["items"]}
            assert (await world.page(at_ms=now_ms))["play"] == items[DRAMA]["play"], (place, now_ms)


async def test_episodes_come_in_pages(world: World):
    first = await world.page("?size=4")
    assert ([one["episode_no"] for one in first["items"]], first["next_from"]) == ([1, 2, 3, 4], 5)
    second = await world.page(f"?size=4&from={first['next_from']}")
    assert ([one["episode_no"] for one in second["items"]], second["next_from"]) == ([5, 6], None)
    exact = await world.page(f"?size={EPISODES}")
    assert (len(exact["items"]), exact["next_from"]) == (EPISODES, None)
    beyond = await world.page("?from=2000")
    assert (beyond["items"], beyond["next_from"], beyond["episodes"]) == ([], None, EPISODES)


@pytest.mark.parametrize("query", ["size=0", "size=101", "from=0", "from=2001", "size=x", "from=-1"])
async def test_a_number_outside_its_bounds_is_refused(world: World, query: str):
    assert (await world.ask(f"{ADDRESS}?{query}")).status_code == 422


# -- what does not answer ------------------------------------------------------------------------------------------


async def test_without_mysql_what_costs_coins_is_unknown_and_the_page_says_so(world: World):
    world.is_so(0, 0, 0, 0, 0, MOMENT_MS)
    world.money.away = True
    page = await world.page()
    assert states_of(page) == ["free", "free", "unknown", "unknown", "unknown", "coming"]
    assert (page["degraded"], page["price"]["rest_coins"], page["items"][2]["price_coins"]) == (["money"], None, None)
    assert (await world.page(at_ms=MOMENT_MS))["price"]["rest_coins"] is None
    world.money.away = False
    assert (await world.page())["degraded"] == []


@pytest.mark.parametrize(
    ("about", "moments", "query"),
    [({"price_coins": 0}, (), ""), ({"free_first": EPISODES}, (), ""), ({}, (0, 0, *[MOMENT_MS] * 4), ""),
     ({}, (0, 0, 0, 0, 0, MOMENT_MS), "?size=2")],
)  # fmt: skip
async def test_mysql_is_not_asked_where_nothing_turns_on_it(world: World, about: Any, moments: Any, query: str):
    world.is_so(*moments, **about)
    world.money.away = True
    page = await world.page(query)
    assert (page["degraded"], set(states_of(page)) <= {"free", "coming"}) == ([], True)
    assert page["price"]["rest_coins"] == (None if moments else 0)


async def test_who_does_not_answer_is_not_waited_for(world: World):
    class Never(Threads):
        async def run(self, _: Any) -> Any:
            await asyncio.Event().wait()

    world.viewers.never = True
    never = Owned(world.money, Never("never", MoneyUnavailable), soon_s=0.01)
    world.app.state.drama_pages = DramaPages(
        world.catalogue, world.viewers, never, now_ms=world.twins.now_ms, soon_s=0.01
    )
    page = await world.page()
    assert (page["degraded"], page["play"]["episode_no"]) == (["money", "viewer"], 1)


async def test_without_redis_the_page_begins_with_the_first_episode(world: World):
    world.viewers.watched[USER] = [(DRAMA, 5, 4, 8_000)]
    assert (await world.page())["play"]["episode_no"] == 4
    world.viewers.error = ViewersUnavailable()
    page = await world.page()
    assert (page["degraded"], page["play"]["episode_no"]) == (["viewer"], 1)


async def test_before_there_is_a_catalogue_it_says_to_come_again(world: World):
    world.catalogue.age_s = float("inf")
    answer = await world.ask()
    assert (answer.status_code, code(answer)) == (503, "catalogue_unavailable")
    assert "retry-after" in answer.headers


# -- what is never told ----------------------------------------------------------------------------------------------


async def test_a_drama_that_is_not_shown_has_no_page(world: World):
    assert code(await world.ask(f"/v1/dramas/{UNKNOWN_DRAMA}")) == "unknown_drama"
    world.catalogue.current = world.catalogue.current.with_takedowns([DRAMA])
    taken_down = await world.ask()
    assert (taken_down.status_code, code(taken_down)) == (404, "unknown_drama")
    world.is_so(published=False)
    assert (await world.ask()).json() == taken_down.json()


async def test_region_and_age_are_held_against_it_as_when_it_is_played(world: World):
    world.is_so(min_age=18, region="CN,TW")
    for claims, status in (
        ({}, 404), ({"age_years": 17, "region": "CN"}, 404), ({"age_years": 18, "region": "US"}, 404),
        ({"age_years": 18}, 200), ({"age_years": 18, "region": "TW"}, 200),
    ):  # fmt: skip
        page, play = await world.ask(**claims), await world.ask(f"{ADDRESS}/episodes/1/play", **claims)
        assert (page.status_code, play.status_code) == (status, status), claims


async def test_without_a_token_nothing_is_told(world: World):
    async with caller(world.app) as client:
        assert (await client.get(ADDRESS)).status_code == 401


async def test_it_holds_nothing_that_plays(world: World):
    """Nor the name of a rendition: the picture's address is the one without it."""
    world.money._open[USER, DRAMA, 0] = 1
    text = (await world.ask()).text
    assert not [word for word in (HASH, "/v1/hls", "/v1/media", "m3u8", "g1.", "t1.", "http") if word in text]


def test_the_example_of_the_document_is_one():
    assert DramaScreen(**example.DRAMA_PAGE).model_dump(mode="json") == example.DRAMA_PAGE
