"""Unlocking an episode for a viewer, and showing them their coins; MySQL decides, in a thread."""

from __future__ import annotations

from functools import partial
from typing import Protocol

from domain.audience import Audience
from domain.pricing import Terms
from infra.metrics import UNLOCKS
from infra.money import unlocks as infra_money
from infra.money.unlocks import Entitlement, Unlock, Wanted
from infra.money.wallet import Balance
from ingest_api.errors import ApiError, MoneyUnavailable, NotReleased, Unavailable, UnknownEpisode
from ingest_api.threads import Threads
from ingest_api.unlock.answers import LedgerEntry, Opened, PlayNow, UnlockAnswer, WalletBalance, WalletPage
from ingest_api.unlock.errors import Coins, IdempotencyKeyReused, NotEnoughCoins, Price, PriceIsAnother, WayToUnlock
from ingest_api.unlock.money import Money, Purse
from ingest_api.unlock.order import Order, body_hash

DONE = "done"
NOT_WHOLE = "Not all of its episodes are released: until `release_ms` they are unlocked one by one."


class Playable(Protocol):
    """An address and a ticket of an episode, with their ends (Unix ms)."""

    @property
    def address(self) -> str: ...
    @property
    def address_expires_ms(self) -> int: ...
    @property
    def ticket(self) -> str: ...
    @property
    def ticket_expires_ms(self) -> int: ...


class Permission(Protocol):
    """What lets a viewer play what is open to them."""

    async def open(
        self, user_id: int, drama_id: int, episode_no: int, audience: Audience, until_ms: int = 0
    ) -> Playable:
        """How a viewer of this audience plays it, not past `until_ms` (0: no end).

        Raises NotReleased, UnknownEpisode (taken down), or Unavailable: not told now.
        """


class Hints(Protocol):
    """What the next page of the feed may know before the log tells it."""

    async def unlocked(self, user_id: int, drama_id: int) -> None:
        """The viewer paid for it just now.  Never raises: a hint that is lost costs nothing."""


class Unlocking:
    """One a process."""

    def __init__(self, money: Money, purse: Purse, threads: Threads, permission: Permission, hints: Hints) -> None:
        self._money = money
        self._purse = purse
        self._threads = threads
        self._permission = permission
        self._hints = hints

    async def unlock(
        self, user_id: int, drama_id: int, episode_no: int, order: Order, key: str, *, audience: Audience
    ) -> UnlockAnswer:
        """Open the episode.  Raises UnknownEpisode, NotReleased, NotEnoughCoins, PriceIsAnother,
        IdempotencyKeyReused, MoneyUnavailable.

        Whatever was raised: the same with the same key, again, debits at most once.
        """
        try:
            done, opens = await self._threads.run(partial(self._unlock, user_id, drama_id, episode_no, order, key))
        except ApiError as error:
            UNLOCKS.labels(error.code).inc()
            raise
        UNLOCKS.labels(DONE).inc()
        if opens:
            await self._hints.unlocked(user_id, drama_id)
        return UnlockAnswer(
            balance=WalletBalance.model_validate(done.balance),
            entitlement=Opened.model_validate(done.entitlement),
            coins=done.coins,
            play=await self._play(user_id, drama_id, episode_no, audience, opens.until_ms) if opens else None,
        )

    async def wallet(self, user_id: int, before: int | None, count: int) -> WalletPage:
        """The balance and `count` entries older than `before`.  Raises MoneyUnavailable."""
        return await self._threads.run(partial(self._wallet, user_id, before, count))

    async def _play(
        self, user_id: int, drama_id: int, episode_no: int, audience: Audience, until_ms: int
    ) -> PlayNow | None:
        """The coins are spent: that the way to the video cannot be told now is no failure of the unlock.

        Nor that its release was put off since, or its drama taken down: who asks for what was unlocked before gets the
        same answer, no address.
        """
        try:
            how = await self._permission.open(user_id, drama_id, episode_no, audience, until_ms)
            return PlayNow.model_validate(how)
        except (Unavailable, NotReleased, UnknownEpisode):
            return None

    def _unlock(
        self, user_id: int, drama_id: int, episode_no: int, order: Order, key: str
    ) -> tuple[Unlock, Entitlement | None]:
        """The answer, and what opens the episode now: one that is told again may be older than a refund."""
        done = self._bought(user_id, drama_id, episode_no, order, key)
        if not done.repeated:
            return done, done.entitlement
        try:
            return done, self._money.entitled(user_id, drama_id, episode_no)
        except infra_money.MoneyUnavailable:
            return done, None  # it is done, and GET .../play says the rest

    def _bought(self, user_id: int, drama_id: int, episode_no: int, order: Order, key: str) -> Unlock:
        wanted = Wanted(drama_id, episode_no, order.way, order.price_version)
        try:
            return self._money.unlock(user_id, wanted, key, body_hash(drama_id, episode_no, order))
        except infra_money.UnknownEpisode as error:
            raise UnknownEpisode from error
        except infra_money.NotReleased as error:
            raise NotReleased(error.release_ms, NOT_WHOLE if order.way == "drama" else "") from error
        except infra_money.KeyReused as error:
            raise IdempotencyKeyReused from error
        except infra_money.PriceChanged as error:
            raise self._another_price(user_id, wanted, error.terms) from error
        except infra_money.NotEnough as error:
            raise self._not_enough(user_id, wanted, error) from error
        except infra_money.MoneyUnavailable as error:
            raise MoneyUnavailable from error

    def _another_price(self, user_id: int, wanted: Wanted, terms: Terms) -> ApiError:
        ways = self._ways(user_id, wanted, terms)
        return PriceIsAnother(price_of(wanted.way, ways), ways)

    def _not_enough(self, user_id: int, wanted: Wanted, error: infra_money.NotEnough) -> ApiError:
        ways = self._ways(user_id, wanted, error.terms)
        return NotEnoughCoins(Price(error.coins, error.terms.version), coins(error.balance), ways)

    def _ways(self, user_id: int, wanted: Wanted, terms: Terms) -> list[WayToUnlock]:
        try:
            owned = self._money.opened(user_id, wanted.drama_id)
        except infra_money.MoneyUnavailable as error:
            raise MoneyUnavailable from error
        return ways_to_unlock(terms, wanted.episode_no, owned)

    def _wallet(self, user_id: int, before: int | None, count: int) -> WalletPage:
        try:
            entries = self._purse.page(user_id, before, count)
            balance = self._purse.balance(user_id)
        except infra_money.MoneyUnavailable as error:
            raise MoneyUnavailable from error
        return WalletPage(
            balance=WalletBalance.model_validate(balance),
            entries=[LedgerEntry.model_validate(entry) for entry in entries],
            next_before=entries[-1].entry_no if len(entries) == count else None,
        )


def ways_to_unlock(terms: Terms, episode_no: int, owned: frozenset[int]) -> list[WayToUnlock]:
    """This episode alone and, once all are out, what is left of the drama, to a viewer who has unlocked `owned`."""
    alone = WayToUnlock("episode", terms.episode_coins(episode_no), terms.version)
    if not terms.all_out:
        return [alone]
    return [alone, WayToUnlock("drama", terms.drama_coins(owned), terms.version)]


def price_of(way: str, ways: list[WayToUnlock]) -> Price:
    """What the way that was asked for costs."""
    return next(Price(one.coins, one.price_version) for one in ways if one.way == way)


def coins(balance: Balance) -> Coins:
    """The balance as refusals tell it."""
    return Coins(balance.paid, balance.bonus, balance.debt)
