"""Viewers who unlock episodes while money's server and its messenger die, and the account at the end."""

from __future__ import annotations

import asyncio
import json
import random
import time
from contextlib import closing

from domain.pricing import terms
from infra.money.unlocks import MoneyUnavailable
from infra.money.wallet import Wallet
from infra.mysql.engine import engine_of
from infra.settings import Settings
from ingest_api.auth import Scope, issue
from juliu.faults import catalogue
from juliu.faults.arena import Arena
from juliu.load import sql
from juliu.load.client import Client

BUYERS = range(8_100_000_001, 8_100_000_041)
AT_ONCE = 4
PAUSE_S = 0.02
COINS = 100_000
SOLD = (
    "SELECT user_id, drama_id, episode_no, count() FROM events WHERE event_type = 'unlocked'"
    " GROUP BY user_id, drama_id, episode_no"
)
Bought = tuple[int, int, int]  # viewer, drama, episode


class Buyers:
    """`answered` is what they were told is theirs."""

    def __init__(self, arena: Arena, rnd: random.Random) -> None:
        self._arena, self._rnd = arena, rnd
        self._dramas = [drama.drama_id for drama in catalogue.dramas()]
        self.answered: set[Bought] = set()

    async def buy(self, enough: asyncio.Event) -> None:
        """One unlock after the other, some asked for twice, until it is enough.  Raises GaveUp."""
        await asyncio.to_thread(self._give_coins)
        secret, now_s = self._arena.settings.jwt_secret.get_secret_value(), int(time.time())
        host, port = self._arena.api_urls[0]
        with closing(Client(host, port, lambda user: issue(secret, user, Scope.VIEWER, now_s, 1))) as client:
            async with asyncio.TaskGroup() as tasks:
                for _ in range(AT_ONCE):
                    tasks.create_task(self._one_after_the_other(client, enough))

    async def _one_after_the_other(self, client: Client, enough: asyncio.Event) -> None:
        while not enough.is_set():
            user_id, drama_id, episode_no = self._order()
            path = f"/v1/dramas/{drama_id}/episodes/{episode_no}/unlock"
            body = json.dumps({"price_version": _version()}).encode()
            key = f"Idempotency-Key: {user_id}-{drama_id}-{episode_no}"
            answer = await client.call(user_id, "POST", path, body, key)
            assert answer.status == 200, f"an unlock was answered {answer.status} {answer.body[:200]!r}"
            self.answered.add((user_id, drama_id, episode_no))
            await asyncio.sleep(PAUSE_S)

    def _order(self) -> Bought:
        return (
            self._rnd.choice(BUYERS),
            self._rnd.choice(self._dramas),
            self._rnd.randint(catalogue.FREE_FIRST + 1, catalogue.EPISODES),
        )

    def _give_coins(self) -> None:
        engine = engine_of(self._arena.settings)
        wallet, end = Wallet(engine, lambda: int(time.time() * 1000)), time.monotonic() + 60
        for user_id in BUYERS:
            while True:
                try:
                    wallet.credit(user_id, COINS, "faults", f"faults-{user_id}")
                    break
                except MoneyUnavailable:
                    assert time.monotonic() < end, "MySQL does not come back"
                    time.sleep(0.1)
        engine.dispose()

    async def paid_for(self) -> None:
        """AssertionError unless everything that they were told is theirs is in MySQL."""
        missing = self.answered - await asyncio.to_thread(_entitled, self._arena.settings)
        assert not missing, f"{len(missing)} unlocks that were answered are not in MySQL"


async def account(settings: Settings) -> int:
    """What is paid for in MySQL is one row each in ClickHouse; how many that is."""
    entitled = await asyncio.to_thread(_entitled, settings)
    (found,) = await asyncio.to_thread(sql.ask, settings, SOLD)
    rows = {(int(user), int(drama), int(no)): int(n) for user, drama, no, n in found.rows}
    doubles = {what: n for what, n in rows.items() if n > 1}
    assert not doubles, f"unlocks that count twice: {doubles}"
    assert rows.keys() == entitled, f"{len(entitled - rows.keys())} unlocks are not told, {len(rows)} are"
    return len(rows)


def _version() -> str:
    return terms(catalogue.FREE_FIRST, catalogue.PRICE_COINS, catalogue.EPISODES).version


def _entitled(settings: Settings) -> set[Bought]:
    engine = engine_of(settings)
    with engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT user_id, drama_id, episode_no FROM entitlements").all()
    engine.dispose()
    return {(int(user), int(drama), int(no)) for user, drama, no in rows}
