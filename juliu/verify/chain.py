"""The chain of blocks of one partition, and the rows that each block says it put into `events` and `late_events`."""
# ruff: noqa: S608 - tables and conditions are constants; values travel as query parameters

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from clickhouse_connect.driver.client import Client

from juliu.verify.found import Report
from streams.store_block import TABLES

AT_ONCE = 20_000  # blocks whose rows are counted with one scan

PAGE = """
SELECT first, last, records, rows, late, repeats, poison, at < now() - INTERVAL 13 MONTH FROM blocks
WHERE partition = {p:UInt16} AND first >= {from:UInt64} AND last <= {to:UInt64} ORDER BY first LIMIT {n:UInt32}
"""
# by block: rows, different offsets among them, and rows that lie behind the block's end, where no block is
ROWS = {
    table: f"""
SELECT b.first, count(), uniqExact(r.offset), countIf(r.offset > b.last)
FROM (SELECT partition, offset FROM {table}
    WHERE partition = {{p:UInt16}} AND offset BETWEEN {{from:UInt64}} AND {{to:UInt64}}) AS r
ASOF JOIN (SELECT partition, first, last FROM blocks
    WHERE partition = {{p:UInt16}} AND first BETWEEN {{from:UInt64}} AND {{to:UInt64}}) AS b
ON r.partition = b.partition AND r.offset >= b.first
GROUP BY b.first
"""
    for table in TABLES
}


class StoredBlock(NamedTuple):
    """A row of `blocks`."""

    first: int
    last: int
    records: int
    rows: int
    late: int
    repeats: int
    poison: int
    expired: int  # its rows are older than `events` keeps any

    def __str__(self) -> str:
        return f"block {self.first}-{self.last}"


class Span(NamedTuple):
    """Offsets that are looked at, both inside; `whole` where that is everything up to the block fence."""

    first: int
    last: int
    whole: bool


def blocks(client: Client, p: int, span: Span) -> Iterator[list[StoredBlock]]:
    """The blocks inside the span, in pages of AT_ONCE."""
    at = span.first
    while at <= span.last:
        asked = {"p": p, "from": at, "to": span.last, "n": AT_ONCE}
        page = [StoredBlock(*map(int, row)) for row in client.query(PAGE, asked).result_rows]
        if not page:
            return
        yield page
        at = page[-1].first + 1


def check(client: Client, p: int, span: Span, report: Report) -> tuple[int, int]:
    """Blocks follow each other without a hole and say what they put in; how many blocks, how many rows of `events`."""
    count = rows = 0
    before: int | None = span.first - 1 if span.whole else None
    for page in blocks(client, p, span):
        for block in page:
            _follows(p, block, before, report)
            _adds_up(p, block, report)
            before = max(before if before is not None else -1, block.last)
        rows += _rows(client, p, page, report)
        count += len(page)
    return count, rows


def _follows(p: int, block: StoredBlock, before: int | None, report: Report) -> None:
    if before is None or block.first == before + 1:
        return
    if block.first > before + 1:
        report.differs("block missing", p, f"offsets {before + 1}-{block.first - 1}", "no block", "a block")
    else:
        report.differs("blocks overlap", p, str(block), f"begins at {block.first}", f"{before + 1}")


def _adds_up(p: int, block: StoredBlock, report: Report) -> None:
    length, told = block.last - block.first + 1, block.rows + block.late + block.repeats + block.poison
    if block.records != length or told > length:
        report.differs("block adds up", p, str(block), f"{block.records} records, {told} told", f"{length} records")


def _rows(client: Client, p: int, page: list[StoredBlock], report: Report) -> int:
    """Compare the rows of a page's blocks; how many of `events` there are."""
    asked = {"p": p, "from": page[0].first, "to": page[-1].last}
    total = 0
    for table, rule in zip(TABLES, ("rows", "late rows"), strict=True):
        found = {int(first): tuple(map(int, rest)) for first, *rest in client.query(ROWS[table], asked).result_rows}
        for block in {each.first: each for each in page}.values():
            there, different, stray = found.get(block.first, (0, 0, 0))
            said = block.rows if table == "events" else block.late
            if there - stray != said and not block.expired:
                report.differs(f"{rule} of a block", p, str(block), there - stray, said)
            if there != different:
                report.differs(f"{rule} twice", p, str(block), f"{there - different} offsets again", "each once")
            if stray:
                report.differs(f"{rule} in no block", p, f"behind {block}", stray, 0)
            total += there if table == "events" else 0
    return total
