"""`juliu archive`: a month of ClickHouse into files.  Killed anywhere it leaves the archive before it, whole."""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from clickhouse_connect.driver.client import Client

from infra.clickhouse.bulk import Bulk
from infra.clickhouse.chains import chains
from infra.clickhouse.client import connect
from infra.fold_store import Wait
from infra.settings import Settings
from juliu.archive.cells import FROM, WHERE, Month
from juliu.archive.manifest import (
    TABLES,
    Cell,
    Column,
    Fence,
    Manifest,
    Slice,
    Table,
    by_partition,
    read,
    sha256,
    sync,
    write,
)

_MONTHS = """
SELECT DISTINCT toUInt32(month), month <= toYYYYMM(now('Asia/Shanghai') - INTERVAL 13 MONTH) FROM
(
    SELECT toYYYYMM(received_at) AS month FROM events UNION DISTINCT SELECT toYYYYMM(received_at) FROM late_events
    UNION DISTINCT SELECT toYYYYMM(at) FROM blocks
    UNION DISTINCT SELECT toYYYYMM(at) FROM media_steps
    UNION DISTINCT SELECT toYYYYMM(at) FROM media_orders
) ORDER BY 1
"""  # and whether the TTL of events takes rows of it by now
_COLUMNS = """
SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = {table:String}
    AND default_kind NOT IN ('ALIAS', 'MATERIALIZED') ORDER BY position
"""

_MEDIA_UPTO = """
SELECT max(last) FROM
(
    SELECT if(count() = 0, -1, toInt64(max(log_offset))) AS last FROM media_steps
    UNION ALL SELECT if(count() = 0, -1, toInt64(max(log_offset))) FROM media_orders
)
"""


class Refused(RuntimeError):
    """The archive that is there is better than the one that would be written; the text says why."""


class Archived(msgspec.Struct):
    """What became of a month."""

    month: int
    events: int
    late_events: int
    blocks: int
    media_steps: int
    media_orders: int
    files: int
    written: int  # files that were not there yet
    bytes: int
    seconds: float


def months_there(settings: Settings, folder: Path) -> list[int]:
    """YYYYMM of every month that ClickHouse has rows of, but for those that only lose rows and are in the folder.

    Raises Damaged, ClickHouseError.
    """
    with connect(settings) as client:
        found = client.query(_MONTHS).result_rows
    return [int(month) for month, fades in found if not fades or read(folder / str(month)) is None]


def archive(settings: Settings, month: int, folder: Path, fewer: bool, say: Callable[[str], None]) -> Archived:
    """The month into folder/YYYYMM: only files that are not there yet are written, the manifest last.

    Raises Refused where the archive has rows that ClickHouse lacks (unless `fewer`) or blocks are missing; Damaged
    where the manifest that is there cannot be read; Wait, ClickHouseError.
    """
    began, to = time.monotonic(), folder / str(month)
    to.mkdir(parents=True, exist_ok=True)
    with _alone(to), connect(settings) as client:
        before, fences = read(to), _fences(client)
        ((media_upto,),) = client.query(_MEDIA_UPTO).result_rows
        rows_of = Month(client, month, by_partition(fences), int(media_upto))
        export = Export(client, Bulk(settings), rows_of, to, before)
        slices = [each for cell in export.month.cells() if (each := export.slice(cell, say)).rows]
        made = Manifest(
            month, int(time.time() * 1000), fences, export.columns, slices, rows_of.low, rows_of.high,
            media_upto=rows_of.media_upto,
        )  # fmt: skip
        if before is not None and not fewer:
            _no_fewer(before, made)
        elif before is None and not slices:
            raise Refused(f"{month}: ClickHouse has nothing of this month, and neither has {folder}")
        write(to, made)
        _tidy(to, made)
    rows = {table: made.rows(table) for table in TABLES}
    size = sum(each.bytes for each in slices)
    seconds = round(time.monotonic() - began, 1)
    return Archived(month, **rows, files=len(slices), written=export.written, bytes=size, seconds=seconds)


class Export:
    """One month on its way into a folder."""

    def __init__(self, client: Client, bulk: Bulk, month: Month, to: Path, before: Manifest | None) -> None:
        self.month, self.written = month, 0
        self.columns: dict[Table, list[Column]] = {
            table: [Column(*row) for row in client.query(_COLUMNS, {"table": table}).result_rows] for table in TABLES
        }
        self._bulk, self._to = bulk, to
        there = before.slices if before is not None else []
        had = before.columns if before is not None else {}
        same = (each for each in there if had.get(each.cell.table) == self.columns[each.cell.table])
        self._there = {(each.cell, each.rows, each.digest): each for each in same}

    def slice(self, cell: Cell, say: Callable[[str], None]) -> Slice:
        """The file of a cell: the one that is there where its rows are the same."""
        rows, digest = self.month.measured(cell)
        held = self._there.get((cell, rows, digest))
        if held is not None and _is_there(self._to / held.file, held):
            return held
        name = "-".join(x for x in (cell.table, cell.kind, cell.day, f"{cell.part}of{cell.parts}") if x)
        file = f"{name}-{rows}-{digest:016x}-{self._form(cell.table)}.native.zst"
        made = self._write(cell, file, rows, digest)
        if rows:
            self.written += 1
            say(f"{self.month.month}: {made.file}, {rows:,} rows, {made.bytes:,} bytes")
        return made

    def _form(self, table: Table) -> str:
        """Names the table's columns: of another form than before, no file takes the place of one that is named."""
        return hashlib.sha256(msgspec.json.encode(self.columns[table])).hexdigest()[:8]

    def _write(self, cell: Cell, name: str, rows: int, digest: int) -> Slice:
        if not rows:
            return Slice(cell, name, 0, 0, 0, "")
        names = ", ".join(column.name for column in self.columns[cell.table])
        sql = f"SELECT {names} FROM {FROM[cell.table]} WHERE {WHERE[cell.table]} FORMAT Native"  # noqa: S608
        beside = self._to / f"{name}.part"
        with beside.open("wb") as file:
            got = self._bulk.into(file, sql, self.month.options(cell))
            file.flush()
            os.fsync(file.fileno())
        if got != rows:
            raise Wait("clickhouse", f"{name}: {got:,} rows came, {rows:,} were counted: somebody changes this month")
        beside.replace(self._to / name)
        sync(self._to)
        path = self._to / name
        return Slice(cell, name, rows, digest, path.stat().st_size, sha256(path))


def _fences(client: Client) -> list[Fence]:
    """Where ClickHouse stands now: rows behind it belong to blocks that are not closed yet.  Raises Refused."""
    found = []
    for chain in chains(client):
        if not chain.whole():
            what = f"partition {chain.partition}: blocks are missing between others"
            raise Refused(f"{what}: `juliu rebuild clickhouse` comes first")
        found.append(Fence(chain.partition, chain.last, chain.next_limit))
    return found


def _no_fewer(before: Manifest, made: Manifest) -> None:
    """Raises Refused where rows are in the archive and not in ClickHouse: lost, or older than it keeps them."""
    had, has = (_by_day(each) for each in (before, made))
    for (table, kind, day), rows in had.items():
        if has[table, kind, day] < rows:
            raise Refused(
                f"{made.month}: the archive has {rows:,} rows of {table} {kind} {day}, ClickHouse"
                f" {has[table, kind, day]:,}: the archive stays as it is (lost: `juliu rebuild clickhouse`;"
                " erased on purpose: --accept-fewer)"
            )


def _by_day(manifest: Manifest) -> Counter[tuple[str, str, str]]:
    rows = Counter[tuple[str, str, str]]()
    for each in manifest.slices:
        rows[each.cell.table, each.cell.kind, each.cell.day] += each.rows
    return rows


def _is_there(path: Path, told: Slice) -> bool:
    return path.is_file() and path.stat().st_size == told.bytes and sha256(path) == told.sha256


def _tidy(folder: Path, manifest: Manifest) -> None:
    """Files that the manifest does not name: of an earlier state of the month, or of a run that was killed."""
    kept = {each.file for each in manifest.slices}
    for path in folder.glob("*.native.zst*"):
        if path.name not in kept:
            path.unlink()


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One at a time.  Raises Refused."""
    with (folder / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise Refused(f"{folder}: another `juliu archive` writes there") from error
        yield
