"""An archive's manifest and files, and what a month lacks: without servers."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from domain.blocks import LIMIT
from infra.settings import Settings
from juliu.archive.manifest import NAME, Cell, Column, Damaged, Fence, Manifest, Slice, months, problems, read, write
from juliu.commands import archive as command
from juliu.rebuild.gaps import Gap, Told, gap_of
from juliu.rebuild.month import rebuild
from juliu.rebuild.refused import Refused

CONTENT = b"rows of an hour"


def a_month(folder: Path, month: int = 202611) -> Manifest:
    """One file of two likes, up to 99 of partition 0 and 49 of partition 2."""
    to = folder / str(month)
    to.mkdir(parents=True)
    (to / "events-liked.native.zst").write_bytes(CONTENT)
    cell = Cell("events", "liked", "2026-11-28")
    told = Slice(cell, "events-liked.native.zst", 2, 7, len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
    columns = {"events": [Column("partition", "UInt16"), Column("ts", "DateTime64(3, 'Asia/Shanghai')")]}
    made = Manifest(month, 1, [Fence(0, 99, LIMIT), Fence(2, 49, 40)], columns, [told], [0, 0, 0], [99, 0, 49])  # type: ignore[arg-type]
    write(to, made)
    return made


def test_a_manifest_is_read_as_it_was_written(tmp_path):
    made = a_month(tmp_path)
    assert read(tmp_path / "202611") == made
    assert made.upto == [99, -1, 49]
    assert (made.rows("events"), made.rows("blocks")) == (2, 0)
    assert problems(tmp_path / "202611") == []


def test_months_are_those_of_the_archive_or_the_one_that_is_named(tmp_path):
    for month in (202611, 202610):
        a_month(tmp_path, month)
    (tmp_path / "202609").mkdir()
    assert [path.name for path in months(tmp_path)] == ["202610", "202611"]
    assert list(months(tmp_path / "202610")) == [tmp_path / "202610"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda path: path.unlink(), "missing"),
        (lambda path: path.write_bytes(CONTENT + b"!"), "bytes"),
        (lambda path: path.write_bytes(CONTENT[::-1]), "sha256"),
    ],
)
def test_a_file_that_is_not_what_was_written_is_named(tmp_path, change, says):
    a_month(tmp_path)
    change(tmp_path / "202611" / "events-liked.native.zst")
    (wrong,) = problems(tmp_path / "202611")
    assert says in wrong
    assert CliRunner().invoke(command.app, ["verify", str(tmp_path)]).exit_code == 1
    with pytest.raises(Refused, match=says):
        rebuild(Settings(), 202611, tmp_path, lambda _: None)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda told: told["slices"][0].update(file="../../etc/passwd"),
        lambda told: told["columns"]["events"][0].update(name="x) SELECT 1 --"),
        lambda told: told["columns"]["events"][0].update(type="UInt16; DROP TABLE events"),
        lambda told: told.update(format=2),
        lambda told: told.pop("fences"),
    ],
)
def test_a_manifest_that_says_what_none_says_is_damaged(tmp_path, spoil):
    a_month(tmp_path)
    path = tmp_path / "202611" / NAME
    told = json.loads(path.read_bytes())
    spoil(told)
    path.write_text(json.dumps(told))
    with pytest.raises(Damaged):
        read(tmp_path / "202611")
    assert problems(tmp_path / "202611")


def test_no_archive_is_said(tmp_path):
    assert read(tmp_path) is None
    assert CliRunner().invoke(command.app, ["verify", str(tmp_path), "--json"]).exit_code == 1
    with pytest.raises(Refused, match="no archive"):
        rebuild(Settings(), 202611, tmp_path, lambda _: None)


def test_an_archive_of_more_partitions_is_of_another_installation(tmp_path):
    a_month(tmp_path)
    with pytest.raises(Refused, match="3 partitions"):
        rebuild(Settings(partitions=2), 202611, tmp_path, lambda _: None)


A, B, C = Told(10, 14, 4, 0, 5), Told(15, 19, 3, 1, 7), Told(20, 24, 5, 0, 7)
WHOLE = {10: (4, 0), 15: (3, 1), 20: (5, 0)}


def gap(blocks: list[Told], counted: dict[int, tuple[int, int]]) -> Gap | None:
    """Of partition 3, behind an archive that ends at 9 with limit 6."""
    return gap_of(3, 10, 6, blocks, counted)


def test_blocks_with_all_their_rows_lack_nothing():
    assert gap([A, B, C], WHOLE) is None
    assert gap([A, B, C], WHOLE | {20: (9, 0)}) is None  # rows of a block that is not closed yet


def test_what_lacks_rows_is_cut_by_the_limit_of_the_block_before():
    assert gap([A, B, C], WHOLE | {10: (3, 0)}) == Gap(3, 10, 14, 6, {10: A})
    assert gap([A, B, C], WHOLE | {15: (3, 0)}) == Gap(3, 15, 19, 5, {15: B})


def test_a_hole_is_a_gap_and_all_between_belongs_to_it():
    assert gap([A, C], {10: (4, 0), 20: (5, 0)}) == Gap(3, 15, 19, 5, {})
    assert gap([B, C], {15: (3, 1)}) == Gap(3, 10, 24, 6, {15: B, 20: C})
