"""`juliu models list`, `show`, `rollback`: what became of each training, and back to the version before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Annotated, Literal

import msgspec
import typer
from clickhouse_connect.driver.exceptions import ClickHouseError

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
from recommender.training.measured import Measured
from recommender.training.registry import MOST, ClickHouseRegistry, Entry

Justify = Literal["left", "right"]

app = typer.Typer(no_args_is_help=True)

MEASURES = ("recall@50", "trend.recall@50", "uauc")
COLUMNS: dict[str, Justify] = {
    "": "left", "decided": "left", "decision": "left", "version": "left", "viewers": "right",
    "recall@50": "right", "trend": "right", "uauc": "right", "s": "right",
}  # fmt: skip
REASON = 300  # letters of it; `show` has all


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
def show(version: Annotated[str, typer.Argument(help="as `juliu models list` names it")], json: Json = False) -> None:
    """Everything that is kept of one version.  Exit code: 0, 1 there is none, 3 a server does not answer."""
    found = [entry for entry in _found(MOST)[0] if entry.version == version]
    if not found:
        raise end(f"{version}: no such version among the last {MOST:,}", FOUND_WRONG)
    if json:
        typer.echo(msgspec.json.encode(found).decode())
        return
    for entry in found:
        typer.echo("\n".join(told(entry)))


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


def told(entry: Entry) -> Iterator[str]:
    """A line a fact; numbers with the ends of their 95 % interval."""
    kept = Measured.of_flat(entry.metrics, entry.not_measured)
    yield f"{entry.decision} {words(entry.at_ms)}: {entry.version or 'nothing'}; before: {entry.before or 'nothing'}"
    if entry.reason:
        yield f"because: {entry.reason}"
    if entry.overruled:
        yield f"overruled by a person: {entry.overruled}"
    if entry.snapshot:
        yield f"learnt from {words(entry.since_ms)} to {words(entry.as_of_ms)}, snapshot {entry.snapshot}"
    yield (
        f"{entry.watches:,} watches, {entry.pairs:,} pairs; {entry.viewers:,} viewers, {entry.dramas:,} dramas,"
        f" {entry.lists:,} with a list, {entry.bytes / 1e6:.1f} MB"
    )
    for name, value in kept.values.items():
        ends = kept.intervals.get(name)
        yield f"  {name:24}{value:12.4f}" + (f"   {ends[0]:.4f} to {ends[1]:.4f}" if ends else "")
    yield from (f"  {name:24} not measured: {why}" for name, why in kept.missing.items())
    yield "seconds: " + (", ".join(f"{name} {value:g}" for name, value in entry.seconds.items()) or "-")
    yield f"weights: {entry.weights or '-'}"
    yield f"limits: {entry.limits or '-'}"
    yield "software: " + (", ".join(f"{name} {value}" for name, value in entry.software.items()) or "-")


def _show(found: Sequence[Entry], current: str) -> None:
    if not found:
        typer.echo("No training was decided yet.")
        return
    table = wide.table(caption="* what readers have now; times are of Asia/Shanghai; all of one: juliu models show")
    for name, justify in COLUMNS.items():
        table.add_column(name, justify=justify, no_wrap=name == "version")
    for entry in found:
        served = "*" if entry.version and entry.version == current else ""
        row = [served, words(entry.at_ms), entry.decision, entry.version, f"{entry.viewers:,}"]
        numbers = [f"{entry.metrics[name]:.3f}" if name in entry.metrics else "" for name in MEASURES]
        table.add_row(*row, *numbers, f"{sum(entry.seconds.values()):.1f}")
    wide.show(table)
    for entry in found:
        if why := _why(entry):
            typer.echo(f"{words(entry.at_ms)} {entry.decision}: {why[:REASON]}")


def _why(entry: Entry) -> str:
    return f"overruled: {entry.overruled}" if entry.overruled else entry.reason
