"""Money in MySQL under many threads, what its constraints refuse, and what `juliu ledger check` finds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError
from typer.testing import CliRunner, Result

from domain import events
from domain.events import SERVER_SESSION, Refunded, Unlocked
from infra.money.keyed import KEPT_MS, PRUNED_EVERY
from infra.money.refunds import Sold
from infra.money.unlocks import Unlocks, Wanted
from infra.money.wallet import Balance, RefTaken
from infra.mysql.engine import engine_of
from infra.mysql.migrate import migrate
from infra.settings import Settings
from juliu.cli import app_for
from juliu.ledger.check import check
from tests.money_rig import PRICE, TERMS, Viewers, assert_all_adds_up, now_ms, rows, stock

pytestmark = pytest.mark.servers
USER, DRAMA = 7, 3
OPERATIONS, THREADS = 10_000, 8


@pytest.fixture
def engine(fresh: Settings, tmp_path: Path) -> Iterator[Engine]:
    """A shop of its own."""
    migrate(fresh)
    made = engine_of(fresh, pool=THREADS)
    stock(made, tmp_path)
    yield made
    made.dispose()


@pytest.fixture
def viewers(engine: Engine) -> Viewers:
    return Viewers(engine, seed=20_261_124)


def unlock(viewers: Viewers, episode_no: int = 5, key: str = "k", way: Any = "episode") -> Any:
    wanted = Wanted(DRAMA, episode_no, way, TERMS.version)
    return viewers.unlocks.unlock(USER, wanted, key, hashlib.sha256(repr(wanted).encode()).digest())


def tell(engine: Engine, statement: str) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text(statement))


# -- many at once ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("keys", [1, 50], ids=["one key", "a key each"])
def test_fifty_at_once_are_one_debit_one_entitlement_and_one_event(engine: Engine, viewers: Viewers, keys: int):
    viewers.wallet.credit(USER, 1_000, "test", "r")
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda n: unlock(viewers, key=f"k{n % keys}"), range(50)))
    assert len({(one.balance, one.entitlement, one.coins) for one in answers}) == 1
    assert [one.repeated for one in answers].count(False) == 1
    found = check(engine)
    assert found.ok
    assert (found.totals["debits"], found.totals["debited_coins"], found.totals["entitlements"]) == (1, PRICE, 1)
    assert rows(engine, "SELECT COUNT(*) FROM outbox") == 1


def test_one_ref_told_by_fifty_at_once_credits_one_of_them(engine: Engine, viewers: Viewers):
    def credit(n: int) -> str:
        try:
            viewers.wallet.credit(1 + n % 5, 10, "test", "r")
        except RefTaken:
            return "taken"
        return "done"

    with ThreadPoolExecutor(50) as pool:
        assert list(pool.map(credit, range(50))).count("done") == 10
    found = check(engine)
    assert (found.ok, found.totals["credited_coins"], found.totals["paid"]) == (True, 10, 10)


@pytest.mark.slow
def test_ten_thousand_random_operations_by_a_hundred_viewers_on_eight_threads_add_up(engine: Engine, viewers: Viewers):
    viewers.go(OPERATIONS, THREADS)
    assert_all_adds_up(engine, viewers)
    assert set(viewers.outcomes) == {
        "credited", "bought", "repeated", "free", "NotEnough", "PriceChanged",
        "refunded", "NothingToRefund", "WholeIsOpen",
    }  # fmt: skip


# -- what time and refunds do -----------------------------------------------------------------------------------------


def test_keys_are_forgotten_after_a_week(engine: Engine):
    clock = [now_ms()]
    viewers = Viewers(engine, seed=1)
    viewers.unlocks = Unlocks(engine, lambda: clock[0])
    viewers.wallet.credit(USER, 1_000, "test", "r")
    unlock(viewers, key="old")
    clock[0] += KEPT_MS
    kept = "SELECT COUNT(*) FROM idempotency_keys WHERE idempotency_key = 'old'"
    for n in range(PRUNED_EVERY):
        unlock(viewers, key=f"kept-{n}")
    assert rows(engine, kept) == 1
    clock[0] += 1
    for n in range(PRUNED_EVERY):
        unlock(viewers, key=f"late-{n}")
    assert rows(engine, kept) == 0
    assert unlock(viewers, key="old").repeated
    assert check(engine).totals["debits"] == 1


def test_what_is_owed_is_paid_by_the_next_coins(engine: Engine, viewers: Viewers):
    viewers.wallet.credit(USER, 100, "test", "r1")
    tell(
        engine,
        "INSERT INTO ledger_entries (user_id, entry_no, pot, amount, counter_account, prev_no, follows_no,"
        " balance_before, balance_after, kind, ref, drama_id, episode_no, at_ms)"
        f" VALUES ({USER}, 2, 'debt', 30, 'refunds', NULL, 0, 0, 30, 'refund', 'x', 0, 0, 0)",
    )
    tell(engine, f"UPDATE accounts SET debt = 30, debt_no = 2, entry_no = 2 WHERE user_id = {USER}")
    assert viewers.wallet.credit(USER, 50, "test", "r2", "bonus") == Balance(100, 20, 0)
    assert check(engine).differences == []


# -- the event ---------------------------------------------------------------------------------------------------------


def test_the_outbox_has_the_record_as_the_log_takes_it(engine: Engine, viewers: Viewers):
    viewers.wallet.credit(USER, 5, "test", "r1", "bonus")
    viewers.wallet.credit(USER, 100, "test", "r2")
    unlock(viewers)
    unlock(viewers, key="k2", way="drama", episode_no=6)
    with engine.connect() as connection:
        first, second = connection.execute(
            sa.text("SELECT seq, shard, value, published_ms FROM outbox ORDER BY id")
        ).all()
        index = connection.scalar(sa.text(f"SELECT dense_index FROM dramas WHERE drama_id = {DRAMA}"))
    event, whole = events.decode(bytes(first.value)), events.decode(bytes(second.value))
    assert isinstance(event, Unlocked)
    assert isinstance(whole, Unlocked)
    assert (event.user_id, event.session_id, event.drama_id, event.drama_index) == (USER, SERVER_SESSION, DRAMA, index)
    assert (event.episode_no, event.bonus_coins, event.paid_coins, event.price_version) == (5, 5, 2, TERMS.version)
    assert event.at_ms == event.ts_ms == event.received_at_ms > 0
    assert not event.late
    assert (whole.episode_no, whole.paid_coins + whole.bonus_coins) == (0, TERMS.drama_coins({5}))
    assert [(row.seq, row.shard, row.published_ms) for row in (first, second)] == [
        (1, USER % 64, None),
        (2, USER % 64, None),
    ]
    assert (event.seq, whole.seq) == (1, 2)


def test_a_refund_is_told_with_what_came_back(engine: Engine, viewers: Viewers):
    viewers.wallet.credit(USER, 5, "test", "r1", "bonus")
    viewers.wallet.credit(USER, 100, "test", "r2")
    unlock(viewers)
    viewers.refunds.refund(Sold(USER, DRAMA, 5), "o", "test")
    with engine.connect() as connection:
        unlocked, refunded = map(
            events.decode, map(bytes, connection.scalars(sa.text("SELECT value FROM outbox ORDER BY id")))
        )
    assert isinstance(refunded, Refunded)
    same = (
        "user_id",
        "session_id",
        "drama_id",
        "drama_index",
        "episode_no",
        "paid_coins",
        "bonus_coins",
        "price_version",
    )
    assert [getattr(refunded, name) for name in same] == [getattr(unlocked, name) for name in same]
    assert (unlocked.seq, refunded.seq) == (1, 2)
    assert refunded.paid_coins + refunded.bonus_coins == PRICE
    assert rows(engine, "SELECT COUNT(*) FROM ledger_entries WHERE kind = 'refund' AND ref = 'o'") == 2
    assert check(engine).ok


def test_a_refund_to_who_owes_pays_the_debt_first(engine: Engine, viewers: Viewers):
    viewers.wallet.credit(USER, PRICE, "test", "r1")
    unlock(viewers)
    tell(
        engine,
        "INSERT INTO ledger_entries (user_id, entry_no, pot, amount, counter_account, prev_no, follows_no,"
        " balance_before, balance_after, kind, ref, drama_id, episode_no, at_ms)"
        f" VALUES ({USER}, 3, 'debt', 3, 'refunds', NULL, 0, 0, 3, 'refund', 'x', 0, 0, 0)",
    )
    tell(engine, f"UPDATE accounts SET debt = 3, debt_no = 3, entry_no = 3 WHERE user_id = {USER}")
    done = viewers.refunds.refund(Sold(USER, DRAMA, 5), "o", "test")
    assert (done.balance, done.paid) == (Balance(PRICE - 3, 0, 0), PRICE)
    assert check(engine).differences == []


# -- constraints -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_entries SET amount = amount + 1 WHERE entry_no = 1",
        "UPDATE ledger_entries SET amount = amount + 1, balance_after = balance_after + 1 WHERE entry_no = 1",
        "DELETE FROM ledger_entries WHERE entry_no = 1",
        "UPDATE accounts SET paid = -1",
        "UPDATE accounts SET user_id = user_id + 1",
        "UPDATE outbox SET seq = 2 WHERE seq = 1",
        "INSERT INTO outbox (user_id, seq, shard, value, created_ms) SELECT user_id, seq, shard, value, 0 FROM outbox",
    ],
)
def test_mysql_itself_refuses(engine: Engine, viewers: Viewers, statement: str):
    viewers.wallet.credit(USER, 100, "test", "r1")
    unlock(viewers)
    unlock(viewers, episode_no=6, key="k2")
    with pytest.raises(DBAPIError):
        tell(engine, statement)
    assert check(engine).ok


# -- the check ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("broken", "rules"),
    [
        ("UPDATE accounts SET paid = paid + 1", {"balances are the sums of entries", "both sides add up to 0"}),
        ("UPDATE accounts SET entry_no = entry_no + 1", {"entries are numbered without gaps"}),
        ("UPDATE entitlements SET coins = coins - 1 WHERE episode_no = 5",
         {"debits are what entitlements cost", "episodes of one price version cost the same"}),
        ("DELETE FROM entitlements WHERE episode_no = 6", {"debits are what entitlements cost"}),
        ("UPDATE credits SET coins = coins + 1", {"entries are what was credited"}),
        ("DELETE FROM outbox WHERE seq = 2", {"events are numbered without gaps"}),
        ("UPDATE refunds SET paid = paid + 1",
         {"debits are what entitlements cost", "entries are what was refunded",
          "what came back is of the kinds that paid"}),
        ("UPDATE refunds SET paid = paid - 1, bonus = bonus + 1", {"what came back is of the kinds that paid"}),
        ("UPDATE refunds SET order_id = 'p'", {"entries are what was refunded"}),
        ("INSERT INTO entitlements SELECT user_id, drama_id, 8, 0, coins, price_version, 0 FROM entitlements"
         " WHERE episode_no = 5", {"debits are what entitlements cost"}),
        ("UPDATE accounts SET server_seq = 2", {"events are numbered without gaps", "every entitlement was told"}),
        ("UPDATE ledger_entries SET drama_id = drama_id + 1 WHERE entry_no = 2", {"debits are what entitlements cost"}),
    ],
)  # fmt: skip
def test_the_check_finds(engine: Engine, viewers: Viewers, broken: str, rules: set[str]):
    viewers.wallet.credit(USER, 100, "test", "r1")
    for episode_no in (5, 6, 7):
        unlock(viewers, episode_no, key=f"k{episode_no}")
    unlock(viewers, 8, key="k8")
    viewers.refunds.refund(Sold(USER, DRAMA, 8), "o", "test")
    assert check(engine).ok
    tell(engine, broken)
    assert {one.rule for one in check(engine).differences} == rules


def test_what_was_sent_and_removed_from_the_outbox_is_no_difference(engine: Engine, viewers: Viewers):
    viewers.wallet.credit(USER, 100, "test", "r1")
    for episode_no in (5, 6, 7):
        unlock(viewers, episode_no, key=f"k{episode_no}")
    tell(engine, "DELETE FROM outbox WHERE seq <= 2")
    assert check(engine).ok
    tell(engine, "DELETE FROM outbox")
    assert check(engine).ok


# -- the commands ------------------------------------------------------------------------------------------------------


def juliu(settings: Settings, *words: str) -> Result:
    environment = {"JULIU_MYSQL_URL": settings.mysql_url.get_secret_value()}
    return CliRunner().invoke(app_for(words[0]), list(words), env=environment)


def credit(settings: Settings, *more: str, user: int = USER, ref: str = "R") -> Result:
    return juliu(
        settings, "wallet", "credit", "--user", str(user), "--coins", "30", "--why", "a gift", "--ref", ref, *more
    )


def test_a_credit_by_hand_is_made_once_a_ref(fresh: Settings, engine: Engine):
    for _ in range(2):
        done = credit(fresh, "--json")
        assert (done.exit_code, json.loads(done.stdout)) == (0, {"user_id": USER, "paid": 30, "bonus": 0, "debt": 0})
    assert credit(fresh, user=USER + 1).exit_code == 1
    assert credit(fresh, "--bonus").exit_code == 1
    assert credit(fresh, "--bonus", ref="S").exit_code == 0
    assert credit(fresh, ref="two words").exit_code == 2
    shown = json.loads(juliu(fresh, "wallet", "show", "--user", str(USER), "--json").stdout)
    assert [(entry["pot"], entry["amount"]) for entry in shown["entries"]] == [("bonus", 30), ("paid", 30)]
    assert "30 paid and 30 bonus" in juliu(fresh, "wallet", "show", "--user", str(USER)).stdout


def refund(settings: Settings, *more: str, episode: int = 5, order: str = "o") -> Result:
    which = ("--user", str(USER), "--drama", str(DRAMA), "--episode", str(episode))
    return juliu(settings, "wallet", "refund", *which, "--order", order, "--why", "a complaint", *more)


def test_a_refund_by_hand_is_made_once_an_order(fresh: Settings, engine: Engine, viewers: Viewers):
    viewers.wallet.credit(USER, 5, "test", "r1", "bonus")
    viewers.wallet.credit(USER, 100, "test", "r2")
    assert refund(fresh).exit_code == 1
    unlock(viewers)
    told = {"user_id": USER, "refunded_paid": PRICE - 5, "refunded_bonus": 5, "paid": 100, "bonus": 5, "debt": 0}
    for repeated in (False, True):
        done = refund(fresh, "--json")
        assert (done.exit_code, json.loads(done.stdout)) == (0, told | {"repeated": repeated})
    assert "was refunded before" in refund(fresh).stdout
    again = refund(fresh, order="another")
    assert (again.exit_code, "has not unlocked this" in again.output) == (1, True)
    assert refund(fresh, episode=6).exit_code == 1
    assert refund(fresh, order="two words").exit_code == 2
    shown = json.loads(juliu(fresh, "wallet", "show", "--user", str(USER), "--json").stdout)
    assert [(e["kind"], e["pot"], e["amount"]) for e in shown["entries"][:2]] == [
        ("refund", "bonus", 5), ("refund", "paid", PRICE - 5),
    ]  # fmt: skip
    assert json.loads(juliu(fresh, "ledger", "check", "--json").stdout)["totals"]["refunds"] == 1


def test_the_check_by_hand_says_what_differs_and_ends_in_1(fresh: Settings, engine: Engine, viewers: Viewers):
    viewers.wallet.credit(USER, 100, "test", "r1")
    unlock(viewers)
    fine = juliu(fresh, "ledger", "check", "--json")
    assert (fine.exit_code, json.loads(fine.stdout)["ok"], json.loads(fine.stdout)["totals"]["debits"]) == (0, True, 1)
    assert "adds up" in juliu(fresh, "ledger", "check").stdout
    tell(engine, "UPDATE accounts SET paid = paid + 1")
    wrong = juliu(fresh, "ledger", "check", "--json")
    assert wrong.exit_code == 1
    assert {one["user_id"] for one in json.loads(wrong.stdout)["differences"]} == {0, USER}
    assert "balances are the sums" in juliu(fresh, "ledger", "check").stdout


def test_a_mysql_that_is_away_ends_in_3_and_tells_no_secret(fresh: Settings):
    away = fresh.model_copy(
        update={"mysql_url": type(fresh.mysql_url)("mysql+pymysql://juliu:secret-word@127.0.0.1:1/juliu")}
    )
    for words in (
        ("ledger", "check"),
        ("wallet", "show", "--user", "1"),
        ("wallet", "refund", "--user", "1", "--drama", "1", "--episode", "1", "--order", "o", "--why", "w"),
    ):
        done = juliu(away, *words)
        assert (done.exit_code, "secret-word" in done.output) == (3, False)
