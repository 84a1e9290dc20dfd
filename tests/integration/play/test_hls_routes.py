"""An encrypted episode on real servers: published by media jobs, played by who may, gone soon after a take-down."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from domain.media import grant, names
from domain.media.orders import AT_TERMINAL
from domain.releases import Wanted
from infra.catalogue.follower import POLL_S
from infra.catalogue.media import UnknownEpisode, publish_media
from infra.catalogue.publish import publish
from infra.catalogue.releases import release
from infra.catalogue.takedown import take_down
from infra.media.keys import KeyStore, Sealer
from infra.media.playlists import PlaylistStore
from infra.money.wallet import Wallet
from tests.builders import TICKET_SECRET
from tests.catalogue import a_line, an_episode
from tests.catalogue_rig import Rig
from tests.hls_rig import INDEX, RUNGS, SEGMENT, a_master, lay_out
from tests.viewing import DRAMA, OTHER, USER, as_viewer, now_ms, play, unlock

pytestmark = pytest.mark.servers

FREE, PRICE, EPISODES = 1, 30, 3
HASH, NEXT_HASH = "0123456789ab", "ba9876543210"
SOON_S = 60.0  # a bound on waiting, far above what it takes
TAKE_DOWN_S = 2.0  # what one is promised to take: a look at the catalogue that has begun, and the next


def the_line(**more: Any) -> dict[str, Any]:
    episodes = [an_episode(no, media_path="") for no in range(1, EPISODES + 1)]
    return a_line(DRAMA, free_first=FREE, price_coins=PRICE, episodes=episodes, **more)


@pytest.fixture
def line() -> dict[str, Any]:
    """A drama of EPISODES, the first FREE of them free; nobody has made a video yet."""
    return the_line()


def finish(rig: Rig, episode_no: int, hash12: str = HASH) -> dict[str, bytes]:
    """What media jobs do at the end of an episode; its keys."""
    lay_out(rig.folder / "media", DRAMA, episode_no, hash12)
    keys = KeyStore(rig.engine, Sealer.of(rig.settings), now_ms).keys_for(DRAMA, episode_no, hash12, RUNGS)
    assert publish_media(rig.engine, DRAMA, episode_no, names.master(DRAMA, episode_no, hash12), 3_500)
    publish(rig.engine, rig.shelf)
    return dict(keys)


async def until(what: Callable[[], Any]) -> None:
    """Wait for `what` to answer true."""
    async with asyncio.timeout(SOON_S):
        while not await what():  # noqa: ASYNC110  nothing tells it
            await asyncio.sleep(0.02)


async def encrypted(api: httpx.AsyncClient, episode_no: int, user: int = USER) -> str:
    """The master's address, as soon as the processes follow."""

    async def there() -> bool:
        return str((await play(api, episode_no, user)).json().get("address", "")).endswith("/master.m3u8")

    await until(there)
    return str((await play(api, episode_no, user)).json()["address"])


async def pay(api: httpx.AsyncClient, rig: Rig, episode_no: int) -> dict[str, Any]:
    price = (await play(api, episode_no)).json()["price"]
    Wallet(rig.engine, now_ms).credit(USER, price["coins"], "test", f"r{episode_no}")
    return await unlock(api, episode_no, "episode", price["price_version"])


async def test_from_the_last_step_of_its_job_to_the_last_byte(api: httpx.AsyncClient, rig: Rig):
    assert (await play(api, 1)).json()["address"].startswith("/v1/media/")
    keys = finish(rig, 1)
    master = await encrypted(api, 1)
    assert (await play(api, 1)).json()["duration_ms"] == 3_500
    folder = master.removesuffix("master.m3u8")
    assert (await api.get(master)).text == a_master()
    for rung in RUNGS:
        assert (await api.get(f"{folder}{rung}/index.m3u8")).text == INDEX
        assert (await api.get(f"{folder}{rung}/00000.ts")).content == SEGMENT
        assert (await api.get(f"{folder}{rung}/key")).content == keys[rung]


async def test_the_key_of_what_costs_coins_is_given_to_who_has_paid(api: httpx.AsyncClient, rig: Rig):
    keys = finish(rig, 2)
    await api._transport.app.state.catalogue.refresh()  # type: ignore[attr-defined]
    assert (await play(api, 2)).status_code == 402
    told = await pay(api, rig, 2)
    key = (await encrypted(api, 2)).replace("master.m3u8", "720p/key")
    assert told["play"]["address"].endswith("/master.m3u8")  # the answer of the unlock plays too
    assert (await api.get(key)).content == keys["720p"]
    assert (await api.get(key, headers=as_viewer(OTHER))).status_code == 403
    with rig.engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM entitlements WHERE user_id = :user"), {"user": USER})
    refused = await api.get(key)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "key_refused")


async def test_a_take_down_ends_grants_playlists_and_keys_at_the_next_look(api: httpx.AsyncClient, rig: Rig):
    finish(rig, 1)
    master = await encrypted(api, 1)
    things = [master, *(master.replace("master.m3u8", f"720p/{rest}") for rest in ("index.m3u8", "00000.ts", "key"))]
    assert {(await api.get(thing)).status_code for thing in things} == {200}
    take_down(rig.engine, rig.shelf, DRAMA, now_ms=now_ms())
    await api._transport.app.state.catalogue.refresh()  # type: ignore[attr-defined]
    answers = [await api.get(thing) for thing in things] + [await play(api, 1)]
    assert {answer.status_code for answer in answers} == {404}
    assert 2 * POLL_S < TAKE_DOWN_S


async def test_what_is_put_off_is_gone_at_the_next_look_and_there_again_when_it_is_out(
    api: httpx.AsyncClient, rig: Rig
):
    """The catalogue that is followed and MySQL say the same: nothing is played, and nothing is sold."""
    finish(rig, 2)
    await api._transport.app.state.catalogue.refresh()  # type: ignore[attr-defined]
    await pay(api, rig, 2)
    master = await encrypted(api, 2)
    things = [master, *(master.replace("master.m3u8", f"720p/{rest}") for rest in ("index.m3u8", "00000.ts", "key"))]
    Wallet(rig.engine, now_ms).credit(USER, PRICE, "test", "r3")

    async def answers(release_ms: int) -> list[httpx.Response]:
        with rig.engine.begin() as connection:
            release(connection, DRAMA, Wanted(2, 2, release_ms, recall=True), AT_TERMINAL, release_ms)
        publish(rig.engine, rig.shelf)
        await api._transport.app.state.catalogue.refresh()  # type: ignore[attr-defined]
        third = await api.post(
            f"/v1/dramas/{DRAMA}/episodes/3/unlock",
            json={"way": "episode", "price_version": f"v1-{FREE}-{PRICE}-{EPISODES}"},
            headers=as_viewer(USER) | {"idempotency-key": "third"},
        )
        return [await api.get(thing) for thing in things] + [await play(api, 2), third]

    later_ms = now_ms() + 86_400_000
    refused = [answer.json() for answer in await answers(later_ms)]
    assert {(told["error"]["code"], told["release_ms"]) for told in refused} == {("not_released", later_ms)}
    assert {answer.status_code for answer in await answers(now_ms())} == {200}


async def test_a_replaced_episode_is_another_rendition_with_keys_of_its_own(api: httpx.AsyncClient, rig: Rig):
    old = finish(rig, 1)
    before = await encrypted(api, 1)
    new = finish(rig, 1, NEXT_HASH)

    async def replaced() -> bool:  # another address alone may be the same rendition's: its end moves every five minutes
        told = grant.read([TICKET_SECRET.encode()], (await play(api, 1)).json()["address"].split("/")[3])
        return told.hash12 == NEXT_HASH

    await until(replaced)
    after = await encrypted(api, 1)
    assert (await api.get(before.replace("master.m3u8", "720p/key"))).content == old["720p"]  # who has begun goes on
    assert (await api.get(after.replace("master.m3u8", "720p/key"))).content == new["720p"] != old["720p"]


async def test_playlists_come_from_mysql_where_no_folder_has_them(api: httpx.AsyncClient, rig: Rig):
    finish(rig, 1)
    master = await encrypted(api, 1)
    PlaylistStore(rig.engine, now_ms).put({names.master(DRAMA, 1, HASH): a_master()})
    (rig.folder / "media" / names.master(DRAMA, 1, HASH)).unlink()
    assert (await api.get(master)).text == a_master()


# -- publish_media ---------------------------------------------------------------------------------------------------


def test_publishing_again_changes_nothing(rig: Rig):
    path = names.master(DRAMA, 2, HASH)
    assert publish_media(rig.engine, DRAMA, 2, path, 61_000)
    assert publish(rig.engine, rig.shelf).what == "delta"
    assert not publish_media(rig.engine, DRAMA, 2, path, 61_000)
    assert publish(rig.engine, rig.shelf).what == "nothing"
    read = rig.read()
    assert ([read.rendition(DRAMA, no) for no in (1, 2, 3)], read.duration_ms(DRAMA, 2)) == (["", HASH, ""], 61_000)


@pytest.mark.parametrize(("drama_id", "episode_no"), [(404, 1), (DRAMA, EPISODES + 1)])
def test_an_episode_that_the_catalogue_does_not_have_is_not_published(rig: Rig, drama_id: int, episode_no: int):
    with pytest.raises(UnknownEpisode):
        publish_media(rig.engine, drama_id, episode_no, "a.mp4", 61_000)
    assert publish(rig.engine, rig.shelf).what == "nothing"


@pytest.mark.parametrize(("path", "duration_ms"), [("", 61_000), ("../x", 61_000), ("x" * 301, 61_000), ("a.mp4", 999)])
def test_what_no_import_would_take_is_not_published(rig: Rig, path: str, duration_ms: int):
    with pytest.raises(ValueError, match=r"path|lasts"):
        publish_media(rig.engine, DRAMA, 1, path, duration_ms)


def test_importing_the_drama_again_keeps_what_media_jobs_made(rig: Rig):
    publish_media(rig.engine, DRAMA, 2, names.master(DRAMA, 2, HASH), 61_234)
    assert rig.imports(the_line()).unchanged == 1
    assert rig.imports(the_line(title="another")).changed == 1
    publish(rig.engine, rig.shelf)
    read = rig.read()
    assert (read.rendition(DRAMA, 2), read.duration_ms(DRAMA, 2)) == (HASH, 61_234)
    line = the_line()
    line["episodes"][1]["media_path"] = "dramas/7/2.mp4"
    assert rig.imports(line).changed == 1  # who names a path means it
    publish(rig.engine, rig.shelf)
    assert rig.read().rendition(DRAMA, 2) == ""
