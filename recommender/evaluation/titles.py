"""What items are called: a parquet file beside a log, for people to read its report by."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
from pyarrow import parquet

from recommender.evaluation.unfit import Unfit


def read(path: Path) -> dict[str, str]:
    """By item id, as text.  Items without a title, and titles of nothing, do no harm.  Raises Unfit."""
    try:
        table = parquet.read_table(path, columns=["item_id", "title"])
    except (OSError, pa.ArrowException) as error:
        raise Unfit(f"{path}: no parquet file with item_id and title: {error}") from error
    if set(table.column_names) != {"item_id", "title"}:
        raise Unfit(f"{path}: columns item_id and title are needed")
    ids, names = table["item_id"].to_pylist(), table["title"].to_pylist()
    return {str(item): str(name) for item, name in zip(ids, names, strict=True) if name is not None}
