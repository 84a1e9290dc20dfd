"""Unlocking over HTTP on a real MySQL: many at once, a price that moves, a MySQL that says nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
from pydantic import SecretStr

from domain.pricing import Terms, terms
from infra import namespaces
from infra.catalogue.shelf import RedisShelf
from infra.mysql.engine import engine_of
from infra.mysql.migrate import migrate as migrate_mysql
from infra.settings import Settings
from tests.builders import DRAMA, SECRET, TICKET_SECRET, USER, a_token
from tests.catalogue import a_line
from tests.catalogue_rig import Rig
from tests.served import served

pytestmark = pytest.mark.servers

EPISODES, FREE_FIRST, PRICE = 20, 3, 60
TERMS = terms(FREE_FIRST, PRICE, EPISODES)
AT_ONCE = 50


@pytest.fixture
def rig(fresh: Settings, tmp_path: Path) -> Iterator[Rig]:
    """DRAMA of EPISODES in MySQL and published, and nothing else."""
    ours = {"jwt_secret": SecretStr(SECRET), "ticket_secret": SecretStr(TICKET_SECRET)}
    settings = fresh.model_copy(update=ours)
    migrate_mysql(settings)
    namespaces.create(settings)
    with redis.Redis.from_url(settings.redis_url) as client:
        made = Rig(settings, engine_of(settings), client, RedisShelf.of(settings), tmp_path)
        priced(made, TERMS)
        yield made
        made.engine.dispose()
        made.shelf.close()


def priced(rig: Rig, its: Terms) -> None:
    rig.publishes(a_line(DRAMA, EPISODES, free_first=FREE_FIRST, price_coins=its.episode_coins(EPISODES)))


@pytest.fixture
async def api(rig: Rig) -> AsyncIterator[httpx.AsyncClient]:
    """The API that everybody calls."""
    async with served(rig.settings) as client:
        yield client


def credit(api: Any, coins: int, user: int = USER, ref: str = "r1") -> None:
    """As `juliu wallet credit` does."""
    api._transport.app.state.connections.purse.credit(user, coins, "test", ref)


def headers(user: int, **more: str) -> dict[str, str]:
    return {"authorization": f"Bearer {a_token(user, now_s=int(time.time()))}", **more}


async def unlock(
    api: httpx.AsyncClient, episode_no: int = 4, key: str = "k", its: Terms = TERMS, user: int = USER
) -> httpx.Response:
    body = {"price_version": its.version, "way": "episode"}
    address = f"/v1/dramas/{DRAMA}/episodes/{episode_no}/unlock"
    return await api.post(address, json=body, headers=headers(user, **{"idempotency-key": key}))


async def wallet(api: httpx.AsyncClient, user: int = USER) -> Any:
    return (await api.get("/v1/wallet", headers=headers(user))).json()


@pytest.mark.parametrize("keys", [["k"] * AT_ONCE, [f"k{n}" for n in range(AT_ONCE)]], ids=["one key", "fifty keys"])
async def test_fifty_at_once_are_one_debit_one_event_and_fifty_equal_answers(rig, api, keys):
    credit(api, 1_000)
    answers = await asyncio.gather(*(unlock(api, key=key) for key in keys))
    assert {answer.status_code for answer in answers} == {200}
    told = {(str(a.json()["balance"]), str(a.json()["entitlement"]), a.json()["coins"]) for a in answers}
    assert len(told) == 1
    found = await wallet(api)
    assert found["balance"] == {"paid": 1_000 - PRICE, "bonus": 0, "debt": 0}
    assert [entry["amount"] for entry in found["entries"]] == [-PRICE, 1_000]
    assert rig.rows("SELECT COUNT(*) FROM outbox") == [(1,)]
    assert rig.rows("SELECT user_id, drama_id, episode_no FROM entitlements") == [(USER, DRAMA, 4)]


async def test_many_viewers_at_once_each_pay_for_their_own(rig, api):
    viewers = range(100, 130)
    for user in viewers:
        credit(api, 2 * PRICE, user, f"r{user}")
    wanted = [(user, episode_no) for user in viewers for episode_no in (4, 5)]
    answers = await asyncio.gather(*(unlock(api, no, f"k{no}", user=user) for user, no in wanted))
    assert {answer.status_code for answer in answers} == {200}
    assert all([(await wallet(api, user))["balance"]["paid"] == 0 for user in viewers])
    assert rig.rows("SELECT COUNT(*), COUNT(DISTINCT user_id) FROM outbox") == [(60, 30)]


async def test_a_402_then_a_credit_then_the_same_key(rig, api):
    poor = await unlock(api)
    assert (poor.status_code, poor.json()["price"]["coins"]) == (402, PRICE)
    assert [way["coins"] for way in poor.json()["ways"]] == [PRICE, TERMS.drama_coins(())]
    credit(api, PRICE)
    assert (await unlock(api)).json()["balance"]["paid"] == 0


async def test_a_price_raised_between_showing_and_unlocking(rig, api):
    credit(api, 1_000)
    dearer = terms(FREE_FIRST, PRICE + 5, EPISODES)
    priced(rig, dearer)
    answer = await unlock(api)
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "price_changed")
    assert answer.json()["price"] == {"coins": PRICE + 5, "price_version": dearer.version}
    assert (await wallet(api))["balance"]["paid"] == 1_000
    assert (await unlock(api, its=dearer)).json()["coins"] == PRICE + 5


async def test_a_drama_taken_down_is_sold_to_nobody(rig, api):
    credit(api, 1_000)
    rig.rows("INSERT INTO takedowns (drama_id, taken_down_ms) VALUES (:drama_id, 0)", drama_id=DRAMA)
    answer = await unlock(api)
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "unknown_episode")
    assert len((await wallet(api))["entries"]) == 1


async def test_a_row_that_somebody_holds_costs_its_viewer_a_503_and_others_nothing(rig, api):
    for user in (USER, USER + 1):
        credit(api, 1_000, user, f"r{user}")
    with rig.engine.begin() as connection:
        connection.exec_driver_sql(f"SELECT * FROM accounts WHERE user_id = {USER} FOR UPDATE")
        stuck = asyncio.create_task(unlock(api))
        assert (await unlock(api, user=USER + 1)).status_code == 200
        answer = await stuck
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "money_unavailable")
    async with asyncio.timeout(60):
        while (again := await unlock(api)).status_code == 503:
            assert "retry-after" in again.headers
    assert again.json()["balance"]["paid"] == 1_000 - PRICE
    assert rig.rows(f"SELECT COUNT(*) FROM outbox WHERE user_id = {USER}") == [(1,)]


async def test_a_mysql_that_says_nothing_is_a_503_and_no_wait_without_end(rig):
    silent = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    url = SecretStr(f"mysql+pymysql://juliu@127.0.0.1:{port}/juliu")
    async with served(rig.settings.model_copy(update={"mysql_url": url})) as api, asyncio.timeout(60):
        answers = await asyncio.gather(*(unlock(api, key=f"k{n}") for n in range(20)))
        assert {(one.status_code, one.json()["error"]["code"]) for one in answers} == {(503, "money_unavailable")}
        assert (await api.get("/v1/feed", headers=headers(USER))).status_code == 200
    silent.close()
