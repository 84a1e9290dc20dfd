"""The demo's shop: viewers unlock what follows the free episodes of a drama, every tap twice, and every coin is proved.

Nothing of it is in the watch log: the drama is made up, its buyers are viewers of the last day, their coins are given.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product

import msgspec
import sqlalchemy as sa
from redis.asyncio import Redis

from domain import counters, keys
from infra.money.wallet import Wallet
from infra.mysql.engine import engine_of
from infra.settings import Settings
from juliu.demo.catalogue import FREE_FIRST, PRICE_COINS, SERIAL_ID
from juliu.load import sql
from juliu.load.client import Client
from juliu.load.line import Answer

BUYERS = 200
NEXT = tuple(range(FREE_FIRST + 1, FREE_FIRST + 4))  # the episodes that each of them unlocks
COINS = len(NEXT) * PRICE_COINS
AT_ONCE = 16
TOLD_WITHIN_S = 60.0  # through the relay into both stores: 3 s where nothing else runs
POLL_S = 0.1
ROWS_SQL = """
SELECT count(), uniqExact(user_id, episode_no), sum(paid_coins + bonus_coins) FROM events WHERE event_type = 'unlocked'
"""
DEBITS_SQL = """
SELECT COUNT(*), COUNT(DISTINCT user_id, drama_id, episode_no), -SUM(amount) FROM ledger_entries WHERE kind = 'unlock'
"""


class NotSold(RuntimeError):
    """The shop answered what it should not."""


@dataclass
class Sales:
    """How many unlocks were answered, and how many each store has; `wrong` says in words what is not right."""

    unlocks: int = 0
    ledger_debits: int = 0
    unlock_rows: int = 0
    unlocks_redis: int = 0
    wrong: list[str] = field(default_factory=list)

    @property
    def equal(self) -> bool:
        """Whether all four are one number, and not none."""
        return self.unlocks == self.ledger_debits == self.unlock_rows == self.unlocks_redis > 0 and not self.wrong


class _Price(msgspec.Struct):
    price_version: str


class _Locked(msgspec.Struct):
    price: _Price


class _Open(msgspec.Struct):
    entitlement: dict[str, int]
    balance: dict[str, int]


_locked = msgspec.json.Decoder(_Locked).decode
_open = msgspec.json.Decoder(_Open).decode


async def sell(settings: Settings, client: Client, viewers: Sequence[int]) -> Sales:
    """Let the first BUYERS of these viewers unlock the next episodes; `client` speaks as viewers.  Raises NotSold."""
    engine, turns, sales = engine_of(settings), asyncio.Semaphore(AT_ONCE), Sales()
    wallet = Wallet(engine, lambda: int(time.time() * 1000))

    async def buy(viewer: int) -> None:
        async with turns:
            unlocked = await _buy(client, wallet, viewer)
            sales.unlocks += unlocked

    try:
        async with asyncio.TaskGroup() as tasks:
            for viewer in viewers[:BUYERS]:
                tasks.create_task(buy(viewer))
    finally:
        engine.dispose()
    return sales


async def prove(settings: Settings, redis: Redis, sales: Sales) -> None:
    """Count the unlocks in MySQL, ClickHouse and Redis, once they had time to be told."""
    until = time.monotonic() + TOLD_WITHIN_S
    await asyncio.to_thread(_count_debits, settings, sales)
    while True:
        wrong = await asyncio.to_thread(_count_rows, settings, sales)
        sales.unlocks_redis = counters.decode(await redis.hget(keys.COUNTERS, str(SERIAL_ID)))["unlocks"]
        if (sales.equal and not wrong) or time.monotonic() > until:
            break
        await asyncio.sleep(POLL_S)
    sales.wrong += [wrong] if wrong else []


async def _buy(client: Client, wallet: Wallet, viewer: int) -> int:
    """Refused without coins; with coins every episode is tapped twice, and paid once.  How many were unlocked."""
    locked = _locked(_expect(402, await client.call(viewer, "GET", f"{_path(NEXT[0])}/play")))
    order = msgspec.json.encode({"price_version": locked.price.price_version})
    _expect(402, await _tap(client, viewer, NEXT[0], order))
    await asyncio.to_thread(wallet.credit, viewer, COINS, "the demo's gift", f"demo-{viewer}", "bonus")
    taps = (_tap(client, viewer, episode_no, order) for episode_no, _ in product(NEXT, range(2)))
    answers = [_open(_expect(200, answer)) for answer in await asyncio.gather(*taps)]
    if min(answer.balance["bonus"] for answer in answers) != 0:
        raise NotSold(f"viewer {viewer} has not spent {COINS} coins: {answers}")
    _expect(200, await client.call(viewer, "GET", f"{_path(NEXT[-1])}/play"))
    return len({answer.entitlement["episode_no"] for answer in answers})


async def _tap(client: Client, viewer: int, episode_no: int, order: bytes) -> Answer:
    key = f"Idempotency-Key: demo-{viewer}-{episode_no}"
    return await client.call(viewer, "POST", f"{_path(episode_no)}/unlock", order, key)


def _path(episode_no: int) -> str:
    return f"/v1/dramas/{SERIAL_ID}/episodes/{episode_no}"


def _expect(status: int, answer: Answer) -> bytes:
    if answer.status != status:
        raise NotSold(f"the shop answered {answer.status} for {status}: {answer.body[:500]!r}")
    return answer.body


def _count_debits(settings: Settings, sales: Sales) -> None:
    engine = engine_of(settings)
    try:
        with engine.connect() as connection:
            rows, distinct, coins = map(int, connection.execute(sa.text(DEBITS_SQL)).one())
    finally:
        engine.dispose()
    sales.ledger_debits = distinct
    if (rows, coins) != (distinct, distinct * PRICE_COINS):
        sales.wrong.append(f"MySQL: {rows:,} debits of {coins:,} coins for {distinct:,} episodes")


def _count_rows(settings: Settings, sales: Sales) -> str:
    """Count them; in words, what is wrong with those that are there."""
    (found,) = sql.ask(settings, ROWS_SQL)
    sales.unlock_rows, distinct, coins = map(int, found.rows[0])
    if (distinct, coins) == (sales.unlock_rows, sales.unlock_rows * PRICE_COINS):
        return ""
    return f"ClickHouse: {sales.unlock_rows:,} rows, {distinct:,} episodes, {coins:,} coins"
