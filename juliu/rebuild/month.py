"""`juliu rebuild clickhouse`: a month that ClickHouse lost, from its archive and from what the log still holds.

Blocks first: what then is missing is told apart from what never was (`juliu verify`, `juliu rebuild redis` refuse).
Nothing is put in that is there already, so it may be killed anywhere and repeated.
"""
# ruff: noqa: S608

from __future__ import annotations

import errno
import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import msgspec
from clickhouse_connect.driver.client import Client

from domain.blocks import MAX_LIMIT
from infra.clickhouse.bulk import Bulk
from infra.clickhouse.client import connect
from infra.settings import Settings
from juliu.archive.cells import PLACE, ROWS, WHERE, Month
from juliu.archive.manifest import MEDIA, TABLES, Damaged, Manifest, Slice, problems, read
from juliu.rebuild.gaps import Gap, gaps
from juliu.rebuild.refused import Refused
from juliu.rebuild.tail import TIMES, Tail

OPTIONS = {
    # one part, whatever its size: a token is kept for each part, by its number, and what is lacking moves the numbers
    "max_threads": "1",
    "max_insert_threads": "1",
    "max_insert_block_size": str(MAX_LIMIT),
    "min_insert_block_size_rows": str(2**40),
    "min_insert_block_size_bytes": "0",
    "optimize_on_insert": "0",  # a double must be seen by whoever counts, not tidied away
    "async_insert": "0",
    "deduplicate_insert": "enable",
    "deduplicate_insert_select": "force_enable",
}


class Report(msgspec.Struct):
    """What was done: rows put in by table, from where; `lost` says what neither the archive nor the log has."""

    month: int
    archived_to: dict[int, int]
    from_archive: dict[str, int] = msgspec.field(default_factory=lambda: dict[str, int].fromkeys(TABLES, 0))
    from_log: dict[str, int] = msgspec.field(default_factory=lambda: {"events": 0, "late_events": 0, "blocks": 0})
    lost: list[str] = msgspec.field(default_factory=list)
    seconds: float = 0.0


def rebuild(settings: Settings, month: int, folder: Path, say: Callable[[str], None]) -> Report:
    """Bring back the month.  Raises Refused where the archive is damaged or is not of this installation.

    What cannot be brought back is in Report.lost; everything else was.  Raises Wait, ClickHouseError, KafkaException.
    """
    with _alone(folder / str(month)):
        return _rebuild(settings, month, folder, say)


def _rebuild(settings: Settings, month: int, folder: Path, say: Callable[[str], None]) -> Report:
    began, manifest = time.monotonic(), _sound(folder / str(month))
    report = Report(month, {fence.partition: fence.last for fence in manifest.fences})
    if len(manifest.upto) > settings.partitions:
        raise Refused(f"the archive has {len(manifest.upto)} partitions, the settings say {settings.partitions}")
    with connect(settings) as client:
        archived = Archived(client, Bulk(settings), manifest, folder / str(month))
        for each in sorted(manifest.slices, key=lambda each: each.cell.table != "blocks"):
            rows = archived.restore(each)
            report.from_archive[each.cell.table] += rows
            if rows:
                say(f"{each.file}: {rows:,} rows")
        if found := gaps(client, manifest):
            with Tail(settings, client, month) as tail:
                for gap in found:
                    _from_the_log(tail, gap, report, say)
    report.seconds = round(time.monotonic() - began, 1)
    return report


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One at a time: two would both see that a row is not there, and put it in twice.  Raises Refused.

    The file is that of `juliu archive`, which must not count the month meanwhile either.
    """
    lock = _lock_file(folder)
    if lock is None:
        yield
        return
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise Refused(f"{folder}: `juliu rebuild clickhouse` or `juliu archive` is at work there") from error
        yield


def _lock_file(folder: Path) -> TextIO | None:
    """None where there is none to be had: a copy that cannot be written to, or no archive, which is said next."""
    try:
        return (folder / ".lock").open("w")
    except OSError as error:
        if error.errno in (errno.EROFS, errno.EACCES, errno.ENOENT):
            return None
        raise


def _from_the_log(tail: Tail, gap: Gap, report: Report, say: Callable[[str], None]) -> None:
    if lost := tail.lost(gap):
        report.lost.append(lost)
        return
    try:
        for table, rows in tail.restore(gap).items():
            report.from_log[table] += rows
    except Refused as error:
        report.lost.append(str(error))
    else:
        say(f"partition {gap.partition}: {gap.first}-{gap.last} read again from the log")


class Archived:
    """The files of a month on their way back."""

    def __init__(self, client: Client, bulk: Bulk, manifest: Manifest, folder: Path) -> None:
        self._client, self._bulk, self._manifest, self._folder = client, bulk, manifest, folder
        self._month = Month(client, manifest.month, manifest.upto, manifest.media_upto)
        self._month.low, self._month.high = manifest.low, manifest.high  # the same blocks as when they were exported

    def restore(self, told: Slice) -> int:
        """Put in what the table lacks of a file; how many rows that was.  Raises Refused where it will not be whole."""
        if told.cell.table in MEDIA:
            return self._restore_media(told)
        before, digest = self._month.measured(told.cell)
        there = before
        for attempt in range(TIMES):
            if (there, digest) == (told.rows, told.digest):
                return there - before
            lacked = self._insert(told, attempt)
            there, digest = self._month.measured(told.cell)
            if not lacked:
                break
        if (there, digest) == (told.rows, told.digest):
            return there - before
        raise Refused(
            f"{told.file}: the archive has {told.rows:,} rows, ClickHouse has {there:,} of the same kind and day up to"
            " the same offsets: what is there is not what was archived (`juliu verify` names it)"
        )

    def _restore_media(self, told: Slice) -> int:
        """The same of rows that are one by their record_id: there may be more than were archived, read once more."""
        rows = 0
        for attempt in range(TIMES):
            if not (lacked := self._insert(told, attempt)):
                return rows
            rows += lacked
        raise Refused(f"{told.file}: sent {TIMES} times, and ClickHouse lacked rows of it again and again")

    def _insert(self, told: Slice, attempt: int) -> int:
        """How many rows the table lacked; a token that it remembers of rows that were deleted since drops them.

        ClickHouse holds an insert in memory until its one part is whole, so a file of more than ROWS rows (a drama's
        day, late events, blocks) is sent once for each piece of it.  Which row is in which is a function of the file.
        """
        pieces = -(-told.rows // ROWS)
        return sum(self._insert_piece(told, attempt, piece, pieces) for piece in range(pieces))

    def _insert_piece(self, told: Slice, attempt: int, piece: int, pieces: int) -> int:
        cell, columns = told.cell, self._manifest.columns[told.cell.table]
        names = ", ".join(column.name for column in columns)
        structure = ", ".join(f"{column.name} {column.type}" for column in columns).replace("'", "\\'")
        place, mine = PLACE[cell.table], _is_of(PLACE[cell.table], piece, pieces)
        sql = (
            f"INSERT INTO {cell.table} ({names}) SELECT {names} FROM input('{structure}')"
            f" WHERE {mine} AND ({place}) NOT IN"
            f" (SELECT {place} FROM {cell.table} WHERE {WHERE[cell.table]} AND {mine}) FORMAT Native"
        )
        token = {"insert_deduplication_token": f"archive:{told.sha256[:32]}:{attempt}:{piece}of{pieces}"}
        with (self._folder / told.file).open("rb") as file:
            return self._bulk.outof(file, sql, {**OPTIONS, **self._month.options(cell), **token})


def _is_of(place: str, piece: int, pieces: int) -> str:
    """The condition of a piece: nearly equal ones, by numbers alone, so that another type of a column moves no row."""
    if place == "record_id":
        return f"cityHash64({place}) % {pieces} = {piece}"
    numbers = ", ".join(f"toUInt64({column})" for column in place.split(", "))
    return f"cityHash64({numbers}) % {pieces} = {piece}"


def _sound(folder: Path) -> Manifest:
    """The manifest of a month of which every file is what was written.  Raises Refused."""
    try:
        manifest = read(folder)
    except Damaged as error:
        raise Refused(str(error)) from error
    if manifest is None:
        raise Refused(f"{folder}: no archive of this month")
    if wrong := problems(folder):
        raise Refused("; ".join(wrong[:5]))
    return manifest
