"""Playing what is free and what was unlocked, in process on real servers: MySQL decides, a file is served."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from domain import tickets
from infra.catalogue.media_paths import MediaPaths, PathsUnavailable
from infra.catalogue.takedown import take_down
from infra.money.refunds import Refunds, Sold
from infra.money.wallet import Wallet
from infra.mysql.engine import engine_of
from tests.builders import TICKET_SECRET
from tests.catalogue import a_line, an_episode
from tests.catalogue_rig import Rig
from tests.viewing import DRAMA, OTHER, USER, as_viewer, now_ms, play, unlock

pytestmark = pytest.mark.servers

FREE, PRICE, EPISODES = 2, 30, 4
VIDEO = b"frames " * 30_000


@pytest.fixture
def line(tmp_path: Path) -> dict[str, Any]:
    """A drama of EPISODES, the first FREE of them free; every one but the last has a video."""
    folder = tmp_path / "media" / "dramas"
    folder.mkdir(parents=True)
    episodes = [an_episode(no, media_path=f"dramas/{no}.mp4" if no < EPISODES else "") for no in range(1, EPISODES + 1)]
    for no in range(1, EPISODES):
        (folder / f"{no}.mp4").write_bytes(VIDEO + str(no).encode())
    return a_line(DRAMA, free_first=FREE, price_coins=PRICE, episodes=episodes)


def states(answer: httpx.Response) -> list[tuple[int, str]]:
    return [(each["episode_no"], each["state"]) for each in answer.json()["next"]]


async def test_from_a_free_episode_to_a_402_to_an_unlocked_one(api: httpx.AsyncClient, rig: Rig) -> None:
    first = await play(api, FREE)
    assert states(first) == [(FREE + 1, "locked"), (FREE + 2, "locked")]
    refused = await play(api, FREE + 1)
    assert (refused.status_code, refused.json()["price"]["coins"]) == (402, PRICE)
    Wallet(rig.engine, now_ms).credit(USER, PRICE, "test", "r1")
    done = await unlock(api, FREE + 1, "episode", refused.json()["price"]["price_version"])
    played = await play(api, FREE + 1)
    assert (played.status_code, played.json()["reason"]) == (200, "unlocked")
    assert states(played) == [(FREE + 2, "locked")]
    same = {name: played.json()[name] for name in done["play"]}
    assert tickets.read([TICKET_SECRET.encode()], same["ticket"]).user_id == USER
    assert (await api.get(done["play"]["address"])).content == VIDEO + str(FREE + 1).encode()
    assert (await play(api, FREE + 1, OTHER)).status_code == 402


async def test_what_is_refunded_is_refused_and_can_be_bought_again(api: httpx.AsyncClient, rig: Rig) -> None:
    version = (await play(api, FREE + 1)).json()["price"]["price_version"]
    Wallet(rig.engine, now_ms).credit(USER, PRICE, "test", "r1")
    await unlock(api, FREE + 1, "episode", version)
    Refunds(rig.engine, now_ms).refund(Sold(USER, DRAMA, FREE + 1), "o1", "test")
    refused = await play(api, FREE + 1)
    assert (refused.status_code, refused.json()["balance"]["paid"]) == (402, PRICE)
    again = await api.post(
        f"/v1/dramas/{DRAMA}/episodes/{FREE + 1}/unlock",
        json={"way": "episode", "price_version": version},
        headers=as_viewer(USER) | {"idempotency-key": "another"},
    )
    assert (again.status_code, again.json()["balance"]["paid"]) == (200, 0)
    assert (await play(api, FREE + 1)).status_code == 200


async def test_the_rest_of_a_drama_opens_all_that_is_left(api: httpx.AsyncClient, rig: Rig) -> None:
    ways = {way["way"]: way for way in (await play(api, FREE + 1)).json()["ways"]}
    Wallet(rig.engine, now_ms).credit(USER, ways["drama"]["coins"], "test", "r1", pot="bonus")
    await unlock(api, FREE + 1, "drama", ways["drama"]["price_version"])
    assert states(await play(api, FREE)) == [(FREE + 1, "unlocked"), (FREE + 2, "unlocked")]
    assert (await play(api, EPISODES)).status_code == 200


async def test_the_video_comes_from_where_the_catalogue_says(api: httpx.AsyncClient, rig: Rig) -> None:
    address = (await play(api, 1)).json()["address"]
    assert (await api.get(address)).content == VIDEO + b"1"
    part = await api.get(address, headers={"range": "bytes=7-13"})
    assert (part.status_code, part.content) == (206, b"frames ")
    assert (await api.get(address.replace("/1?", "/3?"))).status_code == 403
    take_down(rig.engine, rig.shelf, DRAMA, now_ms=now_ms())
    await api._transport.app.state.catalogue.refresh()  # type: ignore[attr-defined]
    assert [(await api.get(address)).status_code, (await play(api, 1)).status_code] == [404, 404]


def test_paths_are_those_of_the_catalogue(rig: Rig) -> None:
    paths = MediaPaths(rig.engine)
    assert [paths.path(DRAMA, no) for no in (1, EPISODES, EPISODES + 1)] == ["dramas/1.mp4", "", ""]
    assert paths.path(404, 1) == ""


def test_without_mysql_a_path_is_not_known_and_not_denied(rig: Rig) -> None:
    away = rig.settings.model_copy(update={"mysql_url": SecretStr("mysql+pymysql://juliu@127.0.0.1:1/juliu")})
    with pytest.raises(PathsUnavailable):
        MediaPaths(engine_of(away)).path(DRAMA, 1)
