"""How the job asks ClickHouse: queries of recommender/learning/sql, their numbers by name, answers as Arrow tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import pyarrow as pa
from clickhouse_connect.driver.client import Client

from domain import playback
from recommender.learning.weights import Weights

SQL = Path(__file__).parent / "sql"
DAY_MS = 86_400_000
# the job has a machine to share: past the first it groups on disk, past the second it gives up
LIMITS = {"max_bytes_before_external_group_by": 1_000_000_000, "max_memory_usage": 4_000_000_000, "max_threads": 2}
RULE = {
    "valid_ms": playback.VALID_MS, "long_ms": playback.LONG_MS, "complete_permille": playback.COMPLETE_PERMILLE,
}  # fmt: skip
Moments = Mapping[str, int | Sequence[int]]  # milliseconds, ids


def ask(client: Client, name: str, moments: Moments, weights: Weights | None = None, **settings: int) -> pa.Table:
    """The answer of `name`.sql, which names numbers as Weights, RULE and `moments` do.

    Raises clickhouse_connect's ClickHouseError.
    """
    sql = _text(name)
    if " IN active" in sql:
        sql = f"WITH active AS\n(\n{_text('active')})\n{sql}"
    numbers = {**(msgspec.structs.asdict(weights) if weights else {}), **RULE, **moments}
    named = {number: _bound(value) for number, value in numbers.items() if f"{{{number}:" in sql}
    return client.query_arrow(sql, parameters=named, settings={**LIMITS, **settings})


def _bound(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value


def _text(name: str) -> str:
    return (SQL / f"{name}.sql").read_text(encoding="utf-8")
