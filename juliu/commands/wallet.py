"""`juliu wallet credit`, `refund`, `show`: coins for a viewer, an unlock taken back, and what a viewer has."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlalchemy.engine import Engine

from domain.events import MAX_ID
from infra.money.refunds import CostUnknown, NothingToRefund, OrderTaken, Refund, Refunds, Sold, WholeIsOpen
from infra.money.unlocks import MoneyUnavailable
from infra.money.wallet import Balance, Entry, RefTaken, Wallet
from infra.mysql.engine import engine_of
from infra.settings import load
from juliu.commands.json_option import Json
from juliu.commands.trouble import SERVER_TROUBLE, end, told

REF_TAKEN, REFUSED, BAD_WORDS = 1, 1, 2
MOST_COINS = 2**31 - 1  # at a time: an event says at most so many
MOST_WHY = 200
REF = re.compile(r"[!-~]{1,64}")

app = typer.Typer(no_args_is_help=True)
User = Annotated[int, typer.Option(min=1, max=MAX_ID - 1, help="the viewer")]


@app.command("credit")
def credit(
    *,
    user: User,
    coins: Annotated[int, typer.Option(min=1, max=MOST_COINS, help="how many")],
    why: Annotated[str, typer.Option(help="for whoever reads the ledger")],
    ref: Annotated[str, typer.Option(help="names this credit: 1..64 printable characters without spaces")],
    bonus: Annotated[bool, typer.Option("--bonus", help="bonus coins instead of paid ones")] = False,
    json: Json = False,
) -> None:
    """Give a viewer coins, once per --ref: repeat the command as often as you like.  What is owed is paid first.

    Exit code: 0 done, now or before; 1 --ref is of another credit; 2 bad words; 3 MySQL does not answer, repeat it.
    """
    if not REF.fullmatch(ref) or not why.strip() or len(why) > MOST_WHY:
        raise end(f"--ref: 1..64 printable ASCII characters without spaces; --why: 1..{MOST_WHY} characters", BAD_WORDS)
    with _wallet("not certain to be credited: repeat this command with the same --ref") as wallet:
        try:
            balance = wallet.credit(user, coins, why, ref, "bonus" if bonus else "paid")
        except RefTaken as error:
            raise end(
                f"--ref {ref} is of another credit (viewer, coins or kind): nothing was done", REF_TAKEN
            ) from error
    typer.echo(_as_json({"user_id": user, **_coins(balance)}) if json else f"viewer {user} has {_words(balance)}")


@app.command("refund")
def refund(
    *,
    user: User,
    drama: Annotated[int, typer.Option(min=1, max=MAX_ID - 1, help="the drama that was unlocked")],
    episode: Annotated[int, typer.Option(min=0, max=100_000, help="the episode; 0: the drama as a whole")],
    order: Annotated[str, typer.Option(help="names this refund: 1..64 printable characters without spaces")],
    why: Annotated[str, typer.Option(help="for whoever reads the ledger")],
    json: Json = False,
) -> None:
    """Take an unlock back: its coins return in the kinds that paid, and it is locked again; once per --order.

    Repeat the command as often as you like.  Within 2 s the viewer gets no new permission and no key of it.

    Exit code: 0 done, now or before; 1 refused, nothing was done; 2 bad words; 3 MySQL does not answer, repeat it.
    """
    if not REF.fullmatch(order) or not why.strip() or len(why) > MOST_WHY:
        raise end(
            f"--order: 1..64 printable ASCII characters without spaces; --why: 1..{MOST_WHY} characters", BAD_WORDS
        )
    with _engine("not certain to be refunded: repeat this command with the same --order") as engine:
        try:
            done = Refunds(engine, _now_ms).refund(Sold(user, drama, episode), order, why)
        except tuple(REFUSALS) as error:
            raise end(f"{REFUSALS[type(error)]}: nothing was done", REFUSED) from error
    typer.echo(_as_json(_refunded(user, done)) if json else _told(user, done))


REFUSALS: dict[type[Exception], str] = {
    NothingToRefund: "the viewer has not unlocked this, or it was refunded under another --order",
    WholeIsOpen: "the whole drama is unlocked, for less because this episode was: refund --episode 0 first",
    OrderTaken: "--order is of another refund (viewer, drama or episode)",
    CostUnknown: "the ledger and the entitlement differ about what it cost: `juliu ledger check`",
}


@app.command("show")
def show(
    user: User,
    entries: Annotated[int, typer.Option(min=0, max=1_000, help="how many of the latest ledger entries")] = 20,
    json: Json = False,
) -> None:
    """Show a viewer's coins and the latest entries of the ledger."""
    with _wallet("not read") as wallet:
        balance = wallet.balance(user)
        page = wallet.page(user, None, entries) if entries else []
    if json:
        typer.echo(_as_json({"user_id": user, **_coins(balance), "entries": [_entry(entry) for entry in page]}))
        return
    console = Console()
    console.print(f"Viewer {user} has {_words(balance)}.", highlight=False)
    if page:
        console.print(_table(page))


@contextmanager
def _wallet(doing: str) -> Iterator[Wallet]:
    with _engine(doing) as engine:
        yield Wallet(engine, _now_ms)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


@contextmanager
def _engine(doing: str) -> Iterator[Engine]:
    engine = engine_of(load(), pool=1)
    try:
        with told(doing):
            yield engine
    except MoneyUnavailable as error:
        raise end(f"{doing}: MySQL: {error}", SERVER_TROUBLE) from error
    finally:
        engine.dispose()


def _refunded(user: int, done: Refund) -> dict[str, Any]:
    back = {"refunded_paid": done.paid, "refunded_bonus": done.bonus, "repeated": done.repeated}
    return {"user_id": user, **back, **_coins(done.balance)}


def _told(user: int, done: Refund) -> str:
    when = "was refunded before" if done.repeated else "is refunded"
    return f"{done.paid:,} paid and {done.bonus:,} bonus coins: {when}; viewer {user} has {_words(done.balance)}"


def _coins(balance: Balance) -> dict[str, int]:
    return {"paid": balance.paid, "bonus": balance.bonus, "debt": balance.debt}


def _words(balance: Balance) -> str:
    return f"{balance.paid:,} paid and {balance.bonus:,} bonus coins" + (
        f", and owes {balance.debt:,}" if balance.debt else ""
    )


FIELDS = ("entry_no", "at_ms", "kind", "pot", "amount", "balance_after", "drama_id", "episode_no")


def _entry(entry: Entry) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in FIELDS}


def _table(page: list[Entry]) -> Table:
    table = Table(title="The ledger, the latest first", title_justify="left")
    for name in FIELDS:
        table.add_column(name, justify="left" if name in ("kind", "pot") else "right")
    for entry in page:
        table.add_row(*(escape(str(value)) for value in _entry(entry).values()))
    return table


def _as_json(value: Any) -> str:
    return msgspec.json.encode(value).decode()
