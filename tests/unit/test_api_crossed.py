"""Two viewers' ids crossed on every route: whatever one asks for, nothing of the other's is told or moved."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from domain.audience import ANYBODY
from domain.media import grant
from domain.media.grant import Grant
from ingest_api.auth import Scope
from ingest_api.feed.service import Feed
from ingest_api.play.states import Owned
from ingest_api.product.drama_page import DramaPages
from ingest_api.product.service import Product
from ingest_api.unlock.service import Unlocking
from tests.api import FixedCatalogue, Twins, caller
from tests.builders import DRAMA, NOW_MS, TICKET_SECRET, a_catalogue, a_drama, a_token
from tests.hls_rig import serve
from tests.memory_feed import MemoryHints, MemoryLists, MemoryShown
from tests.memory_keys import MemoryKeys, MemoryPlaylists
from tests.memory_money import MemoryMoney, MemoryPermission
from tests.unit.test_api_product import MemoryCharts, MemoryViewers

MINE, THEIRS = 1_000_003, 2_000_003  # no number in an answer is by chance one of these
COINS = 7_777_777
EPISODE, POSITION_MS = 3, 61_234_567
THEIR_GRANT = grant.make(TICKET_SECRET.encode(), Grant(THEIRS, DRAMA, 1, "0123456789ab", NOW_MS + 60_000, ANYBODY))
NAMED = {
    "drama_id": DRAMA, "episode_no": EPISODE, "grant": THEIR_GRANT, "rung": "720p", "number": "00000", "width": 480,
    "hash12": "0123456789ab", "kind": "webp", "job_id": 1, "secret": "x" * 30, "key": "mezzanine/7/1/0123456789ab.mp4",
}  # fmt: skip
SIGNED = ("/v1/media/", "/v1/hls/", "/v1/posters/", "/v1/wechat/")  # addresses that say whose they are, or nobody's
OPEN = {"/livez", "/metrics", "/v1/dramas/{drama_id}/counters"}  # of no viewer


@pytest.fixture
def money() -> MemoryMoney:
    """They have coins and an episode, and a key that I shall use; I have nothing."""
    made = MemoryMoney()
    made.drama(DRAMA, episodes=20, free_first=1, price_coins=60)
    made.credit(THEIRS, COINS, "test", "theirs")
    return made


@pytest.fixture
def app(money: MemoryMoney) -> FastAPI:
    """Everything knows something of THEIRS, and nothing of MINE."""
    catalogue = FixedCatalogue(a_catalogue(a_drama(episodes=20)))
    made = Twins(catalogue=catalogue, money=money, purse=money).app()
    viewers, shown = MemoryViewers(), MemoryShown()
    viewers.watched[THEIRS] = [(DRAMA, 1_234_567_890, EPISODE, POSITION_MS)]
    shown.where[THEIRS, DRAMA] = ((1_234_567_890, "s", 1), (EPISODE, POSITION_MS))
    made.state.product = Product(catalogue, MemoryCharts(), viewers, now_ms=lambda: NOW_MS)
    made.state.drama_pages = DramaPages(catalogue, viewers, Owned(money, made.state.threads[0]), now_ms=lambda: NOW_MS)
    lists = MemoryLists(charts={"hot": [DRAMA], "trending": []})
    made.state.feed = Feed(catalogue, lists, shown, now_ms=lambda: NOW_MS)
    made.state.unlocking = Unlocking(money, money, made.state.threads[0], MemoryPermission(), MemoryHints())
    serve(made, made.state.settings, MemoryKeys(), MemoryPlaylists(), lambda: NOW_MS)
    return made


def routes(app: FastAPI) -> Iterator[tuple[str, str]]:
    """Every method and path of the document, but the one that asks the servers how they are."""
    for path, methods in app.openapi()["paths"].items():
        for method in methods if path != "/readyz" else ():
            yield method, path


async def ask(app: FastAPI, method: str, path: str, user: int, scope: Scope = Scope.VIEWER) -> httpx.Response:
    """As `user`, naming THEIRS wherever a request can name anybody."""
    money: MemoryMoney = app.state.connections.money
    headers = {
        "authorization": f"Bearer {a_token(user, scope)}", "idempotency-key": "theirs", "x-user-id": str(THEIRS),
        "cookie": f"user_id={THEIRS}",
    }  # fmt: skip
    address = path.format(**NAMED)
    body = {"price_version": money.version(DRAMA), "way": "episode", "user_id": THEIRS}
    params: Any = {"user_id": THEIRS, "user": THEIRS, "viewer": THEIRS}
    async with caller(app) as client:
        return await client.request(
            method, address, headers=headers, params=params, json=body if method == "post" else None
        )


def marks() -> list[str]:
    return [str(THEIRS), str(COINS), str(COINS - 60), str(POSITION_MS), "1234567890"]


async def test_every_route_of_a_viewer_asks_who_it_is(app: FastAPI) -> None:
    for method, path in routes(app):
        if path in OPEN or path.startswith(SIGNED):
            continue
        async with caller(app) as client:
            answer = await client.request(method, path.format(**NAMED))
        assert answer.status_code == 401, (method, path)


async def test_nothing_of_another_viewers_is_told(app: FastAPI, money: MemoryMoney) -> None:
    assert (await ask(app, "post", "/v1/dramas/{drama_id}/episodes/{episode_no}/unlock", THEIRS)).status_code == 200
    seen = [(await ask(app, method, path, THEIRS)).text for method, path in routes(app) if method == "get"]
    assert all(any(mark in text for text in seen) for mark in marks()[2:])  # the marks are really told to THEM
    for method, path in routes(app):
        answer = await ask(app, method, path, MINE)
        assert answer.status_code < 500, (method, path)
        assert [mark for mark in marks() if mark in answer.text] == [], (method, path)


async def test_what_was_given_to_another_viewer_is_refused_with_my_token(app: FastAPI) -> None:
    given = [path for _, path in routes(app) if path.startswith("/v1/hls/")]
    assert len(given) == 4
    for path in given:
        assert (await ask(app, "get", path, MINE)).status_code == 403, path


async def test_nothing_of_another_viewers_is_moved(app: FastAPI, money: MemoryMoney) -> None:
    before = money.balance(THEIRS), list(money.page(THEIRS, None, 100)), money.opened(THEIRS, DRAMA)
    for method, path in routes(app):
        await ask(app, method, path, MINE)
    assert (money.balance(THEIRS), list(money.page(THEIRS, None, 100)), money.opened(THEIRS, DRAMA)) == before


async def test_reading_never_debits(app: FastAPI, money: MemoryMoney) -> None:
    before = money.balance(THEIRS)
    for method, path in routes(app):
        if method != "post":
            await ask(app, method, path, THEIRS)
    assert (money.balance(THEIRS), money.opened(THEIRS, DRAMA), money.events) == (before, frozenset(), [])


async def test_what_another_unlocked_with_the_same_key_is_not_open_to_me(app: FastAPI) -> None:
    path = "/v1/dramas/{drama_id}/episodes/{episode_no}/unlock"
    assert (await ask(app, "post", path, THEIRS)).status_code == 200
    mine = await ask(app, "post", path, MINE)
    assert (mine.status_code, mine.json()["balance"]) == (402, {"paid": 0, "bonus": 0, "debt": 0})


@pytest.mark.parametrize("scope", [Scope.ADMIN, Scope.BACKFILL])
async def test_who_is_no_viewer_unlocks_nothing(app: FastAPI, scope: Scope, money: MemoryMoney) -> None:
    answer = await ask(app, "post", "/v1/dramas/{drama_id}/episodes/{episode_no}/unlock", THEIRS, scope)
    assert answer.status_code == 403
    assert money.events == []
