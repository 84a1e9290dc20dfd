"""Unlocking: debit, entitlement and the event that tells of it, in one transaction or not at all.

What may be asked again: the same key gives the same answer for a week, and what is open is not paid again for
ever.  Prices are read from the catalogue's own rows, so a price that was raised a moment ago counts.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Literal, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from domain.pricing import WHOLE, Terms, terms
from domain.wallet import NOTHING, Balance, Move, spend
from infra.money import keyed, outbox
from infra.money.account import Account, Why, lock
from infra.money.attempts import MoneyUnavailable, answers, transact
from infra.money.keyed import Entitlement, Key, KeyReused, Unlock

__all__ = [
    "Entitlement", "KeyReused", "MoneyUnavailable", "NotEnough", "NotReleased", "PriceChanged", "UnknownEpisode",
    "Unlock", "Unlocks", "Wanted",
]  # fmt: skip

_SEEN = sa.text(  # one round trip for all that is asked of every unlock; a row also where nothing is there
    "SELECT k.body_hash, k.answer, d.dense_index, d.free_first, d.price_coins, d.published AND t.drama_id IS NULL,"
    " e.episodes, e.its_ms, e.last_ms"
    " FROM (SELECT COALESCE(MAX(episode_no), 0) AS episodes, COALESCE(MAX(release_ms), 0) AS last_ms,"
    " COALESCE(MAX(CASE WHEN episode_no <= :episode_no THEN release_ms END), 0) AS its_ms"
    " FROM episodes WHERE drama_id = :drama_id) e"
    " LEFT JOIN idempotency_keys k ON k.user_id = :user_id AND k.idempotency_key = :key"
    " LEFT JOIN dramas d ON d.drama_id = :drama_id LEFT JOIN takedowns t ON t.drama_id = :drama_id"
)
_OWNED = sa.text(
    "SELECT episode_no, coins, until_ms FROM entitlements WHERE user_id = :user_id AND drama_id = :drama_id"
    " AND (until_ms = 0 OR until_ms > :now_ms)"
)
_ENTITLE = sa.text(
    "INSERT INTO entitlements (user_id, drama_id, episode_no, until_ms, coins, price_version, at_ms)"
    " VALUES (:user_id, :drama_id, :episode_no, 0, :coins, :price_version, :at_ms)"
    " ON DUPLICATE KEY UPDATE until_ms = 0, coins = coins + VALUES(coins), price_version = VALUES(price_version),"
    " at_ms = VALUES(at_ms)"
)


class Wanted(NamedTuple):
    """What a viewer asks for, at the price that they were shown."""

    drama_id: int
    episode_no: int
    way: Literal["episode", "drama"]
    price_version: str


class NotEnough(Exception):
    """It costs `coins` under `terms`, and there is only `balance`."""

    def __init__(self, coins: int, terms: Terms, balance: Balance) -> None:
        super().__init__(f"{coins} coins of {balance.spendable}")
        self.coins, self.terms, self.balance = coins, terms, balance


class PriceChanged(Exception):
    """The price is not the one that was shown; `terms` are those of now."""

    def __init__(self, terms: Terms) -> None:
        super().__init__(terms.version)
        self.terms = terms


class UnknownEpisode(Exception):
    """There is no such episode, or it is not shown."""


class NotReleased(Exception):
    """The episode, or the last of the drama that is wanted whole, is released at `release_ms` only."""

    def __init__(self, release_ms: int) -> None:
        super().__init__(str(release_ms))
        self.release_ms = release_ms


class _Seen(NamedTuple):
    """The answer that the key had, and the drama; each None where there is none.

    `its_ms`, `last_ms`: when the episode that is wanted and when the last one is released; 0: they are out since ever.
    """

    body_hash: bytes | None
    answer: str | None
    drama_index: int | None
    free_first: int
    price_coins: int
    shown: int | None
    episodes: int
    its_ms: int
    last_ms: int


class _Sold(NamedTuple):
    """A drama as it is sold now."""

    drama_index: int
    terms: Terms
    last_ms: int


class _Purchase(NamedTuple):
    wanted: Wanted
    sold: _Sold
    coins: int


class _Owned(NamedTuple):
    """An entitlement, and what it cost."""

    entitlement: Entitlement
    coins: int


class Unlocks:
    """Blocks; call it in a thread.  Every call may raise MoneyUnavailable."""

    def __init__(self, engine: Engine, now_ms: Callable[[], int]) -> None:
        self._engine = engine
        self._now_ms = now_ms
        self._kept = itertools.count(1)

    def unlock(self, user_id: int, wanted: Wanted, key: str, body_hash: bytes) -> Unlock:
        """Debit and entitle, or neither; once per key and once per episode, and what is repeated gets the same answer.

        A free episode costs nothing and stores nothing.  Raises, having changed nothing: UnknownEpisode, NotReleased,
        PriceChanged, NotEnough, KeyReused (a key that unlocked something, with another hash).
        """
        done, kept = transact(self._engine, partial(self._unlock, Key(user_id, key, body_hash), wanted))
        if kept and next(self._kept) % keyed.PRUNED_EVERY == 0:
            self._prune()
        return done

    def entitled(self, user_id: int, drama_id: int, episode_no: int) -> Entitlement | None:
        """What opens this episode to the viewer now, other than that it is free."""
        with answers(), self._engine.connect() as connection:
            found = _of(self._owned(connection, user_id, drama_id), episode_no)
        return found.entitlement if found else None

    def opened(self, user_id: int, drama_id: int) -> frozenset[int]:
        """The episodes that the viewer has unlocked; 0 among them is the whole drama."""
        with answers(), self._engine.connect() as connection:
            return frozenset(self._owned(connection, user_id, drama_id))

    def _unlock(self, key: Key, wanted: Wanted, connection: Connection) -> tuple[Unlock, bool]:
        """The answer, and whether it is now kept for the key."""
        account = lock(connection, key.user_id)  # who has none has paid for nothing, and nobody is waited for
        what = {"drama_id": wanted.drama_id, "episode_no": wanted.episode_no}
        asked = {"user_id": key.user_id, "key": key.key, **what}
        seen = _Seen(*connection.execute(_SEEN, asked).one())
        if answer := keyed.read(key, seen.body_hash, seen.answer):
            return answer, False
        sold = _sold(seen, wanted, self._now_ms())
        owned = self._owned(connection, key.user_id, wanted.drama_id) if account else {}
        if account and (there := _there(owned, wanted)):
            answer = Unlock(account.balance, there.entitlement, there.coins, repeated=True)
            keyed.keep(connection, key, answer, self._now_ms())
            return answer, True
        coins, balance = _price(wanted, sold, owned), account.balance if account else NOTHING
        if coins == 0:
            return Unlock(balance, Entitlement(wanted.drama_id, wanted.episode_no, 0), 0, repeated=False), False
        if account is None or coins > balance.spendable:
            raise NotEnough(coins, sold.terms, balance)
        return self._buy(connection, account, key, _Purchase(wanted, sold, coins)), True

    def _buy(self, connection: Connection, account: Account, key: Key, what: _Purchase) -> Unlock:
        """Debit, entitle and tell."""
        wanted, sold, coins = what
        now_ms, episode_no = self._now_ms(), WHOLE if wanted.way == "drama" else wanted.episode_no
        moves, seq = spend(account.balance, coins), account.next_seq()
        account.move(connection, moves, Why("unlock", now_ms, drama_id=wanted.drama_id, episode_no=episode_no))
        account.save(connection)
        connection.execute(_ENTITLE, {
            "user_id": account.user_id, "drama_id": wanted.drama_id, "episode_no": episode_no, "coins": coins,
            "price_version": sold.terms.version, "at_ms": now_ms,
        })  # fmt: skip
        paid, bonus = _spent(moves, "paid"), _spent(moves, "bonus")
        bought = outbox.Bought(wanted.drama_id, sold.drama_index, episode_no, paid, bonus, sold.terms.version)
        outbox.put(connection, account.user_id, seq, bought, now_ms)
        answer = Unlock(account.balance, Entitlement(wanted.drama_id, episode_no, 0), coins, repeated=False)
        keyed.keep(connection, key, answer, now_ms)
        return answer

    def _owned(self, connection: Connection, user_id: int, drama_id: int) -> dict[int, _Owned]:
        rows = connection.execute(_OWNED, {"user_id": user_id, "drama_id": drama_id, "now_ms": self._now_ms()})
        return {no: _Owned(Entitlement(drama_id, no, until_ms), coins) for no, coins, until_ms in rows}

    def _prune(self) -> None:
        """Forget old keys, some at a time; what is left over is for the next."""
        with suppress(MoneyUnavailable):
            transact(self._engine, partial(keyed.prune, before_ms=self._now_ms() - keyed.KEPT_MS))


def _sold(seen: _Seen, wanted: Wanted, now_ms: int) -> _Sold:
    """The drama that holds what is wanted.  Raises UnknownEpisode, NotReleased."""
    if seen.drama_index is None or not seen.shown or not 1 <= wanted.episode_no <= seen.episodes:
        raise UnknownEpisode(f"{wanted.drama_id}/{wanted.episode_no}")
    if now_ms < seen.its_ms:
        raise NotReleased(seen.its_ms)
    its = terms(seen.free_first, seen.price_coins, seen.episodes, all_out=now_ms >= seen.last_ms)
    return _Sold(seen.drama_index, its, seen.last_ms)


def _price(wanted: Wanted, sold: _Sold, owned: dict[int, _Owned]) -> int:
    """Coins; 0 is free whatever price was shown.  Raises NotReleased, PriceChanged."""
    its, whole = sold.terms, wanted.way == "drama"
    coins = its.drama_coins(owned.keys()) if whole else its.episode_coins(wanted.episode_no)
    if coins and whole and not its.all_out:
        raise NotReleased(sold.last_ms)
    if coins and wanted.price_version != its.version:
        raise PriceChanged(its)
    return coins


def _there(owned: dict[int, _Owned], wanted: Wanted) -> _Owned | None:
    """What makes buying needless: to who wants the whole drama, one of its episodes does not."""
    return owned.get(WHOLE) if wanted.way == "drama" else _of(owned, wanted.episode_no)


def _of(owned: dict[int, _Owned], episode_no: int) -> _Owned | None:
    return owned.get(WHOLE) or owned.get(episode_no)


def _spent(moves: list[Move], pot: str) -> int:
    return -sum(move.amount for move in moves if move.pot == pot)
