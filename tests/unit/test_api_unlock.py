"""Unlocking and the wallet over HTTP, on twins: answers, codes, what is debited and what is not."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ingest_api.auth import Scope
from ingest_api.unlock.service import Unlocking
from tests.api import Twins, caller, code
from tests.builders import DRAMA, OTHER_DRAMA, UNKNOWN_DRAMA, USER, a_token
from tests.memory_feed import MemoryHints
from tests.memory_money import MemoryMoney, MemoryPermission

FREE, LOCKED, PRICE = 1, 2, 60


@pytest.fixture
def money() -> MemoryMoney:
    """DRAMA: 20 episodes, the first free, PRICE each after it."""
    made = MemoryMoney()
    made.drama(DRAMA, episodes=20, free_first=1, price_coins=PRICE)
    return made


@pytest.fixture
def permission() -> MemoryPermission:
    return MemoryPermission()


@pytest.fixture
def app(money: MemoryMoney, permission: MemoryPermission) -> Any:
    made = Twins(money=money, purse=money).app()
    made.state.unlocking = Unlocking(money, money, made.state.threads[0], permission, MemoryHints())
    return made


async def unlock(
    app: Any, episode_no: Any = LOCKED, *, drama_id: Any = DRAMA, user: int = USER, key: str | None = "k1",
    scope: Scope = Scope.VIEWER, body: Any = None, content: bytes | None = None, **order: Any,
) -> Any:  # fmt: skip
    """POST unlock; the price version is the drama's unless `order` says otherwise."""
    money: MemoryMoney = app.state.connections.money
    headers = {"authorization": f"Bearer {a_token(user, scope)}", "content-type": "application/json"}
    if key is not None:
        headers["idempotency-key"] = key
    sent = {"price_version": money.version(DRAMA), "way": "episode", **order} if body is None else body
    how = {"json": sent} if content is None else {"content": content}
    async with caller(app) as client:
        return await client.post(f"/v1/dramas/{drama_id}/episodes/{episode_no}/unlock", headers=headers, **how)


async def wallet(app: Any, query: str = "", user: int = USER, scope: Scope = Scope.VIEWER) -> Any:
    async with caller(app) as client:
        return await client.get(f"/v1/wallet{query}", headers={"authorization": f"Bearer {a_token(user, scope)}"})


async def test_an_unlock_debits_and_opens_and_says_how_to_play(app: Any, money: MemoryMoney) -> None:
    money.credit(USER, 100, "test", "r1")
    answer = await unlock(app)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    play = {"address": f"/{USER}/{DRAMA}/{LOCKED}", "address_expires_ms": 1, "ticket": "t", "ticket_expires_ms": 2}
    assert answer.json() == {
        "balance": {"paid": 40, "bonus": 0, "debt": 0},
        "entitlement": {"drama_id": DRAMA, "episode_no": LOCKED, "until_ms": 0},
        "coins": PRICE,
        "play": play,
    }


async def test_what_was_paid_for_is_noted_for_the_next_page_and_what_was_refused_is_not(app: Any, money: Any) -> None:
    hints = MemoryHints()
    app.state.unlocking = Unlocking(money, money, app.state.threads[0], MemoryPermission(), hints)
    assert (await unlock(app)).status_code == 402
    assert hints.noted == []
    money.credit(USER, 100, "test", "r1")
    assert (await unlock(app)).status_code == 200
    assert hints.noted == [(USER, DRAMA)]
    money.take_back(USER, DRAMA, LOCKED)
    assert (await unlock(app)).status_code == 200
    assert hints.noted == [(USER, DRAMA)], "told again after a refund"


async def test_fifty_at_once_are_one_debit_and_fifty_equal_answers(app: Any, money: MemoryMoney) -> None:
    money.credit(USER, 1_000, "test", "r1")
    answers = await asyncio.gather(*(unlock(app, key=f"k{n}") for n in range(50)))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1
    assert [entry["amount"] for entry in (await wallet(app)).json()["entries"]] == [-PRICE, 1_000]
    assert len(money.events) == 1


async def test_without_the_coins_it_says_the_price_the_balance_and_the_ways(app: Any, money: MemoryMoney) -> None:
    money.credit(USER, 10, "test", "r1", pot="bonus")
    answer = await unlock(app)
    version = money.version(DRAMA)
    assert (answer.status_code, code(answer)) == (402, "not_enough_coins")
    assert answer.json()["price"] == {"coins": PRICE, "price_version": version}
    assert answer.json()["balance"] == {"paid": 0, "bonus": 10, "debt": 0}
    whole = money.terms(DRAMA).drama_coins(())
    assert answer.json()["ways"] == [
        {"way": "episode", "coins": PRICE, "price_version": version},
        {"way": "drama", "coins": whole, "price_version": version},
    ]
    assert (await unlock(app, way="drama")).json()["price"]["coins"] == whole


async def test_a_402_then_a_credit_then_the_same_key_unlocks(app: Any, money: MemoryMoney) -> None:
    assert (await unlock(app)).status_code == 402
    money.credit(USER, PRICE, "test", "r1")
    answer = await unlock(app)
    assert (answer.status_code, answer.json()["balance"]["paid"]) == (200, 0)


async def test_a_price_raised_since_it_was_shown_is_a_409_with_the_new_one(app: Any, money: MemoryMoney) -> None:
    money.credit(USER, 1_000, "test", "r1")
    shown = money.version(DRAMA)
    money.drama(DRAMA, episodes=20, free_first=1, price_coins=PRICE + 5)
    answer = await unlock(app, price_version=shown)
    assert (answer.status_code, code(answer)) == (409, "price_changed")
    assert answer.json()["price"] == {"coins": PRICE + 5, "price_version": money.version(DRAMA)}
    assert answer.json()["ways"][1]["coins"] == money.terms(DRAMA).drama_coins(())
    assert (await wallet(app)).json()["balance"]["paid"] == 1_000
    assert (await unlock(app)).json()["coins"] == PRICE + 5


async def test_the_rest_of_a_drama_opens_every_episode_for_less(app: Any, money: MemoryMoney) -> None:
    money.credit(USER, 5_000, "test", "r1")
    await unlock(app, LOCKED)
    answer = (await unlock(app, LOCKED + 1, key="k2", way="drama")).json()
    assert answer["entitlement"] == {"drama_id": DRAMA, "episode_no": 0, "until_ms": 0}
    assert answer["coins"] == money.terms(DRAMA).drama_coins({LOCKED}) < 18 * PRICE
    again = (await unlock(app, LOCKED + 5, key="k3")).json()
    assert again["balance"] == answer["balance"]
    assert len(money.events) == 2


async def test_a_free_episode_costs_nothing_and_leaves_nothing(app: Any, money: MemoryMoney) -> None:
    answer = await unlock(app, FREE)
    assert (answer.status_code, answer.json()["coins"]) == (200, 0)
    assert (await wallet(app)).json()["entries"] == []
    assert money.events == []


async def test_a_key_that_unlocked_something_else_is_refused(app: Any, money: MemoryMoney) -> None:
    money.credit(USER, 1_000, "test", "r1")
    assert (await unlock(app)).status_code == 200
    for other in (await unlock(app, LOCKED + 1), await unlock(app, way="drama")):
        assert (other.status_code, code(other)) == (422, "idempotency_key_reused")
    spelled = b'{"way" : "episode",  "price_version":"%s"}' % money.version(DRAMA).encode()
    assert (await unlock(app, content=spelled)).status_code == 200
    assert (await wallet(app)).json()["balance"]["paid"] == 1_000 - PRICE


@pytest.mark.parametrize("key", [None, "", " ", "k" * 65, "a b", "a\x7fb"])
async def test_a_key_is_one_plain_word(app: Any, key: str | None) -> None:
    answer = await unlock(app, key=key)
    assert (answer.status_code, code(answer)) == (400, "idempotency_key_missing")


async def test_two_keys_are_none(app: Any) -> None:
    headers = [("authorization", f"Bearer {a_token()}"), ("idempotency-key", "a"), ("idempotency-key", "b")]
    async with caller(app) as client:
        answer = await client.post(f"/v1/dramas/{DRAMA}/episodes/2/unlock", headers=headers, json={})
    assert (answer.status_code, code(answer)) == (400, "idempotency_key_missing")


@pytest.mark.parametrize(
    ("content", "status", "its_code"),
    [
        (b"", 400, "malformed_json"),
        (b"{", 400, "malformed_json"),
        (b'{"price_version":"\xff"}', 400, "malformed_json"),
        (b'{"x":' + b"[" * 4_000, 400, "malformed_json"),
        (b"[]", 422, "invalid"),
        (b"{}", 422, "invalid"),
        (b'{"price_version":""}', 422, "invalid"),
        (b'{"price_version":7}', 422, "invalid"),
        (b'{"price_version":"v","way":"theft"}', 422, "invalid"),
        (b'{"price_version":"' + b"v" * 65 + b'"}', 422, "invalid"),
        (b" " * 5_000, 413, "too_large"),
    ],
)
async def test_a_body_that_is_no_order_changes_nothing(
    app: Any, money: MemoryMoney, content: bytes, status: int, its_code: str
) -> None:
    money.credit(USER, 1_000, "test", "r1")
    answer = await unlock(app, content=content)
    assert (answer.status_code, code(answer)) == (status, its_code)
    assert (await wallet(app)).json()["balance"]["paid"] == 1_000


@pytest.mark.parametrize(("drama_id", "episode_no"), [(UNKNOWN_DRAMA, 1), (DRAMA, 21), (OTHER_DRAMA, 2)])
async def test_what_is_not_there_or_not_shown_is_unknown(
    app: Any, money: MemoryMoney, drama_id: int, episode_no: int
) -> None:
    money.credit(USER, 1_000, "test", "r1")
    money.drama(OTHER_DRAMA, episodes=20, free_first=1, price_coins=PRICE)
    money.hide(OTHER_DRAMA)
    answer = await unlock(app, episode_no, drama_id=drama_id)
    assert (answer.status_code, code(answer)) == (404, "unknown_episode")


@pytest.mark.parametrize(("drama_id", "episode_no"), [(0, 1), (2**53, 1), (DRAMA, 0), (DRAMA, -1), (DRAMA, "x")])
async def test_ids_have_bounds(app: Any, drama_id: Any, episode_no: Any) -> None:
    assert (await unlock(app, episode_no, drama_id=drama_id)).status_code == 422


@pytest.mark.parametrize("scope", [Scope.ADMIN, Scope.BACKFILL])
async def test_only_viewers_have_coins(app: Any, money: MemoryMoney, scope: Scope) -> None:
    money.credit(USER, 1_000, "test", "r1")
    for answer in (await unlock(app, scope=scope), await wallet(app, scope=scope)):
        assert (answer.status_code, code(answer)) == (403, "viewers_only")
    assert money.events == []


async def test_without_a_token_nothing_is_told(app: Any) -> None:
    async with caller(app) as client:
        for answer in (await client.get("/v1/wallet"), await client.post("/v1/dramas/7/episodes/2/unlock", json={})):
            assert answer.status_code == 401


async def test_where_money_is_away_the_answer_says_to_come_again(app: Any, money: MemoryMoney) -> None:
    money.credit(USER, 1_000, "test", "r1")
    money.away = True
    for answer in (await unlock(app), await wallet(app)):
        assert (answer.status_code, code(answer)) == (503, "money_unavailable")
        assert "retry-after" in answer.headers
    money.away = False
    assert (await unlock(app)).json()["coins"] == PRICE


async def test_a_commit_whose_answer_was_lost_is_repeated_with_the_same_key(app: Any, money: MemoryMoney) -> None:
    money.credit(USER, 1_000, "test", "r1")
    money.lose_next_answer = True
    assert (await unlock(app)).status_code == 503
    again = await unlock(app)
    assert (again.status_code, again.json()["balance"]["paid"]) == (200, 1_000 - PRICE)


async def test_an_unlock_stands_where_its_play_address_cannot_be_told(
    app: Any, money: MemoryMoney, permission: MemoryPermission
) -> None:
    money.credit(USER, 1_000, "test", "r1")
    permission.away = True
    answer = await unlock(app)
    assert (answer.status_code, answer.json()["play"], answer.json()["coins"]) == (200, None, PRICE)


async def test_the_ledger_comes_in_pages_the_latest_first(app: Any, money: MemoryMoney) -> None:
    for n in range(1, 6):
        money.credit(USER, n, "test", f"r{n}")
    amounts, query = [], "?size=2"
    for _ in range(3):
        page = (await wallet(app, query)).json()
        amounts.append([entry["amount"] for entry in page["entries"]])
        query = f"?size=2&before={page['next_before']}"
    assert amounts == [[5, 4], [3, 2], [1]]
    assert page["next_before"] is None


@pytest.mark.parametrize("query", ["?size=0", "?size=101", "?before=0", "?before=x", f"?before={2**53}"])
async def test_pages_have_bounds(app: Any, query: str) -> None:
    assert (await wallet(app, query)).status_code == 422


async def test_unlocks_are_counted_by_outcome(app: Any, money: MemoryMoney) -> None:
    async def counted(outcome: str) -> float:
        async with caller(app) as client:
            lines = (await client.get("/metrics")).text.splitlines()
        found = [line for line in lines if line.startswith(f'juliu_unlocks_total{{outcome="{outcome}"}}')]
        return float(found[0].split()[-1]) if found else 0.0

    done, poor = await counted("done"), await counted("not_enough_coins")
    await unlock(app)
    money.credit(USER, 1_000, "test", "r1")
    await unlock(app)
    assert (await counted("done"), await counted("not_enough_coins")) == (done + 1, poor + 1)
