"""`media_steps` and `media_orders` in ClickHouse: where reading of juliu.media goes on, and rows in, as they come.

A copy of a record is the same row by its key, so that whoever is not sure sends it again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

import msgspec

from domain.media.orders import Ordered
from domain.media.prices import Prices, costs
from domain.media.record import StepEnded
from infra.clickhouse.http import Http, Unreadable
from infra.fold_store import Wait

MOST = 1_000  # rows of one insert: one part, so it lands whole or not at all

_INT, _WORD = "Int64", "LowCardinality(String)"
_MAP, _YUAN, _WORDS = "Map(LowCardinality(String), Int64)", "Decimal(18, 9)", "Array(LowCardinality(String))"
_FIELDS = {
    "record_id": "String", "job_id": "UInt64", "kind": _WORD, "drama_id": "UInt64", "episode_no": "UInt32",
    "title": "String", "step": _WORD, "outcome": _WORD, "attempt": "UInt16", "waited_ms": _INT, "ran_ms": _INT,
    "cpu_ms": _INT, "content_ms": _INT, "failure": _WORD, "reason": _WORD, "text": "String", "worker": _WORD,
    "ci_ms": _MAP, "ci_snapshots": _INT, "stored_bytes": _INT, "cdn_play_bytes": _INT, "platform_play_bytes": _INT,
    "processing_yuan": _YUAN, "storage_yuan_month": _YUAN, "cdn_play_yuan": _YUAN, "platform_play_yuan": _YUAN,
    "unpriced": _WORDS, "log_offset": "UInt64",
}  # fmt: skip
_ORDER_FIELDS = {
    "record_id": "String", "what": _WORD, "surface": _WORD, "who": "String", "job_id": "UInt64", "drama_id": "UInt64",
    "episode_no": "UInt32", "detail": "String", "log_offset": "UInt64",
}  # fmt: skip


def _into(table: str, fields: Mapping[str, str]) -> str:
    """Rows as JSON, their time as at_ms."""
    names = ", ".join(fields)
    structure = ", ".join(["at_ms Int64", *(f"{name} {kind}" for name, kind in fields.items())])
    return (
        f"INSERT INTO {table} (at, {names})"  # noqa: S608 - constants
        f" SELECT fromUnixTimestamp64Milli(at_ms, 'Asia/Shanghai'), {names} FROM input('{structure}')"
        " FORMAT JSONEachRow"
    )


INSERT, INSERT_ORDERS = _into("media_steps", _FIELDS), _into("media_orders", _ORDER_FIELDS)
LAST = (
    "SELECT log_offset, toUnixTimestamp64Milli(at), record_id FROM media_steps"  # noqa: S608 - a constant
    f" WHERE log_offset = (SELECT max(log_offset) FROM media_steps) LIMIT {MOST} FORMAT TSV"
)
LAST_ORDER = "SELECT if(count() = 0, -1, toInt64(max(log_offset))) FROM media_orders"
_AS_ONE_PART = {
    "async_insert": "0",
    "max_threads": "1",
    "max_insert_threads": "1",
    "max_block_size": str(MOST),
    "max_insert_block_size": str(MOST),
    "min_insert_block_size_rows": str(MOST),
    "min_insert_block_size_bytes": "0",
    "input_format_parallel_parsing": "0",
}


class MediaRow(NamedTuple):
    """A record and where it lies in juliu.media."""

    offset: int
    record: StepEnded


class OrderRow(NamedTuple):
    """An order and where it lies in juliu.media."""

    offset: int
    order: Ordered


class Mark(NamedTuple):
    """By what a step's record is known again: a log that was made anew has another one at the same offset."""

    record_id: str
    at_ms: int


class Last(NamedTuple):
    """The largest offset of which there is a step's row, and of what records: of one log, or of two."""

    offset: int
    marks: frozenset[Mark]


NONE = Last(-1, frozenset())  # no row


class MediaRows(Protocol):
    """Both tables.  Every call raises Wait where it is not done for sure: the same again is right."""

    async def last(self) -> Last:
        """The last step that has a row; NONE where there is none.

        All before it in the same log were stored, orders too, where those of a page are inserted before its steps;
        orders behind it are read, and stored, once more.
        """

    async def last_order(self) -> int:
        """The largest offset of which there is an order's row, of any log; -1 where there is none."""

    async def insert_orders(self, rows: Sequence[OrderRow]) -> None:
        """As insert."""

    async def insert(self, rows: Sequence[MediaRow]) -> None:
        """All of these (at most MOST), whole or not at all; a row that is there already changes nothing."""


class ClickHouseMediaRows:
    """Keeps the promises of MediaRows."""

    def __init__(self, http: Http, prices: Prices) -> None:
        self._http, self._prices = http, prices

    async def last(self) -> Last:
        """See MediaRows."""
        lines = [line.split("\t") for line in (await self._http.ask(LAST, {})).text.splitlines()]
        if not lines:
            return NONE
        return Last(int(lines[0][0]), frozenset(Mark(record_id, int(at_ms)) for _, at_ms, record_id in lines))

    async def last_order(self) -> int:
        """See MediaRows."""
        return int((await self._http.ask(LAST_ORDER, {})).text)

    async def insert(self, rows: Sequence[MediaRow]) -> None:
        """See MediaRows."""
        await self._put(INSERT, [line(row, self._prices) for row in rows])

    async def insert_orders(self, rows: Sequence[OrderRow]) -> None:
        """See MediaRows."""
        await self._put(INSERT_ORDERS, [order_line(row) for row in rows])

    async def _put(self, sql: str, lines: Sequence[bytes]) -> None:
        if len(lines) > MOST:
            raise ValueError(f"{len(lines)} rows, {MOST} at most")
        try:
            await self._http.ask(sql, _AS_ONE_PART, b"\n".join(lines))
        except Unreadable as error:  # we wrote it: a defect, which a person mends while the log keeps the records
            raise Wait("clickhouse", error) from error


def line(row: MediaRow, prices: Prices) -> bytes:
    """The row as JSON, with what it costs at these prices."""
    record, its = row.record, costs(row.record.usage, prices)
    said = {field: getattr(record, field) for field in record.__struct_fields__ if field != "usage"}
    used = {field: getattr(record.usage, field) for field in record.usage.__struct_fields__}
    money = {
        "processing_yuan": its.processing, "storage_yuan_month": its.storage_month, "cdn_play_yuan": its.cdn_play,
        "platform_play_yuan": its.platform_play, "unpriced": its.unpriced, "log_offset": row.offset,
    }  # fmt: skip
    return _encode(said | used | money)


def order_line(row: OrderRow) -> bytes:
    """The row as JSON."""
    its = {field: getattr(row.order, field) for field in row.order.__struct_fields__}
    return _encode(its | {"log_offset": row.offset})


_encode = msgspec.json.Encoder().encode  # decimals as text: no binary fraction comes between
