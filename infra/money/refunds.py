"""Refunding an unlock: coins back, entitlement gone, and the event that tells of it, in one transaction or not at all.

A refund has an order id, under which it is done once: whoever repeats it is told what was done.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from domain.events import Refunded
from domain.wallet import Balance, give_back
from infra.money import outbox
from infra.money.account import Account, Why, lock
from infra.money.attempts import transact
from infra.money.wallet import MAX_REF, MAX_WHY, REF

_DONE = sa.text("SELECT user_id, drama_id, episode_no, paid, bonus FROM refunds WHERE order_id = :order_id")
_OWNED = sa.text(
    "SELECT e.coins, e.price_version, d.dense_index,"
    " EXISTS (SELECT 1 FROM entitlements w WHERE w.user_id = e.user_id AND w.drama_id = e.drama_id"
    " AND w.episode_no = 0 AND e.episode_no > 0)"
    " FROM entitlements e JOIN dramas d ON d.drama_id = e.drama_id"
    " WHERE e.user_id = :user_id AND e.drama_id = :drama_id AND e.episode_no = :episode_no"
)
_COST = sa.text(  # of the purchase that stands: what was refunded before was bought again
    "SELECT SUM(paid), SUM(bonus) FROM ("
    " SELECT IF(pot = 'paid', -amount, 0) AS paid, IF(pot = 'bonus', -amount, 0) AS bonus FROM ledger_entries"
    " WHERE user_id = :user_id AND drama_id = :drama_id AND episode_no = :episode_no AND kind = 'unlock'"
    " UNION ALL SELECT -paid, -bonus FROM refunds"
    " WHERE user_id = :user_id AND drama_id = :drama_id AND episode_no = :episode_no) both_ways"
)
_REFUND = sa.text(
    "INSERT IGNORE INTO refunds (order_id, user_id, drama_id, episode_no, paid, bonus, why, at_ms)"
    " VALUES (:order_id, :user_id, :drama_id, :episode_no, :paid, :bonus, :why, :at_ms)"
)
_TAKE = sa.text(
    "DELETE FROM entitlements WHERE user_id = :user_id AND drama_id = :drama_id AND episode_no = :episode_no"
)


class Sold(NamedTuple):
    """An unlock that is to be refunded; episode_no 0 is that of the whole drama."""

    user_id: int
    drama_id: int
    episode_no: int


class Refund(NamedTuple):
    """What came back, of each kind.  `repeated`: this order was done before; `balance` is that of now."""

    balance: Balance
    paid: int
    bonus: int
    repeated: bool


class NothingToRefund(Exception):
    """The viewer has not unlocked this, or it was refunded under another order."""


class WholeIsOpen(Exception):
    """The whole drama is unlocked, for less because this episode was: that is refunded first."""


class OrderTaken(ValueError):
    """This order has refunded something else."""


class CostUnknown(Exception):
    """What the ledger says that it cost is not what the entitlement says: `juliu ledger check`."""


class Refunds:
    """Blocks.  Every call may raise MoneyUnavailable."""

    def __init__(self, engine: Engine, now_ms: Callable[[], int]) -> None:
        self._engine = engine
        self._now_ms = now_ms

    def refund(self, what: Sold, order_id: str, why: str) -> Refund:
        """Give back what the unlock cost, in the kinds that paid for it, and take the entitlement; once per `order_id`.

        Raises, having changed nothing: NothingToRefund, WholeIsOpen, OrderTaken, CostUnknown; ValueError on an order or
        a reason that is empty or too long.
        """
        if not 0 < len(why) <= MAX_WHY or not REF.fullmatch(order_id):
            raise ValueError(f"an order has 1..{MAX_REF} printable characters without spaces, a reason 1..{MAX_WHY}")
        return transact(self._engine, partial(self._refund, what, order_id, why))

    def _refund(self, what: Sold, order_id: str, why: str, connection: Connection) -> Refund:
        account = lock(connection, what.user_id)  # who has none has paid for nothing
        if done := _done(connection, what, order_id, account):
            return done
        owned = connection.execute(_OWNED, what._asdict()).first()
        if account is None or owned is None:
            raise NothingToRefund
        coins, price_version, drama_index, under_whole = owned
        if under_whole:
            raise WholeIsOpen
        paid, bonus = (int(n or 0) for n in connection.execute(_COST, what._asdict()).one())
        if min(paid, bonus) < 0 or paid + bonus != coins or not coins:
            raise CostUnknown(f"{paid} paid and {bonus} bonus coins for {coins}")
        bought = outbox.Bought(what.drama_id, drama_index, what.episode_no, paid, bonus, price_version, Refunded)
        self._give_back(connection, account, bought, order_id, why)
        return Refund(account.balance, paid, bonus, repeated=False)

    def _give_back(
        self, connection: Connection, account: Account, bought: outbox.Bought, order_id: str, why: str
    ) -> None:  # fmt: skip
        """Coins, entitlement, event."""
        now_ms, seq = self._now_ms(), account.next_seq()
        what = Sold(account.user_id, bought.drama_id, bought.episode_no)
        row = {**what._asdict(), "order_id": order_id, "paid": bought.paid_coins, "bonus": bought.bonus_coins}
        if not connection.execute(_REFUND, {**row, "why": why, "at_ms": now_ms}).rowcount:
            raise OrderTaken(order_id)  # by another viewer's refund, a moment ago
        moves = give_back(account.balance, bought.paid_coins, bought.bonus_coins)
        account.move(connection, moves, Why("refund", now_ms, order_id, bought.drama_id, bought.episode_no))
        account.save(connection)
        connection.execute(_TAKE, what._asdict())
        outbox.put(connection, account.user_id, seq, bought, now_ms)


def _done(connection: Connection, what: Sold, order_id: str, account: Account | None) -> Refund | None:
    """What was done under this order.  Raises OrderTaken where that was something else."""
    found = connection.execute(_DONE, {"order_id": order_id}).first()
    if found is None:
        return None
    *whose, paid, bonus = found
    if account is None or tuple(whose) != tuple(what):
        raise OrderTaken(order_id)
    return Refund(account.balance, paid, bonus, repeated=True)
