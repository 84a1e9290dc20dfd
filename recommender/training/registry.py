"""What became of each training: one entry a decision, kept for people and for the next gate."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from importlib.metadata import version
from typing import Any, Protocol

import msgspec
from clickhouse_connect.driver.client import Client

MOST = 1_000  # entries of one answer
SOFTWARE = ("implicit", "numpy", "scipy", "pyarrow")


class Decision(StrEnum):
    """`rolled_back`: readers got the version before again."""

    PUBLISHED = "published"
    REFUSED = "refused"
    ROLLED_BACK = "rolled_back"


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One decision; the columns are explained in ClickHouse (migrations 019 and 024)."""

    at_ms: int
    decision: Decision
    reason: str = ""
    overruled: str = ""
    version: str = ""
    before: str = ""
    as_of_ms: int = 0
    since_ms: int = 0
    snapshot: str = ""
    watches: int = 0
    pairs: int = 0
    viewers: int = 0
    dramas: int = 0
    lists: int = 0
    bytes: int = 0
    seconds: Mapping[str, float] = {}
    metrics: Mapping[str, float] = {}
    not_measured: Mapping[str, str] = {}
    weights: str = ""
    limits: str = ""
    software: Mapping[str, str] = {}


class Registry(Protocol):
    """Calls raise clickhouse_connect's ClickHouseError."""

    def add(self, entry: Entry) -> None:
        """Keep it."""

    def latest(self, most: int = MOST) -> Sequence[Entry]:
        """The latest first, `most` (1..MOST) of them."""


class ClickHouseRegistry:
    """The table `rec_models`."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def add(self, entry: Entry) -> None:
        """See Registry."""
        self._client.insert("rec_models", [[_stored(name, entry) for name in FIELDS]], column_names=COLUMNS)

    def latest(self, most: int = MOST) -> Sequence[Entry]:
        """See Registry."""
        columns = ", ".join(_asked(column) for column in COLUMNS)
        sql = f"SELECT {columns} FROM rec_models ORDER BY at DESC, version DESC LIMIT {{most:UInt32}}"  # noqa: S608
        rows = self._client.query(sql, {"most": max(1, min(most, MOST))}).result_rows
        return [msgspec.convert(dict(zip(FIELDS, row, strict=True)), Entry) for row in rows]


MOMENTS = {"at_ms": "at", "as_of_ms": "as_of", "since_ms": "since"}
FIELDS = tuple(field.name for field in msgspec.structs.fields(Entry))
COLUMNS = tuple(MOMENTS.get(name, name) for name in FIELDS)


def software() -> dict[str, str]:
    """Versions of what computes."""
    return {name: version(name) for name in SOFTWARE}


def now_ms() -> int:
    """Unix milliseconds."""
    return time.time_ns() // 1_000_000


def _stored(name: str, entry: Entry) -> Any:
    value = getattr(entry, name)
    return datetime.fromtimestamp(value / 1000, UTC) if name in MOMENTS else value


def _asked(column: str) -> str:
    return f"toUnixTimestamp64Milli({column})" if column in MOMENTS.values() else column
