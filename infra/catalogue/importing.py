"""A catalogue file into MySQL: streamed, in batches, each whole or not at all; importing it again changes nothing."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import msgspec
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import OperationalError

from domain.catalogue import MAX_INDEX
from domain.catalogue_import import MAX_LINE_BYTES, DramaLine, RowRefused, read
from infra.catalogue import rows

MAX_FILE_BYTES = 1_073_741_824  # 65,535 dramas of 80 episodes are about 450 MB
MAX_ROWS = 200_000
REFUSALS_KEPT = 1_000  # in the report; all are counted
BATCH = 100
ATTEMPTS = 3
LOCK_TROUBLE = (1205, 1213)  # lock wait time-out, deadlock: the transaction was rolled back and may be tried again


class BadFile(ValueError):
    """Nothing was read from this file: it is no file, too large, or empty."""


class Refusal(msgspec.Struct, frozen=True):
    """A row (its line number) that was not imported, and why."""

    row: int
    drama_id: int | None
    reasons: list[str]


class Report(msgspec.Struct, kw_only=True):
    """What an import did, or with `dry_run` would do.  rows = created + changed + unchanged + refused."""

    dry_run: bool
    rows: int = 0
    created: int = 0
    changed: int = 0
    unchanged: int = 0
    refused: int = 0
    refusals: list[Refusal] = msgspec.field(default_factory=list)

    def refuse(self, row: int, drama_id: int | None, reasons: list[str]) -> None:
        """Count a refused row and keep the reasons of the first ones."""
        self.refused += 1
        if len(self.refusals) < REFUSALS_KEPT:
            self.refusals.append(Refusal(row, drama_id, reasons))


class Row(msgspec.Struct, frozen=True):
    """A row that keeps the rules, not yet compared with MySQL."""

    number: int
    line: DramaLine


def import_file(
    engine: Engine, path: Path, *, dry_run: bool = False, progress: Callable[[int], None] = lambda _bytes: None
) -> Report:
    """Import the dramas of a file, a JSON object a line; rows that break a rule are refused, the others imported.

    `progress` is told how many bytes have been read.  Raises BadFile before anything is done, OperationalError where
    MySQL does not answer: what was imported up to there stays, importing the file again does the rest.
    """
    report = Report(dry_run=dry_run)
    with _open(path) as file:
        good = _good_rows(file, report)
        while batch := list(islice(good, BATCH)):
            _import(engine, batch, report)
            progress(file.tell())
    if not report.rows:
        raise BadFile(f"{path} holds no rows")
    return report


# -- the file --------------------------------------------------------------------------------------------------------


def _open(path: Path) -> BinaryIO:
    try:
        file = path.open("rb")
    except OSError as error:
        raise BadFile(f"{path} cannot be read: {error.strerror}") from error
    about = os.fstat(file.fileno())
    if not stat.S_ISREG(about.st_mode) or about.st_size > MAX_FILE_BYTES:
        file.close()
        raise BadFile(f"{path} is not a file of at most {MAX_FILE_BYTES} bytes")
    return file


def _good_rows(file: BinaryIO, report: Report) -> Iterator[Row]:
    """The rows that keep the rules; the others go into the report."""
    first_row: dict[int, int] = {}
    for number, raw in _lines(file):
        report.rows += 1
        if report.rows > MAX_ROWS:
            report.refuse(number, None, [f"more than {MAX_ROWS} rows: this and all later ones were not read"])
            return
        try:
            line = read(raw)
        except RowRefused as refused:
            report.refuse(number, refused.drama_id, refused.reasons)
            continue
        first = first_row.setdefault(line.drama_id, number)
        if first == number:
            yield Row(number, line)
        else:
            report.refuse(number, line.drama_id, [f"drama_id: was in row {first} already"])


def _lines(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Line numbers and lines that are not blank; of one that is too long, no more than is needed to refuse it."""
    number = 0
    while raw := file.readline(MAX_LINE_BYTES + 2):
        number += 1
        rest = raw
        while not rest.endswith(b"\n") and (rest := file.readline(MAX_LINE_BYTES)):
            pass
        raw = raw.removeprefix(b"\xef\xbb\xbf") if number == 1 else raw  # a byte order mark
        if raw.strip():
            yield number, raw.rstrip(b"\r\n")


# -- a batch ---------------------------------------------------------------------------------------------------------


def _import(engine: Engine, batch: list[Row], report: Report) -> None:
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with engine.begin() as connection:
                outcome = _compare(connection, batch, report)
                if not report.dry_run:
                    outcome.write(connection)
        except OperationalError as error:
            if attempt == ATTEMPTS or not error.orig or error.orig.args[0] not in LOCK_TROUBLE:
                raise
        else:
            outcome.count(report)
            return


class _Outcome(msgspec.Struct):
    """What a batch comes to, compared with what is in MySQL."""

    new: dict[int, DramaLine]
    changed: list[DramaLine]
    unchanged: int
    without_index: list[Row]

    def write(self, connection: Connection) -> None:
        """Write it under the next revision; nothing where nothing changes.  The caller holds the revision's lock."""
        if not self.new and not self.changed:
            return
        revision = rows.value(connection, "revision") + 1
        rows.insert(connection, self.new, revision)
        rows.replace(connection, self.changed, revision)
        rows.put(connection, "revision", revision)
        if self.new:
            rows.put(connection, "index", max(self.new))

    def count(self, report: Report) -> None:
        """Add it to the report."""
        report.created += len(self.new)
        report.changed += len(self.changed)
        report.unchanged += self.unchanged
        full = f"the catalogue is full: all {MAX_INDEX} indexes have been given, and none is given twice"
        for row in self.without_index:
            report.refuse(row.number, row.line.drama_id, [full])


def _compare(connection: Connection, batch: list[Row], report: Report) -> _Outcome:
    if not report.dry_run:
        rows.lock(connection, "revision")  # one import writes at a time: revisions become visible in their order
    last_index = rows.value(connection, "index") + (report.created if report.dry_run else 0)
    there = rows.stored(connection, [row.line.drama_id for row in batch])
    fresh = [row for row in batch if row.line.drama_id not in there]
    room = MAX_INDEX - last_index
    old = [(stored.line, row.line) for row in batch if (stored := there.get(row.line.drama_id))]
    changed = [new for before, line in old if (new := line.with_kept_of(before)) != before]
    return _Outcome(
        new={last_index + 1 + nth: row.line for nth, row in enumerate(fresh[:room])},
        changed=changed,
        unchanged=len(there) - len(changed),
        without_index=fresh[room:],
    )
