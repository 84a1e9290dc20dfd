"""Money on a real MySQL: a shop of five dramas, viewers who do things at random, and the account at the end."""

from __future__ import annotations

import hashlib
import itertools
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from domain.events import Refunded, Unlocked, decode
from domain.pricing import terms
from infra.catalogue.importing import import_file
from infra.money.refunds import NothingToRefund, Refunds, Sold, WholeIsOpen
from infra.money.unlocks import MoneyUnavailable, NotEnough, PriceChanged, Unlock, Unlocks, Wanted
from infra.money.wallet import Wallet
from juliu.ledger.check import Account, check
from tests.catalogue import a_file, a_line

DRAMAS, EPISODES, FREE, PRICE = range(1, 6), 12, 2, 7
TERMS = terms(FREE, PRICE, EPISODES)
OLD = terms(FREE, PRICE + 1, EPISODES)
USERS = range(1, 101)
AGAIN_S = 60.0  # how long a viewer tries again while MySQL is away
POTS: tuple[Literal["paid", "bonus"], ...] = ("paid", "bonus")
Done = TypeVar("Done")


def stock(engine: Engine, folder: Path) -> None:
    """Import the dramas."""
    lines = [a_line(drama_id, EPISODES, free_first=FREE, price_coins=PRICE) for drama_id in DRAMAS]
    assert import_file(engine, a_file(folder / "shop.jsonl", *lines)).created == len(DRAMAS)


class Did(NamedTuple):
    """One operation: how it ended, coins credited to a viewer, and what is the viewer's as (user, drama, episode)."""

    outcome: str
    credited: int = 0
    owned: tuple[int, int, int] | None = None
    refunded: tuple[int, int, int] | None = None


class Viewers:
    """Random operations of USERS, the same for the same seed; and what they were answered.

    What MySQL did not answer is asked again, as a client does, for AGAIN_S; `away` counts that.
    """

    def __init__(self, engine: Engine, seed: int) -> None:
        self._seed = seed
        self._lock = threading.Lock()
        self.unlocks = Unlocks(engine, now_ms)
        self.refunds = Refunds(engine, now_ms)
        self.wallet = Wallet(engine, now_ms)
        self.outcomes: Counter[str] = Counter()
        self.credited = self.away = self.done = 0
        self.owned: set[tuple[int, int, int]] = set()  # or refunded, as `refunded` says of some
        self.refunded: set[tuple[int, int, int]] = set()

    def go(self, operations: int, threads: int, enough: threading.Event | None = None) -> None:
        """Do so many on so many threads, or fewer where there were `enough`; raises what an operation raised."""

        def some(_: int) -> None:
            while (number := next(numbers)) < operations and not (enough and enough.is_set()):
                self._did(self._one(number))

        numbers = itertools.count()
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(some, range(threads)))

    def persist(self, call: Callable[[], Done]) -> Done:
        """The same again until it is answered."""
        end = time.monotonic() + AGAIN_S
        while True:
            try:
                return call()
            except MoneyUnavailable:
                assert time.monotonic() < end, "MySQL does not come back"
                self.away += 1
                time.sleep(0.02)

    def _did(self, one: Did) -> None:
        with self._lock:
            self.outcomes[one.outcome] += 1
            self.credited += one.credited
            self.done += 1
            if one.owned:
                self.owned.add(one.owned)
            if one.refunded:
                self.refunded.add(one.refunded)

    def _one(self, number: int) -> Did:
        its = random.Random(self._seed * 1_000_003 + number)
        user_id = its.choice(USERS)
        if its.random() < 0.3:
            return self._credit(its, user_id, f"ref-{self._seed}-{number}")
        if its.random() < 0.1:
            return self._refund(its, user_id, f"order-{self._seed}-{number}")
        try:
            done = self._unlock(its, user_id, f"key-{self._seed}-{number}")
        except (NotEnough, PriceChanged) as error:
            return Did(type(error).__name__)
        if not done.coins:
            return Did("free")
        theirs = done.entitlement
        return Did("repeated" if done.repeated else "bought", owned=(user_id, theirs.drama_id, theirs.episode_no))

    def _credit(self, its: random.Random, user_id: int, ref: str) -> Did:
        coins, pot = its.randrange(1, 60), its.choice(POTS)
        for _ in range(its.choice((1, 1, 2))):  # now and then it is told twice
            self.persist(lambda: self.wallet.credit(user_id, coins, "test", ref, pot))
        return Did("credited", coins)

    def _refund(self, its: random.Random, user_id: int, order: str) -> Did:
        what = Sold(user_id, its.choice(DRAMAS), its.choice((0, *range(FREE + 1, EPISODES + 1))))
        try:
            for _ in range(its.choice((1, 1, 2))):
                self.persist(lambda: self.refunds.refund(what, order, "test"))
        except (NothingToRefund, WholeIsOpen) as error:
            return Did(type(error).__name__)
        return Did("refunded", refunded=tuple(what))

    def _unlock(self, its: random.Random, user_id: int, key: str) -> Unlock:
        way: Literal["episode", "drama"] = "drama" if its.random() < 0.1 else "episode"
        version = OLD.version if its.random() < 0.05 else TERMS.version
        wanted = Wanted(its.choice(DRAMAS), its.randrange(1, EPISODES + 1), way, version)
        body_hash = hashlib.sha256(repr(wanted).encode()).digest()
        return self.persist(lambda: self.unlocks.unlock(user_id, wanted, key, body_hash))


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def assert_all_adds_up(engine: Engine, viewers: Viewers) -> Account:
    """The ledger by `juliu ledger check`, and against what the viewers were answered."""
    account = check(engine)
    assert account.differences == []
    assert told(engine) == entitled(engine)
    assert account.totals["credited_coins"] == viewers.credited
    left = account.totals["paid"] + account.totals["bonus"] - account.totals["debt"]
    taken = account.totals["debited_coins"] - account.totals["refunded_coins"]
    assert left == account.totals["credited_coins"] - taken
    assert viewers.owned - viewers.refunded <= entitled(engine) <= viewers.owned
    single = rows(engine, "SELECT COUNT(*) FROM entitlements WHERE episode_no > 0")
    assert rows(engine, "SELECT COALESCE(SUM(coins), 0) FROM entitlements WHERE episode_no > 0") == single * PRICE
    return account


def told(engine: Engine) -> set[tuple[int, int, int]]:
    """(user, drama, episode)s that are open by the events of the outbox: unlocked once more than refunded."""
    open_: Counter[tuple[int, int, int]] = Counter()
    with engine.connect() as connection:
        for (value,) in connection.execute(sa.text("SELECT value FROM outbox")):
            event = decode(bytes(value))
            assert isinstance(event, (Unlocked, Refunded))
            open_[event.user_id, event.drama_id, event.episode_no] += 1 if isinstance(event, Unlocked) else -1
    assert set(open_.values()) <= {0, 1}
    return {what for what, times in open_.items() if times}


def rows(engine: Engine, query: str) -> int:
    """The one number that a query asks for."""
    with engine.connect() as connection:
        return int(connection.scalar(sa.text(query)) or 0)


def entitled(engine: Engine) -> set[tuple[int, int, int]]:
    """(user, drama, episode)s that are paid for."""
    with engine.connect() as connection:
        return {
            tuple(row) for row in connection.execute(sa.text("SELECT user_id, drama_id, episode_no FROM entitlements"))
        }
