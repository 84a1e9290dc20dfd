"""Parquet files as somebody elsewhere might write them, small."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet


def a_file(path: Path, **columns: Any) -> Path:
    """With these columns; needed ones that are left out are three views of two viewers."""
    usual = {"user_id": [1, 1, 2], "item_id": [10, 11, 10], "ts": [1_700_000_000, 1_700_000_060, 1_700_000_120]}
    found = {name: values for name, values in {**usual, **columns}.items() if values is not None}
    parquet.write_table(pa.table(found), path)
    return path
