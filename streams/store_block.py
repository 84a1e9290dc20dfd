"""One block on its way into the store of rows: what its records become, and in which order that is sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from domain import fences
from domain.blocks import Block
from domain.events import AnyEvent
from domain.rows import LATE, NEW, SEEN, TOO_OLD
from infra.clickhouse.row_store import Insert, RowStore, Stored, Table, month
from streams.group import Moved
from streams.records import Record

Read = tuple[Record, AnyEvent | None]  # a record and its event; None for a pulse and for poison that is in juliu.dead


class Content(NamedTuple):
    """What a block puts into the store."""

    inserts: list[Insert]
    stored: Stored


def content(p: int, block: Block, read: Sequence[Read], verdicts: Sequence[int], poison: int) -> Content:
    """What the block's records become by their verdicts (domain.rows): rows of events, of late_events, or nothing."""
    rows = [pair for pair, verdict in zip(read, verdicts, strict=True) if verdict == NEW]
    late = [pair for pair, verdict in zip(read, verdicts, strict=True) if verdict in (TOO_OLD, LATE)]
    inserts = [*_by_month("events", p, block, rows), *_by_month("late_events", p, block, late)]
    return Content(inserts, Stored(rows=len(rows), late=len(late), repeats=list(verdicts).count(SEEN), poison=poison))


def _by_month(table: Table, p: int, block: Block, kept: Sequence[Read]) -> list[Insert]:
    """One insert for each month of receipt, so that each lands whole or not at all."""
    times = [event.received_at_ms for _, event in kept if event is not None]
    if not times:
        return []
    rows = [(record.offset, record.value or b"") for record, _ in kept]
    if (only := month(min(times))) == month(max(times)):  # nearly always
        return [Insert(table, p, block, only, rows)]
    positions = fences.inserts([month(at_ms) for at_ms in times])
    return [Insert(table, p, block, each, [rows[at] for at in found]) for each, found in positions.items()]


async def write(store: RowStore, p: int, block: Block, what: Content, doubt: bool) -> None:
    """Rows, then the `blocks` row.  Raises Wait; Moved where somebody else has stored the block meanwhile.

    In `doubt`, what is there already is not sent again.
    """
    for insert in what.inserts:
        if fences.must_ask(doubt, len(insert.rows)) and await store.holds(insert):
            continue
        if not await store.insert(insert):
            raise Moved(f"{block.first}-{block.last} is not the next block any more")
    if not await store.close(p, block, what.stored):
        raise Moved(f"{block.first}-{block.last} was closed by somebody else")
