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

Events = Sequence[AnyEvent | None]  # of a block's records; None for a pulse, and for poison that is in juliu.dead


class Content(NamedTuple):
    """What a block puts into the store."""

    inserts: list[Insert]
    stored: Stored


def content(p: int, taken: Sequence[Record], read: Events, verdicts: list[int], poison: int) -> Content:
    """What a block's records become by their verdicts (domain.rows): rows of events, of late_events, or nothing."""
    months, block = _months(read), Block(taken[0].offset, taken[-1].offset)
    rows = [at for at, verdict in enumerate(verdicts) if verdict == NEW]
    late = [at for at, verdict in enumerate(verdicts) if verdict in (TOO_OLD, LATE)]
    tables: tuple[tuple[Table, list[int]], ...] = (("events", rows), ("late_events", late))
    inserts = [
        Insert(table, p, block, each, [(taken[at].offset, taken[at].value or b"") for at in found])
        for table, kept in tables
        for each, found in _by_month(kept, months).items()
    ]
    return Content(inserts, Stored(rows=len(rows), late=len(late), repeats=verdicts.count(SEEN), poison=poison))


def _months(read: Events) -> list[int]:
    """The month of receipt of each record; of one only where all are of the same, as nearly always."""
    times = [event.received_at_ms for event in read if event is not None]
    if not times or month(min(times)) == (only := month(max(times))):
        return [only] if times else []
    return [0 if event is None else month(event.received_at_ms) for event in read]


def _by_month(kept: list[int], months: list[int]) -> dict[int, list[int]]:
    """The positions that were kept, by month of receipt: an insert each, so that each lands whole or not at all."""
    if len(months) <= 1 or not kept:
        return {months[0]: kept} if kept else {}
    found = fences.inserts([months[at] for at in kept])
    return {each: [kept[i] for i in positions] for each, positions in found.items()}


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
