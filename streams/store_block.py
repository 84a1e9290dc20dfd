"""One block on its way into the store of rows: what its records become, and in which order that is sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from domain import fences
from domain.blocks import LIMIT, Block
from domain.events import AnyEvent
from domain.rows import LATE, NEW, SEEN, TOO_OLD
from infra import failpoints
from infra.clickhouse.row_store import Insert, RowStore, Stored, Table, month
from streams.group import Moved
from streams.records import Record

Events = Sequence[AnyEvent | None]  # of a block's records; None for a pulse, and for poison that is in juliu.dead

TABLES: tuple[Table, ...] = ("events", "late_events")


class Content(NamedTuple):
    """What a block puts into the store."""

    inserts: list[Insert]
    stored: Stored


def content(
    p: int, taken: Sequence[Record], read: Events, verdicts: list[int], poison: int, *, next_limit: int = LIMIT
) -> Content:
    """What a block's records become by their verdicts (domain.rows): rows of events, of late_events, or nothing.

    `next_limit` is the limit of the block after it, kept with the block.
    """
    block, months = Block(taken[0].offset, taken[-1].offset), _months(read)
    inserts = _inserts("events", p, block, _rows(taken, verdicts, months, {NEW}))
    if LATE in verdicts or TOO_OLD in verdicts:
        inserts += _inserts("late_events", p, block, _rows(taken, verdicts, months, {LATE, TOO_OLD}))
    counts = {table: sum(len(each.rows) for each in inserts if each.table == table) for table in TABLES}
    stored = Stored(
        counts["events"], counts["late_events"], repeats=verdicts.count(SEEN), poison=poison, next_limit=next_limit
    )
    return Content(inserts, stored)


def _months(read: Events) -> int | list[int]:
    """The month of receipt of all records, where it is the same, as nearly always; else that of each."""
    times = [event.received_at_ms for event in read if event is not None] or [0]
    if month(min(times)) == (only := month(max(times))):
        return only
    return [0 if event is None else month(event.received_at_ms) for event in read]


def _rows(
    taken: Sequence[Record], verdicts: list[int], months: int | list[int], kept: set[int]
) -> dict[int, list[tuple[int, bytes]]]:
    """By month of receipt, offset and value of the records whose verdict is one of `kept`."""
    if isinstance(months, int):
        found = [(r.offset, r.value or b"") for r, verdict in zip(taken, verdicts, strict=True) if verdict in kept]
        return {months: found} if found else {}
    at = [i for i, verdict in enumerate(verdicts) if verdict in kept]
    positions = fences.inserts([months[i] for i in at])
    return {each: [(taken[at[i]].offset, taken[at[i]].value or b"") for i in some] for each, some in positions.items()}


def _inserts(table: Table, p: int, block: Block, rows: dict[int, list[tuple[int, bytes]]]) -> list[Insert]:
    """One for each month, so that each lands whole or not at all."""
    return [Insert(table, p, block, each, some) for each, some in rows.items()]


async def write(store: RowStore, p: int, block: Block, what: Content, doubt: bool) -> None:
    """Rows, then the `blocks` row.  Raises Wait; Moved where somebody else has stored the block meanwhile.

    In `doubt`, what is there already is not sent again.
    """
    failpoints.reached("store.before_insert")
    for insert in what.inserts:
        if fences.must_ask(doubt, len(insert.rows)) and await store.holds(insert):
            continue
        if not await store.insert(insert):
            raise Moved(f"{block.first}-{block.last} is not the next block any more")
        failpoints.reached("store.after_insert")
    if not await store.close(p, block, what.stored):
        raise Moved(f"{block.first}-{block.last} was closed by somebody else")
    failpoints.reached("store.after_close")
