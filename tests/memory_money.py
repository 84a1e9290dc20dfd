"""The memory twin of money: one lock instead of a row's, and what MySQL would do to it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from domain.audience import Audience
from domain.pricing import Terms, terms
from domain.releases import in_order
from infra.money.refunds import NothingToRefund, OrderTaken, Refund, Sold, WholeIsOpen
from infra.money.unlocks import (
    Entitlement,
    KeyReused,
    MoneyUnavailable,
    NotEnough,
    NotReleased,
    PriceChanged,
    UnknownEpisode,
    Unlock,
    Wanted,
)
from infra.money.wallet import Balance, Entry, RefTaken
from ingest_api.errors import MoneyUnavailable as NotNow
from tests.builders import NOW_MS

POTS = ("paid", "bonus", "debt")
NOTHING = Balance(0, 0, 0)


@dataclass
class MemoryMoney:
    """Money and Purse.  `away`: nothing answers; `lose_next_answer`: the next unlock is done, its answer is lost."""

    away: bool = False
    lose_next_answer: bool = False
    now_ms: int = NOW_MS
    events: list[tuple[int, Wanted | Sold, int]] = field(default_factory=list)  # user, what, coins: one an outbox row
    _terms: dict[int, Terms] = field(default_factory=dict)
    _moments: dict[int, Sequence[int]] = field(default_factory=dict)
    _hidden: set[int] = field(default_factory=set)
    _balances: dict[int, Balance] = field(default_factory=dict)
    _entries: dict[int, list[Entry]] = field(default_factory=dict)
    _open: dict[tuple[int, int, int], int] = field(default_factory=dict)  # user, drama, episode -> coins
    _answers: dict[tuple[int, str], tuple[bytes, Unlock]] = field(default_factory=dict)
    _orders: dict[str, tuple[Sold, int, int]] = field(default_factory=dict)
    _refs: dict[str, tuple[int, int, str]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    # -- what others do ------------------------------------------------------------------------------------------------

    def drama(
        self, drama_id: int, episodes: int, free_first: int, price_coins: int, moments: Sequence[int] = ()
    ) -> None:
        """There is such a drama, or it costs this and is released like this from now on."""
        self._terms[drama_id] = terms(free_first, price_coins, episodes)
        self._moments[drama_id] = in_order(moments) or [0] * episodes

    def hide(self, drama_id: int) -> None:
        """Take the drama down."""
        self._hidden.add(drama_id)

    def terms(self, drama_id: int) -> Terms:
        """What the drama costs now."""
        return self._terms[drama_id]

    def version(self, drama_id: int) -> str:
        """The version of what the drama costs now."""
        return self._terms[drama_id].version

    def credit(self, user_id: int, coins: int, why: str, ref: str, pot: str = "paid") -> Balance:
        """Coins for a viewer, once per ref."""
        with self._lock:
            if ref not in self._refs:
                self._refs[ref] = user_id, coins, pot
                self._move(user_id, pot, coins, "credit", 0, 0)
            elif self._refs[ref] != (user_id, coins, pot):
                raise RefTaken(ref)
            return self._balances[user_id]

    def refund(self, what: Sold, order_id: str, why: str) -> Refund:
        """Take an unlock back, once per order."""
        with self._lock:
            if done := self._orders.get(order_id):
                if done[0] != what:
                    raise OrderTaken(order_id)
                return Refund(self._balances[what.user_id], *done[1:], True)
            if tuple(what) not in self._open:
                raise NothingToRefund
            if what.episode_no and (what.user_id, what.drama_id, 0) in self._open:
                raise WholeIsOpen
            paid, bonus = (self._cost(what, pot) for pot in ("paid", "bonus"))
            for pot, coins in (("paid", paid), ("bonus", bonus)):
                if coins:
                    self._move(what.user_id, pot, coins, "refund", what.drama_id, what.episode_no)
            del self._open[tuple(what)]
            self._orders[order_id] = what, paid, bonus
            self.events.append((what.user_id, what, -paid - bonus))
            return Refund(self._balances[what.user_id], paid, bonus, False)

    def _cost(self, what: Sold, pot: str) -> int:
        """Coins of this pot that the latest purchase took."""
        entries = [e for e in self._entries[what.user_id] if (e.drama_id, e.episode_no) == what[1:] and e.pot == pot]
        return -sum(entry.amount for entry in entries)

    # -- Money ---------------------------------------------------------------------------------------------------------

    def unlock(self, user_id: int, wanted: Wanted, key: str, body_hash: bytes) -> Unlock:
        self._ask()
        with self._lock:
            its_hash, answer = self._answers.get((user_id, key)) or (body_hash, None)
            if its_hash != body_hash:
                raise KeyReused(key)
            if answer is None:
                answer = self._unlock(user_id, wanted)
                if answer.coins:
                    self._answers[user_id, key] = body_hash, _repeated(answer)
        if self.lose_next_answer:
            self.lose_next_answer = False
            raise MoneyUnavailable("the answer was lost")
        return answer

    def entitled(self, user_id: int, drama_id: int, episode_no: int) -> Entitlement | None:
        self._ask()
        return self._entitled(user_id, drama_id, episode_no)

    def take_back(self, user_id: int, drama_id: int, episode_no: int) -> None:
        """The entitlement is gone, as after a refund."""
        del self._open[user_id, drama_id, episode_no]

    def opened(self, user_id: int, drama_id: int) -> frozenset[int]:
        self._ask()
        return frozenset(no for user, drama, no in self._open if (user, drama) == (user_id, drama_id))

    # -- Purse ---------------------------------------------------------------------------------------------------------

    def balance(self, user_id: int) -> Balance:
        self._ask()
        return self._balances.get(user_id, NOTHING)

    def page(self, user_id: int, before: int | None, count: int) -> Sequence[Entry]:
        self._ask()
        entries = self._entries.get(user_id, [])
        return [entry for entry in reversed(entries) if before is None or entry.entry_no < before][:count]

    # ------------------------------------------------------------------------------------------------------------------

    def _ask(self) -> None:
        if self.away:
            raise MoneyUnavailable("away")

    def _unlock(self, user_id: int, wanted: Wanted) -> Unlock:
        its = self._terms.get(wanted.drama_id)
        its = its and its._replace(all_out=max(self._moments[wanted.drama_id]) <= self.now_ms)
        if its is None or wanted.drama_id in self._hidden or wanted.episode_no > its.episodes:
            raise UnknownEpisode(f"{wanted.drama_id}/{wanted.episode_no}")
        self._released(wanted.drama_id, wanted.episode_no)
        there = self._entitled(user_id, wanted.drama_id, 0 if wanted.way == "drama" else wanted.episode_no)
        if there is not None:
            coins = self._open[user_id, there.drama_id, there.episode_no]
            return Unlock(self._balances[user_id], there, coins, True)
        episode_no = 0 if wanted.way == "drama" else wanted.episode_no
        owned = {no for user, drama, no in self._open if (user, drama) == (user_id, wanted.drama_id)}
        coins = its.drama_coins(owned) if wanted.way == "drama" else its.episode_coins(wanted.episode_no)
        if coins == 0:
            free = Entitlement(wanted.drama_id, wanted.episode_no, 0)
            return Unlock(self._balances.get(user_id, NOTHING), free, 0, False)
        if wanted.way == "drama":
            self._released(wanted.drama_id, its.episodes)
        if wanted.price_version != its.version:
            raise PriceChanged(its)
        self._pay(user_id, its, coins, wanted.drama_id, episode_no)
        self._open[user_id, wanted.drama_id, episode_no] = coins
        self.events.append((user_id, wanted, coins))
        return Unlock(self._balances[user_id], Entitlement(wanted.drama_id, episode_no, 0), coins, False)

    def _released(self, drama_id: int, episode_no: int) -> None:
        release_ms = self._moments[drama_id][episode_no - 1]
        if release_ms > self.now_ms:
            raise NotReleased(release_ms)

    def _entitled(self, user_id: int, drama_id: int, episode_no: int) -> Entitlement | None:
        found = (no for no in (0, episode_no) if (user_id, drama_id, no) in self._open)
        return next((Entitlement(drama_id, no, 0) for no in found), None)

    def _pay(self, user_id: int, its: Terms, coins: int, drama_id: int, episode_no: int) -> None:
        balance = self._balances.get(user_id, NOTHING)
        if balance.paid + balance.bonus < coins:
            raise NotEnough(coins, its, balance)
        bonus = min(balance.bonus, coins)
        for pot, amount in (("bonus", bonus), ("paid", coins - bonus)):
            if amount:
                self._move(user_id, pot, -amount, "unlock", drama_id, episode_no)

    def _move(self, user_id: int, pot: str, amount: int, kind: str, drama_id: int, episode_no: int) -> None:
        balance = self._balances.get(user_id, NOTHING)
        after = getattr(balance, pot) + amount
        self._balances[user_id] = Balance(*(after if name == pot else getattr(balance, name) for name in POTS))
        entries = self._entries.setdefault(user_id, [])
        entries.append(Entry(len(entries) + 1, 0, kind, pot, amount, after, drama_id, episode_no))


def _repeated(answer: Unlock) -> Unlock:
    return Unlock(answer.balance, answer.entitlement, answer.coins, True)


class Told(NamedTuple):
    """How to play an episode."""

    address: str
    address_expires_ms: int = 1
    ticket: str = "t"
    ticket_expires_ms: int = 2


@dataclass
class MemoryPermission:
    """Says of every episode how it is played."""

    away: bool = False

    async def open(self, user_id: int, drama_id: int, episode_no: int, audience: Audience, until_ms: int = 0) -> Told:
        if self.away:
            raise NotNow
        return Told(f"/{user_id}/{drama_id}/{episode_no}")
