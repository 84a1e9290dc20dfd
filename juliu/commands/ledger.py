"""`juliu ledger check`: whether every coin is accounted for."""

from __future__ import annotations

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from infra.mysql.engine import engine_of
from infra.settings import load
from juliu.commands.json_option import Json
from juliu.commands.trouble import FOUND_WRONG, told
from juliu.ledger.check import Account
from juliu.ledger.check import check as checked

ANSWER_S = 600  # it reads all of the ledger

app = typer.Typer(no_args_is_help=True)


@app.callback()
def ledger() -> None:
    """Every coin, accounted for."""


@app.command("check")
def check(json: Json = False) -> None:
    """Check chains, balances, debits against entitlements and prices, credits, refunds, and the numbers of events.

    Reads all of it as of one moment and changes nothing.  Exit code: 0 all adds up, 1 differences, 3 MySQL is away.
    """
    engine = engine_of(load(), pool=1, answer_s=ANSWER_S)
    try:
        with told("not checked"):
            account = checked(engine)
    finally:
        engine.dispose()
    if json:
        told_as = {"ok": account.ok, **msgspec.to_builtins(account)}
        typer.echo(msgspec.json.encode(told_as).decode())
    else:
        _show(account)
    if not account.ok:
        raise typer.Exit(FOUND_WRONG)


def _show(account: Account) -> None:
    console = Console()
    table = Table(title="The ledger", title_justify="left")
    table.add_column("what")
    table.add_column("now", justify="right")
    for name, number in account.totals.items():
        table.add_row(name.replace("_", " "), f"{number:,}")
    for name, coins in account.counter_accounts.items():
        table.add_row(f"counter account {name}", f"{coins:,}")
    console.print(table)
    typer.echo("All of it adds up." if account.ok else f"{len(account.differences)} differences:")
    for one in account.differences:
        typer.echo(f"- {one.rule}: viewer {one.user_id}: {one.found}, expected {one.expected}")
