"""The promises of the ports to money, kept by the memory twin and by MySQL alike."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from domain.pricing import terms
from infra.catalogue.importing import import_file
from infra.money.refunds import NothingToRefund, OrderTaken, Refund, Refunds, Sold, WholeIsOpen
from infra.money.unlocks import (
    Entitlement,
    KeyReused,
    NotEnough,
    NotReleased,
    PriceChanged,
    UnknownEpisode,
    Unlock,
    Unlocks,
    Wanted,
)
from infra.money.wallet import Balance, RefTaken, Wallet
from infra.mysql.engine import engine_of
from infra.mysql.migrate import migrate
from infra.settings import Settings
from tests.builders import DRAMA, NOW_MS, OTHER_DRAMA, UNKNOWN_DRAMA, USER
from tests.catalogue import a_file, a_line, an_episode
from tests.memory_money import MemoryMoney

EPISODES, FREE_FIRST, PRICE = 6, 1, 60
TERMS = terms(FREE_FIRST, PRICE, EPISODES)
OTHER = USER + 1
AT_ONCE = 50
_keys = (f"key-{number}" for number in itertools.count())


class Real:
    """MySQL, with a catalogue as `juliu catalogue import` writes it."""

    def __init__(self, settings: Settings, folder: Path) -> None:
        migrate(settings)
        self.engine = engine_of(settings, pool=8)
        self.now_ms = NOW_MS
        self.money, self.purse = Unlocks(self.engine, lambda: self.now_ms), Wallet(self.engine, lambda: self.now_ms)
        self.credit = self.purse.credit
        self.refund = Refunds(self.engine, lambda: NOW_MS).refund
        self._folder = folder

    def drama(
        self, drama_id: int, episodes: int, free_first: int, price_coins: int, moments: Sequence[int] = (), **more: Any
    ) -> None:
        when = [moment or None for moment in moments] or [None] * episodes
        made = [an_episode(no, drama_id, release_ms=moment) for no, moment in enumerate(when, 1)]
        line = a_line(drama_id, free_first=free_first, price_coins=price_coins, episodes=made, **more)
        import_file(self.engine, a_file(self._folder / "catalogue.jsonl", line))

    def hide(self, drama_id: int) -> None:
        self.tell("INSERT INTO takedowns (drama_id, taken_down_ms) VALUES (:drama_id, 0)", drama_id=drama_id)

    def told(self, user_id: int) -> int:
        """How many events there are for the relay."""
        return int(self.tell("SELECT COUNT(*) FROM outbox WHERE user_id = :user_id", user_id=user_id) or 0)

    def tell(self, statement: str, **values: Any) -> Any:
        with self.engine.begin() as connection:
            done = connection.execute(sa.text(statement), values)
            return done.scalar() if done.returns_rows else None


class Memory(MemoryMoney):
    """The twin."""

    @property
    def money(self) -> MemoryMoney:
        return self

    purse = money

    def told(self, user_id: int) -> int:
        return sum(user == user_id for user, _, _ in self.events)


@pytest.fixture(params=["memory", pytest.param("mysql", marks=pytest.mark.servers)])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """DRAMA has EPISODES, the first is free, the others cost PRICE."""
    made: Any = Memory() if request.param == "memory" else Real(request.getfixturevalue("fresh"), tmp_path)
    made.drama(DRAMA, EPISODES, FREE_FIRST, PRICE)
    yield made
    if request.param == "mysql":
        made.engine.dispose()


def buy(
    shop: Any, episode_no: int = 2, *, user: int = USER, way: str = "episode", key: str | None = None,
    version: str = TERMS.version, drama_id: int = DRAMA,
) -> Unlock:  # fmt: skip
    """Unlock as the route does."""
    wanted = Wanted(drama_id, episode_no, way, version)  # type: ignore[arg-type]
    body_hash = hashlib.sha256(repr((drama_id, episode_no, way, version)).encode()).digest()
    answer: Unlock = shop.money.unlock(user, wanted, key or next(_keys), body_hash)
    return answer


def refused(shop: Any, kind: type[Exception], **how: Any) -> Any:
    """The error, after making sure that nothing changed."""
    before = state(shop)
    with pytest.raises(kind) as caught:
        buy(shop, **how)
    assert state(shop) == before
    return caught.value


def state(shop: Any, user: int = USER) -> Any:
    return shop.purse.balance(user), entries(shop, user), shop.money.opened(user, DRAMA), shop.told(user)


def entries(shop: Any, user: int = USER) -> list[tuple[str, str, int, int]]:
    """Kind, pot, amount and balance after, the latest first."""
    return [(one.kind, one.pot, one.amount, one.balance_after) for one in shop.purse.page(user, None, 100)]


def test_who_is_new_has_nothing(shop):
    assert state(shop) == (Balance(0, 0, 0), [], frozenset(), 0)
    assert shop.money.entitled(USER, DRAMA, 2) is None


def test_bonus_coins_are_spent_first(shop):
    shop.credit(USER, 100, "test", "r1")
    shop.credit(USER, 45, "test", "r2", pot="bonus")
    answer = buy(shop)
    assert answer == Unlock(Balance(85, 0, 0), Entitlement(DRAMA, 2, 0), PRICE, False)
    assert shop.purse.balance(USER) == answer.balance
    assert sorted(entries(shop)[:2]) == [("unlock", "bonus", -45, 0), ("unlock", "paid", -15, 85)]
    assert shop.money.opened(USER, DRAMA) == {2}
    assert shop.money.entitled(USER, DRAMA, 2) == Entitlement(DRAMA, 2, 0)
    assert shop.money.entitled(USER, DRAMA, 3) is None
    assert shop.told(USER) == 1


def test_the_same_key_and_the_same_episode_are_paid_once(shop):
    shop.credit(USER, 100, "test", "r1")
    first = buy(shop, key="k")
    after = state(shop)
    for again in (buy(shop, key="k"), buy(shop)):
        assert (again.balance, again.entitlement, again.coins) == (first.balance, first.entitlement, first.coins)
        assert again.repeated
    assert state(shop) == after


@pytest.mark.parametrize("key", ["the same", None])
def test_fifty_at_once_are_one_debit_and_fifty_equal_answers(shop, key):
    shop.credit(USER, 1_000, "test", "r1")
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: buy(shop, key=key), range(AT_ONCE)))
    assert {(one.balance, one.entitlement, one.coins) for one in answers} == {
        (Balance(1_000 - PRICE, 0, 0), Entitlement(DRAMA, 2, 0), PRICE)
    }
    assert sum(not one.repeated for one in answers) == 1
    assert entries(shop) == [("unlock", "paid", -PRICE, 1_000 - PRICE), ("credit", "paid", 1_000, 1_000)]
    assert shop.told(USER) == 1


def test_a_key_that_unlocked_something_is_of_no_use_for_another(shop):
    shop.credit(USER, 1_000, "test", "r1")
    buy(shop, key="k")
    refused(shop, KeyReused, key="k", episode_no=3)
    refused(shop, KeyReused, key="k", way="drama")


def test_keys_are_a_viewers_own(shop):
    for user in (USER, OTHER):
        shop.credit(user, 100, "test", f"r{user}")
    buy(shop, key="k")
    assert shop.purse.balance(OTHER) == Balance(100, 0, 0)
    assert shop.money.opened(OTHER, DRAMA) == frozenset()
    assert buy(shop, user=OTHER, episode_no=3, key="k").entitlement == Entitlement(DRAMA, 3, 0)
    assert shop.money.opened(USER, DRAMA) == {2}


def test_too_few_coins_then_a_credit_then_the_same_key(shop):
    shop.credit(USER, PRICE - 1, "test", "r1")
    error = refused(shop, NotEnough, key="k")
    assert (error.coins, error.terms.version, error.balance) == (PRICE, TERMS.version, Balance(PRICE - 1, 0, 0))
    shop.credit(USER, 1, "test", "r2", pot="bonus")
    assert buy(shop, key="k").balance == Balance(0, 0, 0)


def test_who_never_had_coins_has_too_few(shop):
    assert refused(shop, NotEnough).balance == Balance(0, 0, 0)


def test_another_price_than_the_one_shown_debits_nothing(shop):
    shop.credit(USER, 1_000, "test", "r1")
    shop.drama(DRAMA, EPISODES, FREE_FIRST, PRICE + 5)
    now = refused(shop, PriceChanged, key="k").terms
    assert now.episode_coins(2) == PRICE + 5
    assert buy(shop, key="k", version=now.version).coins == PRICE + 5


def test_what_was_unlocked_stays_open_whatever_it_costs_now(shop):
    shop.credit(USER, 1_000, "test", "r1")
    first = buy(shop)
    shop.drama(DRAMA, EPISODES, FREE_FIRST, PRICE + 5)
    again = buy(shop)
    assert (again.coins, again.balance, again.repeated) == (first.coins, first.balance, True)


def test_a_free_episode_costs_nothing_and_leaves_nothing(shop):
    shop.credit(USER, 100, "test", "r1")
    before = state(shop)
    answer = buy(shop, 1)
    assert (answer.coins, answer.balance, answer.entitlement[:2]) == (0, Balance(100, 0, 0), (DRAMA, 1))
    assert state(shop) == before


def test_the_whole_drama_is_the_rest_of_it_and_opens_everything(shop):
    shop.credit(USER, 1_000, "test", "r1")
    buy(shop, 2)
    whole = buy(shop, 3, way="drama")
    assert whole.coins == TERMS.drama_coins({2})
    assert whole.entitlement == Entitlement(DRAMA, 0, 0)
    assert 0 in shop.money.opened(USER, DRAMA)
    assert shop.money.entitled(USER, DRAMA, 5) == Entitlement(DRAMA, 0, 0)
    again = buy(shop, 5)
    assert (again.balance, again.repeated) == (whole.balance, True)
    assert shop.told(USER) == 2
    assert buy(shop, 5, way="drama").repeated


# -- what is still to come -------------------------------------------------------------------------------------------


def test_until_the_moment_of_its_release_nobody_pays_for_an_episode(shop):
    shop.credit(USER, 1_000, "test", "r1")
    shop.drama(DRAMA, EPISODES, FREE_FIRST, PRICE, [0, 0, NOW_MS + 1, NOW_MS + 1, 0, NOW_MS + 2])
    for episode_no, release_ms in ((3, 1), (4, 1), (5, 1), (6, 2)):  # the fifth has none: it comes with the fourth
        assert refused(shop, NotReleased, key="k", episode_no=episode_no).release_ms == NOW_MS + release_ms
    assert buy(shop, 2).coins == PRICE
    shop.now_ms = NOW_MS + 1
    assert buy(shop, 5, key="k").coins == PRICE
    assert refused(shop, NotReleased, episode_no=6).release_ms == NOW_MS + 2
    shop.now_ms = NOW_MS + 2
    assert buy(shop, 6).coins == PRICE


def test_a_free_episode_that_is_to_come_is_not_opened_either(shop):
    shop.drama(DRAMA, EPISODES, FREE_FIRST, PRICE, [NOW_MS + 1] * EPISODES)
    assert refused(shop, NotReleased, episode_no=1).release_ms == NOW_MS + 1
    shop.now_ms = NOW_MS + 1
    assert buy(shop, 1).coins == 0


def test_a_drama_is_sold_as_a_whole_once_its_last_episode_is_out(shop):
    shop.credit(USER, 1_000, "test", "r1")
    shop.drama(DRAMA, EPISODES, FREE_FIRST, PRICE, [0] * (EPISODES - 1) + [NOW_MS + 1])
    for version in (TERMS.version, "another"):  # the price is no question yet
        assert refused(shop, NotReleased, episode_no=2, way="drama", version=version).release_ms == NOW_MS + 1
    poor = refused(shop, NotEnough, episode_no=2, user=OTHER)
    changed = refused(shop, PriceChanged, episode_no=2, version="another")
    assert [poor.terms.all_out, changed.terms.all_out] == [False, False]
    shop.now_ms = NOW_MS + 1
    assert refused(shop, NotEnough, episode_no=2, user=OTHER).terms.all_out
    assert buy(shop, 2, way="drama").coins == TERMS.drama_coins(())


def test_a_release_that_is_put_off_takes_no_coins_back_and_the_same_key_gets_the_same_answer(shop):
    shop.credit(USER, 1_000, "test", "r1")
    first = buy(shop, 3, key="k")
    shop.drama(DRAMA, EPISODES, FREE_FIRST, PRICE, [0, 0] + [NOW_MS + 1] * 4)
    again = buy(shop, 3, key="k")
    assert (again.balance, again.coins, again.repeated) == (first.balance, PRICE, True)
    assert refused(shop, NotReleased, episode_no=3).release_ms == NOW_MS + 1
    shop.now_ms = NOW_MS + 1
    assert buy(shop, 3).repeated


def test_the_whole_drama_can_be_bought_from_an_episode_that_is_open(shop):
    shop.credit(USER, 1_000, "test", "r1")
    buy(shop, 2)
    for episode_no in (1, 2):
        refused(shop, PriceChanged, episode_no=episode_no, way="drama", version="another")
    whole = buy(shop, 2, way="drama")
    assert (whole.coins, whole.entitlement) == (TERMS.drama_coins({2}), Entitlement(DRAMA, 0, 0))


def test_of_a_drama_whose_episodes_are_all_open_nothing_is_left_to_buy(shop):
    shop.credit(USER, 1_000, "test", "r1")
    for episode_no in range(FREE_FIRST + 1, EPISODES + 1):
        buy(shop, episode_no)
    before = state(shop)
    assert buy(shop, 2, way="drama").coins == 0
    assert state(shop) == before


@pytest.mark.parametrize(("drama_id", "episode_no"), [(UNKNOWN_DRAMA, 1), (DRAMA, EPISODES + 1), (DRAMA, 100_000)])
def test_what_is_not_there_is_unknown(shop, drama_id, episode_no):
    shop.credit(USER, 1_000, "test", "r1")
    refused(shop, UnknownEpisode, drama_id=drama_id, episode_no=episode_no)


def test_what_is_taken_down_is_unknown(shop):
    shop.credit(USER, 1_000, "test", "r1")
    shop.drama(OTHER_DRAMA, EPISODES, FREE_FIRST, PRICE)
    shop.hide(OTHER_DRAMA)
    for episode_no in (1, 2):
        refused(shop, UnknownEpisode, drama_id=OTHER_DRAMA, episode_no=episode_no)


@pytest.mark.servers
def test_what_is_not_published_is_unknown(fresh: Settings, tmp_path: Path) -> None:
    real = Real(fresh, tmp_path)
    real.credit(USER, 1_000, "test", "r1")
    real.drama(DRAMA, EPISODES, FREE_FIRST, PRICE, published=False)
    refused(real, UnknownEpisode)
    real.engine.dispose()


def test_a_credit_is_made_once_a_ref(shop):
    for _ in range(3):
        assert shop.credit(USER, 100, "test", "r1") == Balance(100, 0, 0)
    wrong: tuple[Callable[[], Any], ...] = (
        lambda: shop.credit(USER, 101, "test", "r1"),
        lambda: shop.credit(OTHER, 100, "test", "r1"),
        lambda: shop.credit(USER, 100, "test", "r1", pot="bonus"),
    )
    for again in wrong:
        with pytest.raises(RefTaken):
            again()
    assert shop.purse.balance(USER) == Balance(100, 0, 0)
    assert shop.purse.balance(OTHER) == Balance(0, 0, 0)


def give_back(shop: Any, episode_no: int = 2, order: str = "o", user: int = USER) -> Refund:
    """Refund as the command does."""
    done: Refund = shop.refund(Sold(user, DRAMA, episode_no), order, "test")
    return done


def not_refunded(shop: Any, kind: type[Exception], *how: Any, **more: Any) -> None:
    before = state(shop)
    with pytest.raises(kind):
        give_back(shop, *how, **more)
    assert state(shop) == before


def test_a_refund_gives_back_the_kinds_that_paid_and_locks_the_episode(shop):
    shop.credit(USER, 100, "test", "r1")
    shop.credit(USER, 45, "test", "r2", pot="bonus")
    before = shop.purse.balance(USER)
    buy(shop)
    buy(shop, 3)
    assert give_back(shop) == Refund(Balance(40, 45, 0), 15, 45, repeated=False)
    assert give_back(shop, 3, "o2").balance == before
    assert [(kind, pot, amount) for kind, pot, amount, _ in entries(shop)[:3]] == [
        ("refund", "paid", 60), ("refund", "bonus", 45), ("refund", "paid", 15),
    ]  # fmt: skip
    assert shop.money.opened(USER, DRAMA) == frozenset()
    assert shop.money.entitled(USER, DRAMA, 2) is None
    assert shop.told(USER) == 4


def test_an_order_is_refunded_once(shop):
    shop.credit(USER, 100, "test", "r1")
    buy(shop)
    first = give_back(shop)
    after = state(shop)
    again = give_back(shop)
    assert (again.balance, again.paid, again.bonus, again.repeated) == (first.balance, PRICE, 0, True)
    assert state(shop) == after


def test_what_was_refunded_is_not_refunded_under_another_order(shop):
    shop.credit(USER, 100, "test", "r1")
    buy(shop)
    give_back(shop)
    not_refunded(shop, NothingToRefund, order="o2")


def test_an_order_that_refunded_something_is_of_no_use_for_another(shop):
    shop.credit(USER, 1_000, "test", "r1")
    buy(shop)
    buy(shop, 3)
    give_back(shop)
    not_refunded(shop, OrderTaken, 3)
    with pytest.raises(OrderTaken):
        give_back(shop, user=OTHER)


def test_what_was_never_unlocked_is_not_refunded(shop):
    not_refunded(shop, NothingToRefund)
    shop.credit(USER, 100, "test", "r1")
    not_refunded(shop, NothingToRefund, 1)
    not_refunded(shop, NothingToRefund, 0)


def test_what_was_refunded_can_be_bought_and_refunded_again_in_other_kinds(shop):
    shop.credit(USER, 60, "test", "r1")
    buy(shop)
    give_back(shop)
    shop.credit(USER, 20, "test", "r2", pot="bonus")
    assert buy(shop).repeated is False
    assert give_back(shop, order="o2") == Refund(Balance(60, 20, 0), 40, 20, repeated=False)
    assert give_back(shop) == Refund(Balance(60, 20, 0), 60, 0, repeated=True)


def test_a_key_of_before_the_refund_buys_nothing_again(shop):
    shop.credit(USER, 100, "test", "r1")
    buy(shop, key="k")
    give_back(shop)
    before = state(shop)
    assert buy(shop, key="k").repeated
    assert state(shop) == before


def test_of_a_drama_that_is_unlocked_as_a_whole_the_whole_is_refunded_first(shop):
    shop.credit(USER, 1_000, "test", "r1")
    buy(shop, 2)
    buy(shop, 3, way="drama")
    not_refunded(shop, WholeIsOpen, 2)
    assert give_back(shop, 0).paid == TERMS.drama_coins({2})
    assert shop.money.opened(USER, DRAMA) == {2}
    assert give_back(shop, 2, "o2").balance == Balance(1_000, 0, 0)


def test_twenty_refunds_at_once_are_one(shop):
    shop.credit(USER, 100, "test", "r1")
    buy(shop)

    def one(n: int) -> bool:
        try:
            return not give_back(shop, order=f"o{n % 4}").repeated
        except NothingToRefund:
            return False

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(one, range(20))).count(True) == 1
    assert shop.purse.balance(USER) == Balance(100, 0, 0)
    assert shop.told(USER) == 2


@pytest.mark.servers
@pytest.mark.parametrize(
    ("order", "why"), [("", "w"), ("two words", "w"), ("o" * 65, "w"), ("o", ""), ("o", "w" * 201)]
)
def test_an_order_and_a_reason_have_bounds(fresh: Settings, tmp_path: Path, order: str, why: str) -> None:
    real = Real(fresh, tmp_path)
    with pytest.raises(ValueError, match="printable"):
        real.refund(Sold(USER, DRAMA, 2), order, why)
    real.engine.dispose()


def test_pages_of_the_ledger_are_its_latest_first(shop):
    for n in range(1, 8):
        shop.credit(USER, n, "test", f"r{n}", pot="bonus" if n % 3 == 0 else "paid")
    shop.credit(OTHER, 1, "test", "other")
    pages, before = [], None
    for _ in range(4):
        page = shop.purse.page(USER, before, 3)
        pages.append([one.amount for one in page])
        before = page[-1].entry_no if page else before
    assert pages == [[7, 6, 5], [4, 3, 2], [1], []]
