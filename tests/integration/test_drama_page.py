"""A drama's page on real servers: MySQL says what is unlocked, Redis where the viewer is, the catalogue the rest."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
from pydantic import SecretStr

from domain import keys, registers, state
from domain.media import orders as log_orders
from domain.media.orders import What
from domain.topics import partition_of
from infra import namespaces
from infra.catalogue.shelf import RedisShelf
from infra.catalogue.takedown import take_down
from infra.media.queue import JobQueue
from infra.money.wallet import Wallet
from infra.mysql.engine import engine_of
from infra.mysql.migrate import migrate
from infra.settings import Settings
from ingest_api.auth import Scope
from tests.builders import SECRET, TICKET_SECRET, a_token
from tests.catalogue import a_line, an_episode
from tests.catalogue_rig import Rig
from tests.served import served

pytestmark = pytest.mark.servers

DRAMA, FREE, PRICE, EPISODES, USER, OTHER = 7, 2, 30, 5, 11, 12
PAST_MS, LATER_MS = 1_600_000_000_000, 4_000_000_000_000
PAGE = f"/v1/dramas/{DRAMA}"


def now_ms() -> int:
    return time.time_ns() // 1_000_000


@pytest.fixture
def rig(fresh: Settings, tmp_path: Path) -> Iterator[Rig]:
    """The last episode comes in years, the first has a picture."""
    ours = fresh.model_copy(update={"jwt_secret": SecretStr(SECRET), "ticket_secret": SecretStr(TICKET_SECRET)})
    migrate(ours)
    namespaces.create(ours)
    moments = {4: PAST_MS, EPISODES: LATER_MS}
    paths = {1: "hls/7/1/0123456789ab/master.m3u8"}
    episodes = [
        an_episode(no, media_path=paths.get(no, f"secret/{no}.mp4"), release_ms=moments.get(no))
        for no in range(1, EPISODES + 1)
    ]
    with redis.Redis.from_url(ours.redis_url) as client:
        made = Rig(ours, engine_of(ours), client, RedisShelf.of(ours), tmp_path)
        made.publishes(a_line(DRAMA, free_first=FREE, price_coins=PRICE, region="", episodes=episodes))
        yield made
        made.engine.dispose()
        made.shelf.close()


@pytest.fixture
async def api(rig: Rig) -> AsyncIterator[httpx.AsyncClient]:
    async with served(rig.settings) as client:
        yield client


def as_viewer(user: int = USER) -> dict[str, str]:
    return {"authorization": f"Bearer {a_token(user, now_s=int(time.time()))}"}


async def page(api: httpx.AsyncClient, user: int = USER, query: str = "") -> dict[str, Any]:
    answer = await api.get(PAGE + query, headers=as_viewer(user))
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def states(told: dict[str, Any]) -> list[str]:
    return [one["state"] for one in told["items"]]


async def test_what_is_bought_is_open_on_its_buyers_page(api: httpx.AsyncClient, rig: Rig):
    first = await page(api)
    assert (states(first), first["degraded"]) == (["free", "free", "locked", "locked", "coming"], [])
    assert (first["released"], first["next_release_ms"], first["items"][4]["release_ms"]) == (4, LATER_MS, LATER_MS)
    assert [one["poster"] for one in first["items"]] == [f"/v1/posters/{DRAMA}/1", None, None, None, None]
    Wallet(rig.engine, now_ms).credit(USER, PRICE, "test", "r1")
    sent = {"way": "episode", "price_version": first["price"]["price_version"]}
    bought = await api.post(f"{PAGE}/episodes/4/unlock", json=sent, headers=as_viewer() | {"idempotency-key": "k"})
    assert (bought.status_code, bought.json()["coins"]) == (200, first["items"][3]["price_coins"])
    assert states(await page(api)) == ["free", "free", "locked", "unlocked", "coming"]
    assert states(await page(api, OTHER)) == ["free", "free", "locked", "locked", "coming"]
    assert states(await page(api, query="?from=4&size=1")) == ["unlocked"]


async def test_it_goes_on_where_the_viewer_was(api: httpx.AsyncClient, rig: Rig):
    assert (await page(api))["play"]["episode_no"] == 1
    p, register = partition_of(USER, rig.settings.partitions), registers.encode(((now_ms(), "s", 1), (3, 5_000)))
    rig.redis.hset(keys.user(1, p, USER), state.progress_field(DRAMA), register)
    told = (await page(api))["play"]
    assert (told["episode_no"], told["position_ms"]) == (3, 5_000)
    assert (await page(api, OTHER))["play"]["episode_no"] == 1


async def test_a_release_and_a_take_down_are_on_the_page_when_the_catalogue_is_followed(
    api: httpx.AsyncClient, rig: Rig
):
    catalogue = api._transport.app.state.catalogue  # type: ignore[attr-defined]
    rig.rows("UPDATE episodes SET release_ms = :ms WHERE drama_id = 7 AND episode_no = 5", ms=PAST_MS)
    rig.publishes(afresh=True)
    await catalogue.refresh()
    told = await page(api)
    assert (states(told)[4], told["next_release_ms"], told["price"]["rest_coins"]) == ("locked", None, 81)
    take_down(rig.engine, rig.shelf, DRAMA, now_ms=now_ms())
    await catalogue.refresh()
    assert (await api.get(PAGE, headers=as_viewer())).status_code == 404


async def test_what_staff_schedule_release_and_recall_is_on_every_page(api: httpx.AsyncClient, rig: Rig):
    catalogue = api._transport.app.state.catalogue  # type: ignore[attr-defined]
    staff = {"authorization": f"Bearer {a_token(41, scope=Scope.ADMIN, now_s=int(time.time()))}"}

    async def order(method: str, what: str = "", **sent: int) -> int:
        answer = await api.request(method, f"/v1/admin/media{PAGE[3:]}/releases{what}", headers=staff, json=sent)
        await catalogue.refresh()
        return answer.status_code

    assert await order("POST", "/now", first=5) == 200
    told = await page(api)
    assert (states(told)[4], told["released"], told["next_release_ms"]) == ("locked", EPISODES, None)
    later = {"first": 2, "from_ms": LATER_MS, "every_minutes": 1}
    assert await order("PUT", **later) == 409
    assert states(await page(api))[1] == "free"
    assert await order("POST", "/recall", **later) == 200
    told = await page(api)
    assert [one["release_ms"] for one in told["items"]] == [None, *(LATER_MS + n * 60_000 for n in range(4))]
    assert (await api.get(f"{PAGE}/episodes/2/play", headers=as_viewer())).status_code == 403
    assert await order("PUT", first=2, from_ms=LATER_MS + 1) == 200
    assert (await page(api))["next_release_ms"] == LATER_MS + 1
    orders = [log_orders.decode(record.value) for record in JobQueue(rig.engine).records(10)]
    assert [(one.what, one.who, one.episode_no) for one in orders] == [
        (What.RELEASE, "41", 5), (What.RECALL, "41", 2), (What.SCHEDULE, "41", 2),
    ]  # fmt: skip


async def test_without_mysql_there_is_a_page_all_the_same(rig: Rig):
    away = SecretStr("mysql+pymysql://juliu@127.0.0.1:1/juliu")
    async with served(rig.settings.model_copy(update={"mysql_url": away})) as api:
        told = await page(api)
        assert states(told) == ["free", "free", "unknown", "unknown", "coming"]
        assert (told["degraded"], told["price"]["rest_coins"]) == (["money"], None)
        text = str(told)
    assert not [word for word in ("secret/", "0123456789ab", ".m3u8", ".mp4") if word in text]
