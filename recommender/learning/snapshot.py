"""What the job learns from: signals and pairs of one moment, read from ClickHouse by Arrow."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import pyarrow as pa
from clickhouse_connect.driver.client import Client
from numpy.typing import NDArray

from domain.catalogue import MAX_INDEX
from recommender.learning.weights import Weights

SQL = Path(__file__).parent / "sql"
DAY_MS = 86_400_000
# the job has a machine to share: past the first it groups on disk, past the second it gives up
LIMITS = {"max_bytes_before_external_group_by": 1_000_000_000, "max_memory_usage": 4_000_000_000, "max_threads": 2}
PAIR_ROWS_AT_ONCE = 1_024  # each carries its viewer's list


@dataclass(frozen=True)
class Watches:
    """One entry a viewer and drama (recommender/learning/sql/watches.sql); no entry means nothing is known."""

    user_id: NDArray[np.int64]
    drama: NDArray[np.int32]  # dense index
    share: NDArray[np.float32]  # episodes watched
    completes: NDArray[np.float32]  # episodes completed
    seen: NDArray[np.bool_]
    positive: NDArray[np.bool_]
    liked: NDArray[np.bool_]
    followed: NDArray[np.bool_]
    at_ms: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.user_id)

    @classmethod
    def of(cls, table: pa.Table) -> Self:
        """From the answer of watches.sql.  Raises ValueError for a dense index past MAX_INDEX."""
        column = {name: table[name].to_numpy() for name in table.column_names}
        drama = column["drama_index"]
        if len(drama) and int(drama.max()) > MAX_INDEX:
            raise ValueError(f"dense index {drama.max()} does not fit the published form")
        flags = {name: column[name] > 0 for name in ("seen", "positive", "liked", "followed")}
        return cls(
            user_id=column["user_id"].astype(np.int64),
            drama=drama.astype(np.int32),
            share=column["share"].astype(np.float32),
            completes=column["completes"].astype(np.float32),
            at_ms=column["at_ms"].astype(np.int64),
            **flags,
        )


@dataclass(frozen=True)
class Pairs:
    """Dramas `a` and `b` (dense indexes) that the same viewers watched, both ways, by weight."""

    a: NDArray[np.int32]
    b: NDArray[np.int32]
    weight: NDArray[np.float32]

    @classmethod
    def of(cls, table: pa.Table) -> Self:
        """From the answer of pairs.sql."""
        a, b, weight = (table[name].to_numpy() for name in ("a", "b", "weight"))
        return cls(a.astype(np.int32), b.astype(np.int32), weight.astype(np.float32))


@dataclass(frozen=True)
class Snapshot:
    """Everything before `as_of_ms`."""

    as_of_ms: int
    watches: Watches
    pairs: Pairs

    def digest(self) -> str:
        """SHA-256 of all columns in the order of the queries, which is of the rows alone: hex."""
        found = hashlib.sha256()
        for part in (self.watches, self.pairs):
            for name, column in sorted(vars(part).items()):
                found.update(f"{name} {column.dtype} {len(column)};".encode())
                found.update(np.ascontiguousarray(column).data)
        return found.hexdigest()


def read(client: Client, as_of_ms: int, weights: Weights) -> Snapshot:
    """The snapshot as of then.  Raises clickhouse_connect's ClickHouseError, ValueError (see Watches.of)."""
    window = {"as_of_ms": as_of_ms, "from_ms": as_of_ms - weights.window_days * DAY_MS}
    watches = _ask(client, "watches", {**window, "dramas_a_viewer": weights.dramas_a_viewer}, {})
    pairs = _ask(client, "pairs", {**window, **_of_pairs(weights)}, {"max_block_size": PAIR_ROWS_AT_ONCE})
    return Snapshot(as_of_ms, Watches.of(watches), Pairs.of(pairs))


def _of_pairs(weights: Weights) -> dict[str, Any]:
    return {
        "positive": weights.pair_positive,
        "short": weights.pair_short,
        "same_session": weights.pair_same_session,
        "same_week": weights.pair_same_week,
        "apart_ms": weights.pair_days * DAY_MS,
        "pair_dramas": weights.pair_dramas,
        "partners": weights.pair_partners,
    }


def _ask(client: Client, name: str, parameters: dict[str, Any], settings: dict[str, Any]) -> pa.Table:
    sql = (SQL / f"{name}.sql").read_text(encoding="utf-8")
    return client.query_arrow(sql, parameters=parameters, settings={**LIMITS, **settings})
