"""Reads all of juliu.media into ClickHouse once more; what is there already is the same rows again."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from domain.media.prices import Prices
from infra.clickhouse.http import Http
from infra.clickhouse.media_rows import ClickHouseMediaRows
from infra.log_reader import Entry
from infra.settings import Settings
from streams.media import KafkaMediaLog, read_all


class Reread(msgspec.Struct):
    """How many records are in the tables now, how many cannot be read, and the first of those."""

    rows: int = 0
    orders: int = 0
    unreadable: int = 0
    first_offset: int = -1
    first_reason: str = ""


async def reread(settings: Settings, prices: Prices) -> Reread:
    """From the begin of the log to its end as it is now.  Raises Wait, KafkaException: the same again is right."""
    http, log, done = Http(settings), KafkaMediaLog(settings), Reread()
    table = ClickHouseMediaRows(http, prices)
    try:
        at, end = await asyncio.to_thread(log.bounds)
        while at < end and (page := await asyncio.to_thread(log.page, at, end)):
            await _stored(table, page, done)
            at = page[-1].offset + 1
    finally:
        log.close()
        await http.close()
    return done


async def _stored(table: ClickHouseMediaRows, page: Sequence[Entry], done: Reread) -> None:
    read = read_all(page)
    if read.orders:
        await table.insert_orders(read.orders)
    if read.rows:
        await table.insert(read.rows)
    done.rows += len(read.rows)
    done.orders += len(read.orders)
    if read.poison and not done.unreadable:
        done.first_offset, done.first_reason = read.poison[0][0].offset, read.poison[0][1]
    done.unreadable += len(read.poison)
