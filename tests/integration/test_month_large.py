"""A file of an archive with more rows than ClickHouse puts into one part by itself comes back one part an insert.

Else each part has a numbered token of its own, and the rest of a killed insert, landing late, would come twice.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO

import pytest

from infra.clickhouse.bulk import Bulk
from infra.clickhouse.client import connect
from infra.clickhouse.migrate import migrate
from infra.settings import Settings
from juliu.archive import export
from juliu.archive.manifest import read
from juliu.rebuild.month import Archived

pytestmark = [pytest.mark.servers, pytest.mark.timeout(240)]

MONTH = 202611
ROWS = 1_200_000  # a server's own limit is 1,048,449 (min_insert_block_size_rows)
_PARTS = "SELECT count() FROM system.parts WHERE active AND database = currentDatabase() AND table = 'late_events'"
_COUNT = "SELECT count(), uniqExact(offset) FROM late_events"


class Heard(Bulk):
    """Which tokens were sent with rows that were lacking."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.tokens: list[str] = []

    def outof(self, file: BinaryIO, sql: str, options: Any, coding: str = "zstd") -> int:
        """See Bulk."""
        if rows := super().outof(file, sql, options, coding):
            self.tokens.append(options["insert_deduplication_token"])
        return rows


@pytest.fixture
def archived(fresh: Settings, tmp_path: Path) -> Any:
    """An archive of one block of late events, which are gone from ClickHouse."""
    migrate(fresh)
    with connect(fresh) as client:
        client.command("SYSTEM STOP MERGES late_events")
        client.command(
            "INSERT INTO late_events (partition, offset, received_at, ts)"
            f" SELECT 0, number, '2026-11-10 12:00:00', '2026-11-01 12:00:00' FROM numbers({ROWS})"
        )
        client.command(
            "INSERT INTO blocks (partition, first, last, records, late, at)"
            f" VALUES (0, 0, {ROWS - 1}, {ROWS}, {ROWS}, '2026-11-10 12:00:01')"
        )
        export.archive(fresh, MONTH, tmp_path, False, lambda _: None)
        client.command(f"ALTER TABLE late_events DROP PARTITION {MONTH}")
        manifest, bulk = read(tmp_path / str(MONTH)), Heard(fresh)
        assert manifest is not None
        told = next(each for each in manifest.slices if each.cell.table == "late_events")
        yield client, bulk, Archived(client, bulk, manifest, tmp_path / str(MONTH)), told


def test_every_insert_of_a_large_file_is_one_part_with_a_token_of_its_own(archived):
    client, bulk, restored, told = archived
    assert restored.restore(told) == ROWS
    assert client.query(_COUNT).result_rows == [(ROWS, ROWS)]
    assert client.query(_PARTS).result_rows == [(len(bulk.tokens),)]
    assert len(set(bulk.tokens)) == len(bulk.tokens) == 2
    assert restored.restore(told) == 0
