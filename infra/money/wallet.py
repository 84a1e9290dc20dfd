"""A viewer's wallet: what is in it, what came and went, and coins that come in, each of them once."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from domain.wallet import NOTHING, Balance, Pot, receive
from infra.money.account import Why, lock_or_open
from infra.money.attempts import answers, transact

__all__ = ["Balance", "Entry", "RefTaken", "Wallet"]
MAX_REF, MAX_WHY = 64, 200
REF = re.compile(rf"[!-~]{{1,{MAX_REF}}}")  # to MySQL "R" and "R " would be one
MAX_PAGE = 1_000

_BALANCE = sa.text("SELECT paid, bonus, debt FROM accounts WHERE user_id = :user_id")
_PAGE = sa.text(
    "SELECT entry_no, at_ms, kind, pot, amount, balance_after, drama_id, episode_no FROM ledger_entries"
    " WHERE user_id = :user_id AND entry_no < :before ORDER BY entry_no DESC LIMIT :count"
)
_CREDIT = sa.text(
    "INSERT IGNORE INTO credits (ref, user_id, pot, coins, why, at_ms)"
    " VALUES (:ref, :user_id, :pot, :coins, :why, :at_ms)"
)
_CREDITED = sa.text("SELECT user_id, pot, coins FROM credits WHERE ref = :ref")


class Entry(NamedTuple):
    """A movement of one pot, as the viewer sees it.  `entry_no` is 1, 2, ... of this viewer."""

    entry_no: int
    at_ms: int
    kind: str
    pot: str
    amount: int
    balance_after: int
    drama_id: int
    episode_no: int


class RefTaken(ValueError):
    """This ref has credited something else: another viewer, pot or amount."""


class Wallet:
    """Blocks; call it in a thread.  Every call may raise MoneyUnavailable."""

    def __init__(self, engine: Engine, now_ms: Callable[[], int]) -> None:
        self._engine = engine
        self._now_ms = now_ms

    def balance(self, user_id: int) -> Balance:
        """What there is; nothing for who never had any."""
        with answers(), self._engine.connect() as connection:
            row = connection.execute(_BALANCE, {"user_id": user_id}).first()
        return Balance(*row) if row else NOTHING

    def page(self, user_id: int, before: int | None, count: int) -> list[Entry]:
        """The latest `count` entries (at most MAX_PAGE) older than `before`, the newest first."""
        asked = {"user_id": user_id, "before": 2**62 if before is None else before, "count": min(count, MAX_PAGE)}
        with answers(), self._engine.connect() as connection:
            return [Entry(*row) for row in connection.execute(_PAGE, asked)]

    def credit(self, user_id: int, coins: int, why: str, ref: str, pot: Pot = "paid") -> Balance:
        """Put coins in, once per `ref`; the balance then, or now where it was done before.

        Raises RefTaken; ValueError on a ref or reason that is empty or too long, coins out of bounds, or another pot.
        """
        if not 0 < len(why) <= MAX_WHY or not REF.fullmatch(ref):
            raise ValueError(f"a ref has 1..{MAX_REF} printable characters without spaces, a reason 1..{MAX_WHY}")
        receive(NOTHING, coins, pot)
        return transact(self._engine, partial(self._credit, {
            "ref": ref, "user_id": user_id, "pot": pot, "coins": coins, "why": why, "at_ms": self._now_ms(),
        }))  # fmt: skip

    @staticmethod
    def _credit(new: dict[str, Any], connection: Connection) -> Balance:
        account = lock_or_open(connection, new["user_id"], new["at_ms"])
        if not connection.execute(_CREDIT, new).rowcount:
            if tuple(connection.execute(_CREDITED, new).one()) != (new["user_id"], new["pot"], new["coins"]):
                raise RefTaken(f"ref {new['ref']!r} has credited something else")
            return account.balance
        moves = receive(account.balance, new["coins"], new["pot"])
        account.move(connection, moves, Why("credit", new["at_ms"], new["ref"]))
        account.save(connection)
        return account.balance
