"""Asks all the rules of one moment, so that a running shop is no difference."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from juliu.ledger.rules import COUNTERS, RULES, TOTALS

MOST = 100  # differences of a rule that are told: the first ones show the cause


class Difference(msgspec.Struct, frozen=True):
    """A rule that does not hold for this viewer."""

    rule: str
    user_id: int
    found: str
    expected: str


class Account(msgspec.Struct, frozen=True):
    """What there is, the counter accounts (which with the viewers' pots add up to 0), and what does not add up."""

    totals: dict[str, int]
    counter_accounts: dict[str, int]
    differences: list[Difference]

    @property
    def ok(self) -> bool:
        """Whether everything adds up."""
        return not self.differences


def check(engine: Engine) -> Account:
    """Ask every rule.  Reads all of the ledger; raises what SQLAlchemy raises where MySQL does not answer."""
    with engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
        totals = {name: int(connection.scalar(sa.text(query)) or 0) for name, query in TOTALS.items()}
        counters = {name: int(coins) for name, coins in connection.execute(sa.text(COUNTERS))}
        return Account(totals, counters, [*_broken(connection), *_sum(totals, counters)])


def _broken(connection: Connection) -> Iterator[Difference]:
    for rule, query in RULES.items():
        for user_id, found, expected in connection.execute(sa.text(query), {"most": MOST}):
            yield Difference(rule, user_id, _text(found), _text(expected))


def _sum(totals: dict[str, int], counters: dict[str, int]) -> Iterator[Difference]:
    theirs, ours = totals["paid"] + totals["bonus"] + totals["debt"], sum(counters.values())
    if theirs + ours:
        yield Difference("both sides add up to 0", 0, f"viewers {theirs}", f"counter accounts {ours}")


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
