"""What the demo reports: numbers for programs (demo-report.json), tables for people."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Column, Table

from juliu.demo.shop import Sales
from juliu.demo.timed import Timed
from juliu.load.client import Sent


@dataclass(frozen=True)
class Answer:
    """One question of an analyst: its SQL, and the first rows of the answer."""

    question: str
    sql: str
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]


@dataclass
class Report(Timed):
    """The demo's outcome; 0 and False until the step that finds out."""

    days: int
    events_sent: int = 0
    events_accepted: int = 0
    rows_stored: int = 0
    rows_distinct: int = 0
    redis_equal: bool = False
    clickhouse_equal: bool = False
    feeds: int = 0
    feed_hit_rate: float = 0.0
    hot_hit_rate: float = 0.0
    also_watched_hit_at_10: float = 0.0
    also_watched_asked: int = 0
    feed_opens: int = 0
    feed_repeats: int = 0
    unlocks: int = 0
    ledger_debits: int = 0
    unlock_rows: int = 0
    unlocks_redis: int = 0
    unlocks_equal: bool = False
    requests: int = 0
    requests_sent_again: int = 0
    differences: list[str] = field(default_factory=list)  # the first few, in words
    answers: list[Answer] = field(default_factory=list)

    @property
    def events_per_s(self) -> float:
        """Events accepted in a second of replaying."""
        return self.events_accepted / max(self.seconds.get("replay", 0.0), 1e-3)

    @property
    def all_equal(self) -> bool:
        """Everything sent was accepted, both stores hold exactly that, and so it is with every unlock."""
        stores = self.redis_equal and self.clickhouse_equal and self.unlocks_equal
        return stores and self.events_sent == self.events_accepted > 0

    @property
    def good(self) -> bool:
        """All numbers are equal, and no feed repeated itself."""
        return self.all_equal and self.feed_opens > 0 and not self.feed_repeats

    def add(self, sent: Sent) -> None:
        """One part was sent."""
        self.requests += sent.requests
        self.requests_sent_again += sent.again
        self.events_accepted += sent.accepted
        self.differences += [f"rejected: {answer}" for answer in sent.rejections]

    def sold(self, sales: Sales) -> None:
        """What the shop's proof found."""
        self.unlocks, self.ledger_debits = sales.unlocks, sales.ledger_debits
        self.unlock_rows, self.unlocks_redis, self.unlocks_equal = sales.unlock_rows, sales.unlocks_redis, sales.equal
        self.differences += sales.wrong

    def opened(self, opens: int, repeated: Sequence[tuple[int, int, int]]) -> None:
        """So many pages were asked for; (viewer, open, drama) of what came again."""
        self.feed_opens, self.feed_repeats = opens, len(repeated)
        self.differences += [f"viewer {one[0]} got drama {one[2]} again at open {one[1]}" for one in repeated[:3]]

    def write(self, path: Path) -> None:
        """Replace the file at `path`."""
        path.write_text(self.as_json() + "\n", encoding="utf-8")

    def as_json(self) -> str:
        """The document of demo-report.json."""
        return json.dumps(
            {**asdict(self), "events_per_s": round(self.events_per_s)}, ensure_ascii=False, indent=1, default=str
        )


def show(report: Report, console: Console) -> None:
    """Print the tables."""
    for answer in report.answers:
        _print(console, answer.question, _answer(answer))
        console.print(answer.sql + "\n", style="dim", highlight=False, markup=False)
    viewers = f"Would they have watched it?  {report.feeds:,} viewers, 10 dramas each, asked before their day"
    _print(console, viewers, _quality(report))
    again = f"{report.feed_repeats:,} dramas came again in {report.feed_opens:,} openings, or had been seen before"
    console.print(again, style="bold red" if report.feed_repeats else "green", highlight=False)
    rate = f"{report.requests:,} requests, {report.events_per_s:,.0f} events/s while replaying"
    _print(console, f"How long did it take?  {rate}", _times(report))
    _print(console, "Counted once?", _equality(report))
    _print(console, "Paid once?", _money(report))
    for difference in report.differences:
        console.print(difference, style="red", markup=False)


def _print(console: Console, title: str, table: Table) -> None:
    console.print(f"\n{title}", style="bold", highlight=False, markup=False)
    console.print(table)


def _answer(answer: Answer) -> Table:
    table = Table(*answer.columns)
    for row in answer.rows:
        table.add_row(*(f"{cell:,.2f}" if isinstance(cell, float) else str(cell) for cell in row))
    return table


def _quality(report: Report) -> Table:
    table = Table("list", Column("viewers with a hit", justify="right"))
    table.add_row("their feed", f"{report.feed_hit_rate:.1%}")
    table.add_row("the hot list", f"{report.hot_hit_rate:.1%}")
    table.add_row("people also watched", f"{report.also_watched_hit_at_10:.1%}")
    return table


def _equality(report: Report) -> Table:
    table = Table("", Column("events", justify="right"), "equal")
    table.add_row("sent", f"{report.events_sent:,}", "")
    table.add_row(
        "accepted by the API", f"{report.events_accepted:,}", _mark(report.events_accepted == report.events_sent)
    )
    table.add_row("rows in ClickHouse", f"{report.rows_stored:,}", _mark(report.clickhouse_equal))
    table.add_row("distinct of them", f"{report.rows_distinct:,}", _mark(report.rows_distinct == report.events_sent))
    table.add_row("counters in Redis, of every drama", "", _mark(report.redis_equal))
    return table


def _money(report: Report) -> Table:
    table = Table("", Column("unlocks", justify="right"), "equal")
    table.add_row("answered by the API, every tap twice", f"{report.unlocks:,}", "")
    for name, found in (
        ("debits in the ledger (MySQL)", report.ledger_debits),
        ("rows in ClickHouse", report.unlock_rows),
        ("counted in Redis", report.unlocks_redis),
    ):
        table.add_row(name, f"{found:,}", _mark(found == report.unlocks > 0))
    return table


def _times(report: Report) -> Table:
    table = Table("step", Column("seconds", justify="right"))
    for name, seconds in report.seconds.items():
        table.add_row(name.replace("_", " "), f"{seconds:,.1f}")
    return table


def _mark(equal: bool) -> str:
    return "[green]yes[/green]" if equal else "[bold red]NO[/bold red]"
