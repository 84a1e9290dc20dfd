"""The product's next version, for deploys: a copy of this code tree whose API stamps one field more on each event."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

from infra.clickhouse.client import connect
from infra.place import ROOT
from infra.settings import Settings
from streams.store_block import TABLES

PACKAGES = ("domain", "infra", "ingest_api", "streams", "recommender", "media_jobs", "juliu")
BUILD = 7  # what the new field, `build`, says

# file, what stands there, what stands there in the next version
CHANGES = (
    ("domain/events.py", '    request_id: Word = ""\n', '    request_id: Word = ""\n    build: int = 0\n'),
    ("infra/clickhouse/columns.py", '    Field("seq", _INT),\n',
     '    Field("seq", _INT),\n    Field("build", _INT),\n'),
    ("ingest_api/events/stamps.py", '    channel: str = ""\n\n\nclass Stamper',
     '    channel: str = ""\n    build: int = 0\n\n\nclass Stamper'),
    ("ingest_api/events/stamps.py", "receipt.received_at_ms, **client))",
     f"receipt.received_at_ms, build={BUILD}, **client))"),
)  # fmt: skip


def make(folder: Path) -> Path:
    """Copy the packages to `folder` and change them; what to put on PYTHONPATH.

    Raises AssertionError where the code no longer has a place that is to be changed.
    """
    shutil.rmtree(folder, ignore_errors=True)
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name, before, after in CHANGES:
        _change(folder / name, before, after)
    return folder


def _change(file: Path, before: str, after: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert text.count(before) == 1, f"{file} has {text.count(before)} times {before!r}"
    file.write_text(text.replace(before, after), encoding="utf-8")


async def add_columns(settings: Settings) -> None:
    """What the next version's migration does; the version before it does not mind."""
    await asyncio.to_thread(_add_columns, settings)


def _add_columns(settings: Settings) -> None:
    with connect(settings) as client:
        for table in TABLES:
            client.command(f"ALTER TABLE {table} ADD COLUMN IF NOT EXISTS build Int64 DEFAULT 0")


async def rows_by_build(settings: Settings) -> dict[int, int]:
    """How many rows of `events` each version stamped."""
    return await asyncio.to_thread(_rows_by_build, settings)


def _rows_by_build(settings: Settings) -> dict[int, int]:
    with connect(settings) as client:
        rows = client.query("SELECT build, count() FROM events GROUP BY build ORDER BY build").result_rows
    return {int(build): int(count) for build, count in rows}
