"""How coins move between a viewer's pots and the accounts on the other side.  Pure; amounts are integers.

Pots: `paid` (bought), `bonus` (given), `debt` (what a refund took back after it was spent).  A move is one line of the
double-entry ledger: what a pot gains, its counter account loses.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

Pot: TypeAlias = Literal["paid", "bonus", "debt"]
POTS: tuple[Pot, ...] = ("paid", "bonus", "debt")
SALES, ISSUED, PROMOTION, REFUNDS = "sales", "issued", "promotion", "refunds"  # the other sides
MAX_COINS = 1_000_000_000  # of one movement


class Balance(NamedTuple):
    """A viewer's coins; none is negative."""

    paid: int
    bonus: int
    debt: int

    @property
    def spendable(self) -> int:
        """What an unlock can take."""
        return self.paid + self.bonus


class Move(NamedTuple):
    """`amount` into the pot (negative: out of it), from the counter account; never 0."""

    pot: Pot
    amount: int
    counter: str


NOTHING = Balance(0, 0, 0)


def spend(balance: Balance, coins: int) -> list[Move]:
    """What pays `coins`: bonus coins first.  Raises ValueError where there is not enough."""
    if not 0 <= coins <= balance.spendable:
        raise ValueError(f"{coins} coins of {balance.spendable}")
    bonus = min(balance.bonus, coins)
    return _moves(Move("bonus", -bonus, SALES), Move("paid", bonus - coins, SALES))


def receive(balance: Balance, coins: int, pot: Pot) -> list[Move]:
    """Where `coins` go that were bought (`paid`) or given (`bonus`): a debt is paid first.

    Raises ValueError on another pot, or coins outside 1..MAX_COINS.
    """
    if pot not in ("paid", "bonus") or not 0 < coins <= MAX_COINS:
        raise ValueError(f"{coins} coins cannot go to {pot}; 1..{MAX_COINS} can, to paid or bonus")
    pays = min(balance.debt, coins)
    return _moves(Move("debt", -pays, REFUNDS), Move(pot, coins - pays, ISSUED if pot == "paid" else PROMOTION))


def give_back(balance: Balance, paid: int, bonus: int) -> list[Move]:
    """Where the coins of an unlock go that is refunded: each to the pot that they came from; a debt is paid first.

    Raises ValueError where there are none, or one number is negative.
    """
    if min(paid, bonus) < 0 or not paid + bonus:
        raise ValueError(f"{paid} paid and {bonus} bonus coins cannot come back")
    by_paid = min(balance.debt, paid)
    by_bonus = min(balance.debt - by_paid, bonus)
    return _moves(
        Move("debt", -by_paid - by_bonus, REFUNDS),
        Move("paid", paid - by_paid, SALES),
        Move("bonus", bonus - by_bonus, SALES),
    )


def after(balance: Balance, moves: list[Move]) -> Balance:
    """The balance when these moves are made."""
    gained = {pot: sum(move.amount for move in moves if move.pot == pot) for pot in POTS}
    return Balance(*(getattr(balance, pot) + gained[pot] for pot in POTS))


def _moves(*moves: Move) -> list[Move]:
    return [move for move in moves if move.amount]
