"""Viewers who did something of late, as the fold-in sees them: what they like, what they are not to see."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from clickhouse_connect.driver.client import Client
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from recommender.learning import signals, snapshot
from recommender.learning.asked import DAY_MS, ask
from recommender.learning.snapshot import Cooling, Snapshot, whose
from recommender.learning.weights import Weights

Ints = NDArray[np.int64]
Cells = tuple[Ints, NDArray[np.int32]]  # (user_id, drama) of each


@dataclass(frozen=True)
class Active:
    """Rows are `viewers`, ascending; columns are dense indexes.  All matrices are of one shape."""

    viewers: Ints
    confidences: csr_matrix
    never: csr_matrix  # an entry: not to be listed
    discount: csr_matrix  # 0..1: what a score loses
    cooling: Cooling  # of these viewers and of others
    until_ms: int  # what was received before then in every partition, and some of what was received later

    def __len__(self) -> int:
        return len(self.viewers)


def read(client: Client, as_of_ms: int, weights: Weights, since_ms: int, dramas: int) -> Active:
    """Of whom something came in since then, at most weights.active_viewers, the latest; and of `dramas` dense indexes.

    Raises clickhouse_connect's ClickHouseError, ValueError.
    """
    window = {
        "as_of_ms": as_of_ms, "from_ms": as_of_ms - weights.window_days * DAY_MS, "active_since_ms": since_ms,
    }  # fmt: skip
    until_ms = int(ask(client, "received", window)["received_ms"][0].as_py())
    known = snapshot.read_viewers(client, as_of_ms, weights, since_ms)
    disliked = whose(ask(client, "disliked", window, weights))
    cooling = snapshot.cooling(client, as_of_ms, weights, since_ms)
    return of(known, (disliked["user_id"], disliked["drama"]), cooling, weights, dramas, until_ms=until_ms)


def of(
    known: Snapshot, disliked: Cells, cooling: Cooling, weights: Weights, dramas: int, *, until_ms: int = 0
) -> Active:
    """Of a snapshot of these viewers.  Dense indexes from `dramas` on came after the training and are left out."""
    watches, ignored = known.watches, known.ignored
    viewers = np.unique(watches.user_id)
    valid = watches.seen

    def matrix(cells: Cells, values: NDArray[np.float32]) -> csr_matrix:
        return _matrix(viewers, cells, values, dramas)

    never = np.concatenate([watches.user_id[valid], disliked[0]]), np.concatenate([watches.drama[valid], disliked[1]])
    return Active(
        viewers,
        matrix((watches.user_id, watches.drama), signals.confidences(watches, weights)),
        matrix(never, np.ones(len(never[0]), np.float32)),
        matrix((ignored.user_id, ignored.drama), np.asarray(1 - weights.ignored**ignored.times, np.float32)),
        cooling,
        until_ms,
    )


def _matrix(viewers: Ints, cells: Cells, values: NDArray[np.float32], dramas: int) -> csr_matrix:
    users, columns = cells
    rows = np.minimum(np.searchsorted(viewers, users), max(0, len(viewers) - 1))
    kept = (columns < dramas) & (viewers[rows] == users if len(viewers) else False)
    return csr_matrix((values[kept], (rows[kept], columns[kept])), shape=(len(viewers), dramas))
