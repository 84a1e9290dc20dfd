"""What a month's folder says of itself: manifest.json, the last thing that is written, and what makes it an archive.

DIR/202611/manifest.json                                       fences, structures, and of each file rows and sha256
DIR/202611/events-heartbeat-2026-11-28-0of1-4711-ab12cd34-0f1e2d3c.native.zst     ClickHouse's Native format, zstd

A file's name says what is in it: a cell, how many rows, which, and by their digest the table's columns.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import msgspec

FORMAT = 1
NAME = "manifest.json"
PIECE = 1 << 20

Table = Literal["events", "late_events", "blocks", "media_steps", "media_orders"]
TABLES: tuple[Table, ...] = ("blocks", "events", "late_events", "media_steps", "media_orders")
MEDIA: tuple[Table, ...] = ("media_steps", "media_orders")  # rows that may come twice, and are one by their record_id

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,150}")
_COLUMN = re.compile(r"[a-z_][a-z0-9_]{0,60}")
_TYPE = re.compile(r"[A-Za-z0-9(), '/_]{1,200}")


class Damaged(Exception):
    """An archive that is not what it was written as; the text says where."""


class Cell(msgspec.Struct, frozen=True):
    """Which rows of a table: of events those of one type and day, in `parts` parts by drama; of others all."""

    table: Table
    kind: str = ""
    day: str = ""
    part: int = 0
    parts: int = 1


class Slice(msgspec.Struct, frozen=True):
    """One file: its rows, and `digest`, the xor of their places' hashes, by which they are known again in a table."""

    cell: Cell
    file: str
    rows: int
    digest: int
    bytes: int
    sha256: str


class Fence(msgspec.Struct, frozen=True):
    """Where a partition stood: the offset up to which its rows are here, and the block limit in force behind it."""

    partition: int
    last: int
    next_limit: int


class Column(msgspec.Struct, frozen=True):
    """A column as it was in the table that was exported."""

    name: str
    type: str


class Manifest(msgspec.Struct, frozen=True):
    """A month (YYYYMM, of receipt, in Shanghai) of events and late_events, and the blocks that they came in.

    Of media_steps and media_orders those that ended in the month; `media_upto` is the last offset of juliu.media of
    which there was a row, -1 in archives from before they were in it.
    """

    month: int
    made_at_ms: int
    fences: list[Fence]
    columns: dict[Table, list[Column]]
    slices: list[Slice]
    low: list[int]  # by partition, the first and last offset of its rows: the blocks between are here too
    high: list[int]
    format: int = FORMAT
    media_upto: int = -1

    def rows(self, table: Table) -> int:
        """Of a table."""
        return sum(each.rows for each in self.slices if each.cell.table == table)

    @property
    def upto(self) -> list[int]:
        """The fences by partition, -1 where there is none."""
        return by_partition(self.fences)


def by_partition(fences: list[Fence]) -> list[int]:
    """Their offsets by partition, -1 where there is none."""
    found = {fence.partition: fence.last for fence in fences}
    return [found.get(p, -1) for p in range(max(found, default=-1) + 1)]


def months(folder: Path) -> Iterator[Path]:
    """The months' folders of an archive, or the one that is given, ascending."""
    if (folder / NAME).is_file():
        yield folder
        return
    yield from sorted(path for path in folder.glob("[0-9]" * 6) if (path / NAME).is_file())


def read(folder: Path) -> Manifest | None:
    """The manifest of a month's folder; None where there is none.  Raises Damaged."""
    path = folder / NAME
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except FileNotFoundError:
        return None
    except (msgspec.DecodeError, OSError) as error:
        raise Damaged(f"{path}: {error}") from error
    if found.format != FORMAT:
        raise Damaged(f"{path}: format {found.format}, this version reads {FORMAT}")
    for column in (column for columns in found.columns.values() for column in columns):
        if not _COLUMN.fullmatch(column.name) or not _TYPE.fullmatch(column.type):
            raise Damaged(f"{path}: column {column.name!r} {column.type!r}")
    if bad := [each.file for each in found.slices if not _NAME.fullmatch(each.file)]:
        raise Damaged(f"{path}: file {bad[0]!r}")
    return found


def write(folder: Path, manifest: Manifest) -> None:
    """In place of the one before, whole or not at all; the files that it names must be there and synced."""
    beside = folder / f"{NAME}.part"
    with beside.open("wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(manifest)))
        file.flush()
        os.fsync(file.fileno())
    beside.replace(folder / NAME)
    sync(folder)


def sync(folder: Path) -> None:
    """The folder's names survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sha256(path: Path) -> str:
    """Of a file."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            found.update(piece)
    return found.hexdigest()


def problems(folder: Path) -> list[str]:
    """What is wrong with a month's folder: files that are missing, cut or changed."""
    try:
        manifest = read(folder)
    except Damaged as error:
        return [str(error)]
    if manifest is None:
        return [f"{folder}: no {NAME}"]
    return [wrong for each in manifest.slices if (wrong := _wrong(folder / each.file, each))]


def _wrong(path: Path, told: Slice) -> str:
    if not path.is_file():
        return f"{path}: missing"
    if path.stat().st_size != told.bytes:
        return f"{path}: {path.stat().st_size:,} bytes, it was written with {told.bytes:,}"
    return "" if sha256(path) == told.sha256 else f"{path}: the content has changed (sha256)"
