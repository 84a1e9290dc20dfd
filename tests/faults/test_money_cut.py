"""The connection to MySQL is cut at every statement of an unlock, a refund, a credit: asking again does it once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine

from infra.fold_store import Wait
from infra.money.refunds import Refunds, Sold
from infra.money.unlocks import MoneyUnavailable, Unlocks, Wanted
from infra.money.wallet import Balance, Wallet
from infra.mysql.engine import engine_of
from infra.mysql.migrate import migrate
from infra.settings import Settings
from juliu.ledger.check import check
from streams.relay.mysql_outbox import MySqlOutbox
from tests.money_rig import PRICE, TERMS, now_ms, rows, stock
from tests.mysql_cutter import Cutter

pytestmark = pytest.mark.servers
DRAMA, MOST = 3, 40  # more statements than there are


@dataclass
class Rig:
    """MySQL, itself and by a connection that can be cut."""

    direct: Engine
    engine: Engine
    cutter: Cutter

    def cut_everywhere(self, call: Callable[[int], Any], *, after: bool) -> int:
        """Do `call(n)` cut at its nth statement, and again; for n = 1, 2, ... until there is none: how many were."""
        for n in range(1, MOST):
            self.cutter.cut(n, after=after)
            try:
                call(n)
            except MoneyUnavailable:
                assert not self.cutter.cutting
            if self.cutter.cutting:
                return n - 1
            call(n)
        raise AssertionError(f"more than {MOST} statements")


@pytest.fixture
def rig(fresh: Settings, tmp_path: Path) -> Iterator[Rig]:
    migrate(fresh)
    direct = engine_of(fresh)
    stock(direct, tmp_path)
    with Cutter(int(direct.url.port or 0)) as cutter:
        url = direct.url.set(port=cutter.port).render_as_string(hide_password=False)
        settings = fresh.model_copy(update={"mysql_url": type(fresh.mysql_url)(url)})
        cut = engine_of(settings, pool=1, answer_s=5)
        yield Rig(direct, cut, cutter)
        cut.dispose()
    direct.dispose()


@pytest.mark.parametrize("after", [False, True], ids=["before it is done", "after it is done"])
def test_an_unlock_cut_anywhere_and_asked_again_is_one_unlock(rig: Rig, after: bool):
    unlocks, wanted = Unlocks(rig.engine, now_ms), Wanted(DRAMA, 5, "episode", TERMS.version)
    body_hash = hashlib.sha256(b"5").digest()
    for user_id in range(1, MOST):
        Wallet(rig.direct, now_ms).credit(user_id, 100, "test", f"r{user_id}")

    def unlock(user_id: int) -> None:
        assert unlocks.unlock(user_id, wanted, "k", body_hash).balance == Balance(100 - PRICE, 0, 0)

    times = rig.cut_everywhere(unlock, after=after)
    assert any(statement == "COMMIT" for statement in rig.cutter.statements)
    assert times >= 8
    found = check(rig.direct)
    assert found.differences == []
    assert found.totals["debits"] == rows(rig.direct, "SELECT COUNT(*) FROM outbox") == times + 1


@pytest.mark.parametrize("after", [False, True], ids=["before it is done", "after it is done"])
def test_a_refund_cut_anywhere_and_asked_again_is_one_refund(rig: Rig, after: bool):
    unlocks, wanted = Unlocks(rig.direct, now_ms), Wanted(DRAMA, 5, "episode", TERMS.version)
    for user_id in range(1, MOST):
        Wallet(rig.direct, now_ms).credit(user_id, 100, "test", f"r{user_id}")
        unlocks.unlock(user_id, wanted, "k", hashlib.sha256(b"5").digest())
    refunds = Refunds(rig.engine, now_ms)

    def refund(user_id: int) -> None:
        done = refunds.refund(Sold(user_id, DRAMA, 5), f"o{user_id}", "test")
        assert (done.balance, done.paid, done.bonus) == (Balance(100, 0, 0), PRICE, 0)

    times = rig.cut_everywhere(refund, after=after)
    assert times >= 8
    found = check(rig.direct)
    assert found.differences == []
    assert found.totals["refunds"] == times + 1 == rows(rig.direct, "SELECT COUNT(*) FROM outbox") - (MOST - 1)
    assert found.totals["entitlements"] == MOST - 1 - found.totals["refunds"]


@pytest.mark.parametrize("after", [False, True], ids=["before it is done", "after it is done"])
def test_a_credit_cut_anywhere_and_asked_again_is_one_credit(rig: Rig, after: bool):
    wallet = Wallet(rig.engine, now_ms)

    def credit(user_id: int) -> None:
        assert wallet.credit(user_id, 100, "test", f"r{user_id}") == Balance(100, 0, 0)

    times = rig.cut_everywhere(credit, after=after)
    assert times >= 6
    found = check(rig.direct)
    assert (found.differences, found.totals["credited_coins"]) == ([], 100 * (times + 1))


def test_an_account_that_somebody_else_holds_is_waited_for_and_then_unavailable(rig: Rig):
    wallet = Wallet(rig.engine, now_ms)
    wallet.credit(1, 10, "test", "r1")
    with rig.direct.begin() as held:
        held.execute(sa.text("SELECT paid FROM accounts WHERE user_id = 1 FOR UPDATE"))
        with pytest.raises(MoneyUnavailable):
            wallet.credit(1, 10, "test", "r2")
        assert wallet.credit(2, 10, "test", "r3") == Balance(10, 0, 0)
        assert wallet.balance(1) == Balance(10, 0, 0)
    assert wallet.credit(1, 10, "test", "r2") == Balance(20, 0, 0)


@pytest.mark.parametrize("after", [False, True])
def test_the_outbox_is_waited_for_wherever_its_connection_is_cut(rig: Rig, after: bool) -> None:
    outbox = MySqlOutbox(rig.engine)

    def ask(_: int) -> None:
        try:
            outbox.backlog([0])
        except Wait as error:
            raise MoneyUnavailable from error

    assert rig.cut_everywhere(ask, after=after) >= 2  # the question, its COMMIT; and no place of the pool is lost
