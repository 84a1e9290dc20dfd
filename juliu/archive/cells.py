"""Which rows go into which file: conditions that both export and restore ask ClickHouse with.

`events` is ordered by type and day, so a file of one type and day reads and finds its rows without a scan of the month.
"""
# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from clickhouse_connect.driver.client import Client

from infra.clickhouse.totals import UPTO
from juliu.archive.manifest import TABLES, Cell, Table

ROWS = 1_000_000  # in one file at most, as far as dramas can be told apart: about 100 MB of rows on their way back

FROM: Mapping[Table, str] = {  # copies that are not merged yet count once
    "events": "events", "late_events": "late_events", "blocks": "blocks", "media_steps": "media_steps FINAL",
    "media_orders": "media_orders FINAL",
}  # fmt: skip
_ENDED = "toYYYYMM(at) = {month:UInt32} AND toInt64(log_offset) <= {media_upto:Int64}"
_RECEIVED = f"toYYYYMM(received_at) = {{month:UInt32}} AND {UPTO}"
WHERE: Mapping[Table, str] = {
    "events": (
        f"{_RECEIVED} AND event_type = {{kind:String}} AND toDate(ts) = toDate({{day:String}})"
        " AND drama_id % {parts:UInt32} = {part:UInt32}"
    ),
    "late_events": _RECEIVED,
    # of the month in which they were stored, and those that this month's rows came in
    "blocks": (
        "partition < length({upto:Array(Int64)}) AND toInt64(last) <= {upto:Array(Int64)}[partition + 1]"
        " AND (toYYYYMM(at) = {month:UInt32} OR (toInt64(last) >= {low:Array(Int64)}[partition + 1]"
        " AND toInt64(first) <= {high:Array(Int64)}[partition + 1]))"
    ),
    "media_steps": _ENDED,
    "media_orders": _ENDED,
}
PLACE: Mapping[Table, str] = {
    "events": "partition, offset",
    "late_events": "partition, offset",
    "blocks": "partition, first",
    "media_steps": "record_id",
    "media_orders": "record_id",
}

_KINDS = (
    f"SELECT event_type, toString(toDate(ts)) AS day, count() FROM events WHERE {_RECEIVED} GROUP BY 1, 2 ORDER BY 1, 2"
)
_REACH = (
    "SELECT partition, toInt64(min(offset)), toInt64(max(offset)) FROM ("
    + " UNION ALL ".join(
        f"SELECT partition, offset FROM {table} WHERE {_RECEIVED}" for table in ("events", "late_events")
    )
    + ") GROUP BY partition"
)


class Month:
    """A month up to fences, as ClickHouse has it now: the parameters of WHERE."""

    def __init__(self, client: Client, month: int, upto: Sequence[int], media_upto: int) -> None:
        self.client, self.month, self.upto, self.media_upto = client, month, list(upto), media_upto
        low, high = [2**62] * len(self.upto), [-1] * len(self.upto)
        for p, first, last in client.query(_REACH, {"month": month, "upto": self.upto}).result_rows:
            low[p], high[p] = first, last
        self.low, self.high = low, high

    def parameters(self, cell: Cell) -> dict[str, Any]:
        """Of WHERE of the cell's table."""
        fixed = {"month": self.month, "upto": self.upto, "low": self.low, "high": self.high}
        fixed |= {"media_upto": self.media_upto}
        return fixed | {"kind": cell.kind, "day": cell.day, "part": cell.part, "parts": cell.parts}

    def cells(self) -> list[Cell]:
        """All that has rows; all but events are few and each one file."""
        found = [Cell(table) for table in TABLES if table != "events"]
        for kind, day, rows in self.client.query(_KINDS, {"month": self.month, "upto": self.upto}).result_rows:
            parts = -(-rows // ROWS)
            found += [Cell("events", kind, day, part, parts) for part in range(parts)]
        return found

    def measured(self, cell: Cell) -> tuple[int, int]:
        """Rows, and the xor of the hashes of their places."""
        table, place = cell.table, PLACE[cell.table]
        sql = f"SELECT count(), groupBitXor(cityHash64({place})) FROM {FROM[table]} WHERE {WHERE[table]}"
        ((rows, digest),) = self.client.query(sql, self.parameters(cell)).result_rows
        return int(rows), int(digest)

    def options(self, cell: Cell) -> dict[str, str]:
        """The same parameters for infra.clickhouse.bulk."""
        return {f"param_{name}": tab_separated(value) for name, value in self.parameters(cell).items()}


def tab_separated(value: object) -> str:
    """As a field of TabSeparated."""
    return str(value).replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")
