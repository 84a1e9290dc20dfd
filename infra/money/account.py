"""One viewer's account inside a transaction: its lock, and moving coins with the ledger entries that say so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from domain.wallet import POTS, Balance, Move, after

_LOCK = sa.text(
    "SELECT paid, bonus, debt, entry_no, paid_no, bonus_no, debt_no, server_seq FROM accounts"
    " WHERE user_id = :user_id FOR UPDATE"
)
_OPEN = sa.text(
    "INSERT IGNORE INTO accounts (user_id, paid, bonus, debt, entry_no, paid_no, bonus_no, debt_no, server_seq,"
    " opened_ms) VALUES (:user_id, 0, 0, 0, 0, 0, 0, 0, 0, :now_ms)"
)
_SAVE = sa.text(
    "UPDATE accounts SET paid = :paid, bonus = :bonus, debt = :debt, entry_no = :entry_no, paid_no = :paid_no,"
    " bonus_no = :bonus_no, debt_no = :debt_no, server_seq = :server_seq WHERE user_id = :user_id"
)
_ENTRY = sa.text(
    "INSERT INTO ledger_entries (user_id, entry_no, pot, amount, counter_account, prev_no, follows_no, balance_before,"
    " balance_after, kind, ref, drama_id, episode_no, at_ms) VALUES (:user_id, :entry_no, :pot, :amount, :counter,"
    " :prev_no, :follows_no, :before, :after, :kind, :ref, :drama_id, :episode_no, :at_ms)"
)


@dataclass(frozen=True)
class Why:
    """What the ledger says of a movement; 0 and empty: nothing."""

    kind: str
    at_ms: int
    ref: str = ""
    drama_id: int = 0
    episode_no: int = 0


@dataclass
class Account:
    """A locked account.  `save` writes it back; until then nothing but ledger entries was written."""

    user_id: int
    balance: Balance
    entry_no: int
    last: dict[str, int]  # pot -> entry_no of its latest entry, 0 for none
    server_seq: int

    def move(self, connection: Connection, moves: Sequence[Move], why: Why) -> None:
        """Make these moves, an entry each."""
        entries = [self._entry(move, getattr(self.balance, move.pot), why) for move in moves]
        connection.execute(_ENTRY, entries)
        self.balance = after(self.balance, list(moves))

    def next_seq(self) -> int:
        """The number of the viewer's next event in session `server`."""
        self.server_seq += 1
        return self.server_seq

    def save(self, connection: Connection) -> None:
        """Write the account."""
        numbers = {f"{pot}_no": number for pot, number in self.last.items()}
        row = {**self.balance._asdict(), **numbers, "entry_no": self.entry_no, "server_seq": self.server_seq}
        connection.execute(_SAVE, {"user_id": self.user_id, **row})

    def _entry(self, move: Move, before: int, why: Why) -> dict[str, Any]:
        self.entry_no += 1
        prev_no, self.last[move.pot] = self.last[move.pot], self.entry_no
        return {
            "user_id": self.user_id, "entry_no": self.entry_no, "pot": move.pot, "amount": move.amount,
            "counter": move.counter, "prev_no": prev_no or None, "follows_no": prev_no, "before": before,
            "after": before + move.amount, "kind": why.kind, "ref": why.ref, "drama_id": why.drama_id,
            "episode_no": why.episode_no, "at_ms": why.at_ms,
        }  # fmt: skip


def lock(connection: Connection, user_id: int) -> Account | None:
    """The viewer's account, locked until the transaction ends; None where there is none."""
    row = connection.execute(_LOCK, {"user_id": user_id}).first()
    if row is None:
        return None
    paid, bonus, debt, entry_no, *last, server_seq = row
    return Account(user_id, Balance(paid, bonus, debt), entry_no, dict(zip(POTS, last, strict=True)), server_seq)


def lock_or_open(connection: Connection, user_id: int, now_ms: int) -> Account:
    """The viewer's account, locked; made now where there was none."""
    account = lock(connection, user_id)
    if account is None:
        connection.execute(_OPEN, {"user_id": user_id, "now_ms": now_ms})
        account = lock(connection, user_id)
    if account is None:
        raise LookupError(f"account {user_id} was made and is not there")
    return account
