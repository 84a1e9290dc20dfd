"""Three viewers, one drama, twelve threads: the same keys, orders and refs again and again, and not a coin too many."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from domain.wallet import Pot
from infra.money.refunds import NothingToRefund, OrderTaken, Refunds, Sold, WholeIsOpen
from infra.money.unlocks import KeyReused, NotEnough, Unlocks, Wanted
from infra.money.wallet import RefTaken, Wallet
from infra.mysql.engine import engine_of
from infra.mysql.migrate import migrate
from infra.settings import Settings
from juliu.ledger.check import check
from tests.money_rig import FREE, TERMS, entitled, now_ms, rows, stock, told

pytestmark = [pytest.mark.servers, pytest.mark.slow]
THREADS, OPERATIONS, SEED = 12, 3_000, 20_261_129
USERS, DRAMA, LOCKED = range(1, 4), 3, range(FREE + 1, FREE + 4)
DEBT = 25  # of each viewer at the beginning, as if what had been spent had been taken back
REFUSED = (NothingToRefund, OrderTaken, WholeIsOpen, KeyReused, NotEnough, RefTaken)


@pytest.fixture
def engine(fresh: Settings, tmp_path: Path) -> Iterator[Engine]:
    migrate(fresh)
    made = engine_of(fresh, pool=THREADS)
    stock(made, tmp_path)
    with made.begin() as connection:
        for user_id in USERS:
            connection.execute(sa.text(
                f"INSERT INTO accounts VALUES ({user_id}, 0, 0, {DEBT}, 1, 0, 0, 1, 0, 0)"
            ))  # fmt: skip
            connection.execute(sa.text(
                f"INSERT INTO ledger_entries VALUES ({user_id}, 1, 'debt', {DEBT}, 'refunds', NULL, 0, 0, {DEBT},"
                " 'refund', 'x', 0, 0, 0)"
            ))  # fmt: skip
    yield made
    made.dispose()


class Crowd:
    """What the threads do; which operation comes when, the seed says, and MySQL who is first."""

    def __init__(self, engine: Engine) -> None:
        self._unlocks, self._refunds, self._wallet = (made(engine, now_ms) for made in (Unlocks, Refunds, Wallet))

    def one(self, number: int) -> str:
        """Operation `number`; how it ended."""
        its = random.Random(SEED * 1_000_003 + number)
        try:
            return its.choice((self._unlock, self._unlock, self._refund, self._credit))(its, its.choice(USERS))
        except REFUSED as error:
            return type(error).__name__

    def _unlock(self, its: random.Random, user_id: int) -> str:
        way: Any = its.choice(("episode", "episode", "drama"))
        wanted = Wanted(DRAMA, its.choice(LOCKED), way, TERMS.version)
        body_hash = hashlib.sha256(repr(wanted).encode()).digest()
        done = self._unlocks.unlock(user_id, wanted, f"k{its.randrange(400)}", body_hash)
        return "told again" if done.repeated else "bought"

    def _refund(self, its: random.Random, user_id: int) -> str:
        what = Sold(user_id, DRAMA, its.choice((0, *LOCKED)))
        done = self._refunds.refund(what, f"o{its.randrange(600)}", "test")
        return "refunded again" if done.repeated else "refunded"

    def _credit(self, its: random.Random, user_id: int) -> str:
        pots: tuple[Pot, ...] = ("paid", "bonus")
        self._wallet.credit(user_id, its.randrange(1, 20), "test", f"r{its.randrange(900)}", its.choice(pots))
        return "credited"


def test_every_coin_is_accounted_for_whoever_was_first(engine: Engine):
    crowd = Crowd(engine)
    with ThreadPoolExecutor(THREADS) as pool:
        outcomes = Counter(pool.map(crowd.one, range(OPERATIONS)))
    found = check(engine)
    assert found.differences == []
    assert told(engine) == entitled(engine)
    totals = found.totals
    paid_in = totals["credited_coins"] - totals["debited_coins"] + totals["refunded_coins"]
    assert totals["paid"] + totals["bonus"] - totals["debt"] == paid_in - DEBT * len(USERS)
    assert rows(engine, "SELECT COUNT(*) FROM outbox") == outcomes["bought"] + outcomes["refunded"]
    assert set(outcomes) >= {"bought", "told again", "refunded", "credited", "NothingToRefund", "WholeIsOpen"}
    assert set(outcomes) >= {"OrderTaken", "KeyReused", "NotEnough", "RefTaken"}
