"""`juliu models list`, `show`, `rollback`: what became of each training, and back to the version before."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import Annotated

import msgspec
import typer
from clickhouse_connect.driver.exceptions import ClickHouseError
from rich.markup import escape

from infra.clickhouse.client import connect
from infra.settings import load
from juliu.commands import wide
from juliu.commands.json_option import Json
from juliu.commands.moments import words
from juliu.commands.servers import answered
from juliu.commands.trouble import FOUND_WRONG, SERVER_TROUBLE, end
from recommender.errors import Raced, Refused
from recommender.publication.roll_back import roll_back
from recommender.publication.store import RedisRecommendationStore
from recommender.training.registry import MOST, ClickHouseRegistry, Entry

app = typer.Typer(no_args_is_help=True)


@app.callback()
def models() -> None:
    """Trainings of recommendations: list them, show one, go back to the version before."""


@app.command("list")
def list_(most: Annotated[int, typer.Option(min=1, max=MOST, help="how many")] = 20, json: Json = False) -> None:
    """What was published, refused and rolled back, the latest first; * is what readers have now."""
    found, current = _found(most)
    if json:
        typer.echo(msgspec.json.encode({"current": current, "models": found}).decode())
    else:
        _show(found, current)


@app.command("show")
def show(version: Annotated[str, typer.Argument(help="as `juliu models list` names it")]) -> None:
    """Everything that is kept of one version, as JSON.  Exit code: 0, 1 there is none, 3 a server does not answer."""
    found = [entry for entry in _found(MOST)[0] if entry.version == version]
    if not found:
        raise end(f"{version}: no such version among the last {MOST:,}", FOUND_WRONG)
    for entry in found:
        typer.echo(msgspec.json.format(msgspec.json.encode(entry), indent=2).decode())


@app.command("rollback")
def rollback(why: Annotated[str, typer.Option(help="for those who read the list")] = "") -> None:
    """Serve the version before again, at once; doing it again undoes it.

    The next training publishes: until its cause is found, keep `juliu schedule` from training (runbook training.md).
    Exit code: 0 done, 1 there is no whole version before, 3 a server does not answer, or one was published meanwhile.
    """
    with answered("not rolled back"), closing(RedisRecommendationStore.of(load())) as store:
        try:
            entry = roll_back(store, why)
        except Refused as error:
            raise end(f"not rolled back: {error}", FOUND_WRONG) from error
        except Raced as error:
            raise end(f"not rolled back: {error}", SERVER_TROUBLE) from error
    typer.echo(f"readers have {entry.version} again, as of {words(entry.as_of_ms)}; before: {entry.before}")
    _keep(entry)


def _keep(entry: Entry) -> None:
    """The registry is for people; that it does not answer undoes nothing."""
    try:
        with connect(load()) as client:
            ClickHouseRegistry(client).add(entry)
    except (ClickHouseError, OSError) as error:
        typer.echo(f"not in the registry: {str(error)[:200]}", err=True)


def _found(most: int) -> tuple[Sequence[Entry], str]:
    with answered("not listed"), closing(RedisRecommendationStore.of(settings := load())) as store:
        current = store.pointers().current
        with connect(settings) as client:
            return ClickHouseRegistry(client).latest(most), current


def _show(found: Sequence[Entry], current: str) -> None:
    if not found:
        typer.echo("No training was decided yet.")
        return
    table = wide.table(caption="* what readers have now; times are of Asia/Shanghai")
    for name in ("", "decided", "decision", "version", "viewers", "s", "reason"):
        table.add_column(name, justify="right" if name in ("viewers", "s") else "left", no_wrap=name == "version")
    for entry in found:
        served = "*" if entry.version and entry.version == current else ""
        took = f"{sum(entry.seconds.values()):.1f}"
        table.add_row(
            served,
            words(entry.at_ms),
            entry.decision,
            entry.version,
            f"{entry.viewers:,}",
            took,
            escape(entry.reason[:80]),
        )
    wide.show(table)
