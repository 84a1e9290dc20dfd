"""What the job learns from: signals, pairs and what was ignored as of one moment, read from ClickHouse by Arrow."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import pyarrow as pa
from clickhouse_connect.driver.client import Client
from numpy.typing import NDArray

from domain.catalogue import MAX_INDEX
from recommender.learning.asked import DAY_MS, ask
from recommender.learning.weights import Weights

PAIR_ROWS_AT_ONCE = 1_024  # each carries its viewer's list


@dataclass(frozen=True)
class Watches:
    """One entry a viewer and drama (recommender/learning/sql/watches.sql); no entry means nothing is known."""

    user_id: NDArray[np.int64]
    drama: NDArray[np.int32]  # dense index
    share: NDArray[np.float32]  # episodes watched, each beside what is usual at its length
    completes: NDArray[np.float32]  # episodes completed
    seen: NDArray[np.bool_]
    positive: NDArray[np.bool_]
    liked: NDArray[np.bool_]
    followed: NDArray[np.bool_]
    unlocks: NDArray[np.float32]  # episodes unlocked, less those refunded
    skips: NDArray[np.float32]  # quick skips of a drama of which nothing was watched properly, else 0
    at_ms: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.user_id)

    @classmethod
    def of(cls, table: pa.Table) -> Self:
        """From the answer of watches.sql.  Raises ValueError for a dense index past MAX_INDEX."""
        flags = {name: table[name].to_numpy() > 0 for name in ("seen", "positive", "liked", "followed")}
        counts = {name: table[name].to_numpy() for name in ("share", "completes", "unlocks", "skips")}
        return cls(**whose(table), at_ms=table["at_ms"].to_numpy().astype(np.int64), **flags, **counts)


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

    @classmethod
    def nothing(cls) -> Self:
        """No pair."""
        return cls(np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0, np.float32))


@dataclass(frozen=True)
class Ignored:
    """Impressions of the last days that led to nothing: one entry a viewer and drama, shown so many times."""

    user_id: NDArray[np.int64]
    drama: NDArray[np.int32]
    times: NDArray[np.int32]

    @classmethod
    def of(cls, table: pa.Table) -> Self:
        """From the answer of ignored.sql.  Raises ValueError for a dense index past MAX_INDEX."""
        return cls(**whose(table), times=table["times"].to_numpy().astype(np.int32))

    @classmethod
    def nothing(cls) -> Self:
        """No entry."""
        return cls(np.zeros(0, np.int64), np.zeros(0, np.int32), np.zeros(0, np.int32))


@dataclass(frozen=True)
class Cooling:
    """Dramas that a viewer skipped twice of late (recommender/learning/sql/cooling.sql)."""

    user_id: NDArray[np.int64]  # ascending
    drama: NDArray[np.int32]


@dataclass(frozen=True)
class Snapshot:
    """Everything before `as_of_ms`."""

    as_of_ms: int
    watches: Watches
    pairs: Pairs
    ignored: Ignored = field(default_factory=Ignored.nothing)

    def digest(self) -> str:
        """SHA-256 of all columns in the order of the queries, which is of the rows alone: hex."""
        found = hashlib.sha256()
        for part in (self.watches, self.pairs, self.ignored):
            for name, column in sorted(vars(part).items()):
                found.update(f"{name} {column.dtype} {len(column)};".encode())
                found.update(np.ascontiguousarray(column).data)
        return found.hexdigest()


def read(client: Client, as_of_ms: int, weights: Weights) -> Snapshot:
    """The snapshot as of then.  Raises clickhouse_connect's ClickHouseError, ValueError (see Watches.of)."""
    watches, ignored = _of_viewers(client, as_of_ms, weights, 0)
    return Snapshot(as_of_ms, watches, read_pairs(client, as_of_ms, weights), ignored)


def read_pairs(client: Client, as_of_ms: int, weights: Weights) -> Pairs:
    """The pairs of the snapshot as of then, alone.  Raises ClickHouseError."""
    window = {**_window(as_of_ms, weights.window_days), "apart_ms": weights.pair_days * DAY_MS}
    return Pairs.of(ask(client, "pairs", window, weights, max_block_size=PAIR_ROWS_AT_ONCE))


def read_viewers(client: Client, as_of_ms: int, weights: Weights, active_since_ms: int) -> Snapshot:
    """As read, of the viewers alone of whom something came in since then (received; > 0), and without pairs.

    Of those viewers it is what read says of them, the order too.  At most weights.active_viewers, the latest.
    """
    watches, ignored = _of_viewers(client, as_of_ms, weights, _since(active_since_ms))
    return Snapshot(as_of_ms, watches, Pairs.nothing(), ignored)


def cooling(client: Client, as_of_ms: int, weights: Weights, active_since_ms: int) -> Cooling:
    """All that is to be hidden from viewers of whom something came in since then (> 0); of each the latest first.

    At most weights.active_viewers viewers, the latest, and weights.cooling_dramas of each.  Raises ClickHouseError,
    ValueError for a dense index past MAX_INDEX.
    """
    moments = _window(as_of_ms, 2 * weights.cooling_days)  # two skips as far apart as they may be
    moments |= {"cooling_ms": weights.cooling_days * DAY_MS, "active_since_ms": _since(active_since_ms)}
    return Cooling(**whose(ask(client, "cooling", moments, weights)))


def whose(table: pa.Table) -> dict[str, NDArray[Any]]:
    """The columns `user_id` and `drama` of an answer.  Raises ValueError for a dense index past MAX_INDEX."""
    drama = table["drama_index"].to_numpy()
    if len(drama) and int(drama.max()) > MAX_INDEX:
        raise ValueError(f"dense index {drama.max()} does not fit the published form")
    return {"user_id": table["user_id"].to_numpy().astype(np.int64), "drama": drama.astype(np.int32)}


def _of_viewers(client: Client, as_of_ms: int, weights: Weights, active_since_ms: int) -> tuple[Watches, Ignored]:
    since = {"active_since_ms": active_since_ms}
    watches = ask(client, "watches", _window(as_of_ms, weights.window_days) | since, weights)
    ignored = ask(client, "ignored", _window(as_of_ms, weights.ignored_days) | since, weights)
    return Watches.of(watches), Ignored.of(ignored)


def _window(as_of_ms: int, days: int) -> dict[str, int]:
    return {"as_of_ms": as_of_ms, "from_ms": as_of_ms - days * DAY_MS}


def _since(active_since_ms: int) -> int:
    if active_since_ms <= 0:
        raise ValueError(f"active since {active_since_ms}: 0 would be everybody")
    return active_since_ms
