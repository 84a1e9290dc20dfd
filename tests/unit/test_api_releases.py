"""An episode that is to come, on every surface: nothing of it a millisecond before its moment, all of it at that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from domain import media_address
from domain.media import grant, names
from domain.media_address import Address
from domain.releases import in_order
from infra.money.refunds import Sold
from ingest_api.feed.service import Feed
from ingest_api.play.media import Media
from ingest_api.play.platform import Platform
from ingest_api.product.service import Product
from ingest_api.unlock.service import Unlocking
from tests.api import FixedCatalogue, Twins, caller, code, post
from tests.builders import (
    DRAMA,
    EPISODE_MS,
    NOW_MS,
    OTHER_DRAMA,
    USER,
    a_body,
    a_catalogue,
    a_drama,
    a_token,
    an_event,
)
from tests.feed_rig import ID, Rig, indexes
from tests.hls_rig import EPISODES, FREE, HASH, KEY, PRICE, HlsRig, as_viewer, at, lay_out, renditions
from tests.memory_feed import MemoryHints, MemoryLists, MemoryShown
from tests.unit.test_api_play_wechat import LINK, MemoryLinks
from tests.unit.test_api_product import MemoryCharts, MemoryViewers

MOMENT_MS = NOW_MS + 60_000
COMING = 2  # free, and everything about it is there: file, rendition, key, picture, link of WeChat's
THINGS = ("master.m3u8", "720p/index.m3u8", "720p/00000.ts", "720p/key")


class World(HlsRig):
    """The first episode of DRAMA is out, the others come at MOMENT_MS; a clock that is moved."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        lay_out(root, DRAMA, COMING, HASH)
        self.links = MemoryLinks()
        self.app.state.play._platform = Platform(self.links, self.twins.now_ms)
        self.app.state.media = Media(
            str(root), [KEY], OnePath(), self.catalogue, threads=self.app.state.threads[-1], now_ms=self.twins.now_ms
        )
        self.app.state.unlocking = Unlocking(
            self.money, self.money, self.app.state.threads[0], self.app.state.permission, MemoryHints()
        )
        self.root = root
        self.releases([0, MOMENT_MS])
        self.at(MOMENT_MS - 1)

    def releases(self, moments: list[int], **more: Any) -> None:
        """All processes and MySQL know that DRAMA's episodes come like this."""
        moments += [moments[-1]] * (EPISODES - len(moments))
        how: dict[str, Any] = {"renditions": renditions(*[HASH] * EPISODES), **more}
        drama = a_drama(DRAMA, 1, EPISODES, free_first=FREE, price_coins=PRICE, releases=in_order(moments), **how)
        self.catalogue.current = self.catalogue.current.with_changes([drama])
        self.money.drama(DRAMA, EPISODES, FREE, PRICE, moments)

    def at(self, now_ms: int) -> None:
        """It is this moment."""
        self.twins.now_s = now_ms / 1000
        self.money.now_ms = now_ms

    async def unlock(self, episode_no: int, way: str = "episode", key: str = "k1") -> httpx.Response:
        sent = {"price_version": self.money.version(DRAMA), "way": way}
        headers = {**as_viewer(), "idempotency-key": key}
        async with caller(self.app) as client:
            address = f"/v1/dramas/{DRAMA}/episodes/{episode_no}/unlock"
            return await client.post(address, json=sent, headers=headers)


class OnePath:
    """Every episode is the same file."""

    def path(self, _drama_id: int, _episode_no: int) -> str:
        return "video.mp4"


@pytest.fixture
def world(tmp_path: Path) -> World:
    (tmp_path / "video.mp4").write_bytes(b"video")
    return World(tmp_path)


def is_coming(answer: httpx.Response, release_ms: int = MOMENT_MS) -> bool:
    """Refused, with nothing but when it comes."""
    told = answer.json()
    return (answer.status_code, code(answer), told.pop("release_ms"), [*told]) == (
        403, "not_released", release_ms, ["error"],
    )  # fmt: skip


# -- playing ---------------------------------------------------------------------------------------------------------


async def test_it_is_played_from_its_moment_on(world: World):
    assert is_coming(await world.play(COMING))
    assert (await world.play(1)).status_code == 200
    world.at(MOMENT_MS)
    assert (await world.play(COMING)).json()["address"].endswith("/master.m3u8")


async def test_a_locked_one_says_when_it_comes_and_not_yet_what_it_costs(world: World):
    assert is_coming(await world.play(EPISODES))
    world.at(MOMENT_MS)
    assert code(await world.play(EPISODES)) == "episode_locked"


async def test_who_has_unlocked_all_of_it_waits_too(world: World):
    world.money._open[USER, DRAMA, 0] = 1
    assert is_coming(await world.play(EPISODES))
    world.at(MOMENT_MS)
    assert (await world.play(EPISODES)).json()["reason"] == "unlocked"


async def test_wechats_link_is_given_from_its_moment_on_and_not_asked_for_before(world: World):
    address = f"/v1/dramas/{DRAMA}/episodes/{COMING}/play?platform=weapp"
    assert is_coming(await world.get(address, **as_viewer()))
    assert world.links.asked == []
    world.at(MOMENT_MS)
    assert (await world.get(address, **as_viewer())).json()["wechat"]["hls_url"] == LINK.hls_url


async def test_links_of_what_comes_next_are_fetched_ahead_so_that_they_are_there_at_the_moment(world: World):
    await world.get(f"/v1/dramas/{DRAMA}/episodes/1/play?platform=weapp", **as_viewer())
    assert world.links.asked == [(DRAMA, 1, EPISODES, MOMENT_MS - 1)]


async def test_what_comes_next_says_when_and_what_it_will_cost(world: World):
    told = (await world.play(1)).json()["next"]
    said = [(each["episode_no"], each["state"], each["coins"], each["release_ms"]) for each in told]
    assert said == [(2, "coming", 0, MOMENT_MS), (3, "coming", 0, MOMENT_MS)]  # the third is unlocked already
    world.at(MOMENT_MS)
    told = (await world.play(COMING)).json()["next"]
    said = [(each["episode_no"], each["state"], each["coins"], each["release_ms"]) for each in told]
    assert said == [(3, "unlocked", 0, None), (4, "locked", PRICE, None)]


@pytest.mark.parametrize("thing", THINGS)
async def test_a_grant_of_before_opens_nothing_until_then(world: World, thing: str):
    """It was out, say, and was put off: whoever has an address of it has nothing."""
    address = at(thing, episode_no=COMING, expires_ms=MOMENT_MS + 60_000)
    assert is_coming(await world.get(address))
    world.at(MOMENT_MS)
    assert (await world.get(address)).status_code == 200


async def test_a_signed_address_of_its_file_opens_nothing_until_then(world: World):
    expires_ms = MOMENT_MS + 60_000
    signature = media_address.sign(KEY, Address(USER, DRAMA, COMING, expires_ms))
    address = f"/v1/media/{DRAMA}/{COMING}?user={USER}&expires={expires_ms}&signature={signature}"
    assert is_coming(await world.get(address))
    world.at(MOMENT_MS)
    assert (await world.get(address)).content == b"video"


@pytest.mark.parametrize("address", [f"/{COMING}", f"/{COMING}/{HASH}/0-480.webp"])
async def test_its_picture_is_there_from_its_moment_on(world: World, address: str):
    for kind in ("webp", "jpg"):
        place = world.root / names.poster(DRAMA, COMING, HASH, 0, width=480, kind=kind)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(b"picture")
    assert is_coming(await world.get(f"/v1/posters/{DRAMA}{address}"))
    world.at(MOMENT_MS)
    assert (await world.get(f"/v1/posters/{DRAMA}{address}")).content == b"picture"


async def test_a_change_of_its_moment_counts_as_soon_as_the_catalogue_is_followed(world: World):
    world.releases([0, MOMENT_MS - 1])
    assert (await world.play(COMING)).status_code == 200
    world.releases([0, MOMENT_MS + 1])
    assert is_coming(await world.play(COMING), MOMENT_MS + 1)


# -- paying ----------------------------------------------------------------------------------------------------------


async def test_nobody_pays_for_it_before_its_moment(world: World):
    world.money.credit(USER, 1_000, "test", "r2")
    before = world.money.balance(USER)
    assert is_coming(await world.unlock(EPISODES))
    assert world.money.balance(USER) == before
    world.at(MOMENT_MS)
    told = (await world.unlock(EPISODES)).json()
    assert (told["coins"], told["play"]["address"][:11]) == (PRICE, "/v1/hls/g2.")


async def test_the_whole_drama_is_offered_and_sold_once_all_of_it_is_out(world: World):
    world.releases([0, 0, 0, MOMENT_MS])
    world.money.take_back(USER, DRAMA, 3)
    ways = [way["way"] for way in (await world.play(3)).json()["ways"]]
    assert ways == [way["way"] for way in (await world.unlock(3)).json()["ways"]] == ["episode"]
    refused = await world.unlock(3, "drama")
    assert is_coming(refused)
    assert "one by one" in refused.json()["error"]["message"]
    world.at(MOMENT_MS)
    ways = [way["way"] for way in (await world.play(3)).json()["ways"]]
    assert ways == [way["way"] for way in (await world.unlock(3)).json()["ways"]] == ["episode", "drama"]


async def test_a_purchase_that_is_told_again_brings_no_address_of_what_was_put_off(world: World):
    world.at(MOMENT_MS)
    world.money.credit(USER, 1_000, "test", "r2")
    first = (await world.unlock(EPISODES)).json()
    world.releases([0, 0, 0, MOMENT_MS + 1])
    again = (await world.unlock(EPISODES)).json()
    assert again.pop("play") is None
    assert {**first, "play": None} == {**again, "play": None}


async def test_a_purchase_that_is_told_again_brings_no_address_of_what_was_refunded_or_taken_down(world: World):
    world.at(MOMENT_MS)
    world.money.credit(USER, 1_000, "test", "r2")
    assert (await world.unlock(EPISODES)).json()["play"]
    world.money.refund(Sold(USER, DRAMA, EPISODES), "o1", "test")
    told = await world.unlock(EPISODES)
    assert (told.status_code, told.json()["coins"], told.json()["play"]) == (200, PRICE, None)
    assert code(await world.play(EPISODES)) == "episode_locked"
    assert (await world.unlock(EPISODES, key="k2")).json()["play"]
    world.catalogue.current = world.catalogue.current.with_takedowns([DRAMA])
    assert (await world.unlock(EPISODES, key="k2")).json()["play"] is None


# -- what is told of a drama -----------------------------------------------------------------------------------------


class Screens:
    """The product routes and the feed, of DRAMA and OTHER_DRAMA; one viewer who has watched of DRAMA."""

    def __init__(self, *moments: int, place: tuple[int, int] = (1, EPISODE_MS)) -> None:
        dramas = a_drama(episodes=len(moments), releases=in_order(moments)), a_drama(OTHER_DRAMA, 2)
        self.twins = Twins(catalogue=FixedCatalogue(a_catalogue(*dramas)), now_s=(MOMENT_MS - 1) / 1000)
        self.app = self.twins.app()
        viewers, shown = MemoryViewers(), MemoryShown()
        viewers.watched[USER] = [(DRAMA, 5, *place)]
        shown.where[USER, DRAMA] = ((5, "s", 1), place)
        lists, now_ms = MemoryLists(charts={"hot": [DRAMA], "trending": []}), self.twins.now_ms
        self.app.state.product = Product(self.twins.catalogue, MemoryCharts(), viewers, now_ms=now_ms)
        self.app.state.feed = Feed(self.twins.catalogue, lists, shown, now_ms=now_ms)

    async def get(self, address: str) -> Any:
        async with caller(self.app) as client:
            return await client.get(address, headers={"authorization": f"Bearer {a_token()}"})

    async def items(self, address: str) -> dict[int, Any]:
        return {item["drama_id"]: item for item in (await self.get(address)).json()["items"]}


LISTS = ("/v1/feed", "/v1/hot", "/v1/trending", "/v1/me/progress", "/v1/me/history", "/v1/me/continue")


@pytest.mark.parametrize("address", LISTS)
async def test_a_drama_without_an_episode_that_is_out_is_in_no_list(address: str):
    screens = Screens(MOMENT_MS, MOMENT_MS, place=(1, 8_000))
    assert DRAMA not in await screens.items(address)
    screens.twins.now_s = MOMENT_MS / 1000
    assert DRAMA in await screens.items(address)


async def test_it_goes_with_no_other_and_nothing_goes_with_it():
    screens = Screens(MOMENT_MS)
    assert (await screens.get(f"/v1/dramas/{DRAMA}/also-watched")).status_code == 404
    assert DRAMA not in await screens.items(f"/v1/dramas/{OTHER_DRAMA}/also-watched")
    screens.twins.now_s = MOMENT_MS / 1000
    assert (await screens.get(f"/v1/dramas/{DRAMA}/also-watched")).status_code == 200
    assert DRAMA in await screens.items(f"/v1/dramas/{OTHER_DRAMA}/also-watched")


@pytest.mark.parametrize("address", ["/v1/feed", "/v1/me/progress", "/v1/me/history"])
async def test_lists_say_how_much_is_out_and_when_more_comes(address: str):
    screens = Screens(0, MOMENT_MS, MOMENT_MS + 5)
    for now_ms, released, next_ms in (
        (MOMENT_MS - 1, 1, MOMENT_MS), (MOMENT_MS, 2, MOMENT_MS + 5), (MOMENT_MS + 5, 3, None),
    ):  # fmt: skip
        screens.twins.now_s = now_ms / 1000
        told = (await screens.items(address))[DRAMA]
        assert (told["episodes"], told["released"], told["next_release_ms"]) == (3, released, next_ms)


async def test_no_list_leads_on_to_an_episode_that_is_to_come():
    """Who has watched all that is out begins anew, as at the end of a drama, until the next one is there."""
    screens = Screens(0, MOMENT_MS)

    async def leads_to() -> list[int]:
        feed, progress = await screens.items("/v1/feed"), await screens.items("/v1/me/progress")
        return [feed[DRAMA]["play"]["episode_no"], progress[DRAMA]["next_episode_no"]]

    assert await leads_to() == [1, 1]
    assert await screens.items("/v1/me/continue") == {}
    screens.twins.now_s = MOMENT_MS / 1000
    assert await leads_to() == [2, 2]
    assert [*await screens.items("/v1/me/continue")] == [DRAMA]


async def test_whose_episode_was_put_off_begins_anew():
    screens = Screens(0, MOMENT_MS, place=(2, 30_000))
    assert (await screens.items("/v1/feed"))[DRAMA]["play"] == {
        "episode_no": 1, "position_ms": 0, "duration_ms": EPISODE_MS,
    }  # fmt: skip


async def test_a_page_that_is_asked_for_again_is_without_what_was_put_off():
    rig = Rig(dramas=12)
    page = await rig.open("size=5")
    second = await rig.open(f"size=5&cursor={page.cursor}")
    gone = indexes(second)[0]
    put_off = a_drama(ID + gone, gone, category="c", releases=[NOW_MS + 1] * 3)
    rig.catalogue.current = rig.catalogue.current.with_changes([put_off])
    again = await rig.open(f"size=5&cursor={page.cursor}")
    assert indexes(again) == indexes(second)[1:]


async def test_the_feed_has_a_drama_at_the_moment_and_says_before_that_it_waits():
    rig = Rig(dramas=12, releases=lambda index: [MOMENT_MS] * 3 if index == 5 else ())
    rig.twins.now_s = (MOMENT_MS - 1) / 1000
    for _ in range(4):
        assert 5 not in indexes(await rig.open("size=12"))
    assert (await rig.explain("size=12")).filtered.not_released == 1
    rig.twins.now_s = MOMENT_MS / 1000
    assert 5 in indexes(await rig.open("size=12"))
    assert (await rig.explain("size=12")).filtered.not_released == 0


# -- events ----------------------------------------------------------------------------------------------------------


async def test_events_about_it_are_taken_as_those_of_a_hidden_drama_and_heat_nothing():
    drama = a_drama(releases=[MOMENT_MS] * 3)
    twins = Twins(catalogue=FixedCatalogue(a_catalogue(drama)))
    answer = await post(
        twins.app(), a_body(an_event("play_started", 1), an_event("heartbeat", 2), an_event("liked", 3))
    )
    assert answer.json()["accepted"] == 3
    assert [getattr(event, "qualified", False) for event in twins.logged] == [False] * 3


def test_a_grant_names_what_this_test_thinks():
    """What THINGS are asked with is a grant that would be good if the episode were out."""
    text = at("key", episode_no=COMING, expires_ms=MOMENT_MS + 1).split("/")[3]
    assert grant.read([KEY], text)[:3] == (USER, DRAMA, COMING)
