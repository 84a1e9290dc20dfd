"""Days of the log: what viewers were shown on one, for the exam, and how much was watched on the last ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from clickhouse_connect.driver.client import Client
from numpy.typing import NDArray

from recommender.learning.asked import DAY_MS, ask
from recommender.learning.snapshot import whose
from recommender.learning.weights import Weights

MOST_DAYS = 400  # `events` keeps 13 months


@dataclass(frozen=True)
class Day:
    """What viewers were shown on a day, one entry a viewer and drama on the screen or played (day.sql)."""

    user_id: NDArray[np.int64]  # ascending
    drama: NDArray[np.int32]
    at_ms: NDArray[np.int64]  # of the first positive playback, else of the first watch, else of the first sight
    session: NDArray[np.int64]  # a hash of the session of that moment
    watched: NDArray[np.bool_]
    positive: NDArray[np.bool_]  # watched long or to the end, or liked
    new: NDArray[np.bool_]  # the viewer had watched nothing of it before the day

    def __len__(self) -> int:
        return len(self.user_id)


def read_day(client: Client, from_ms: int, to_ms: int, weights: Weights) -> Day:
    """What viewers who watched something from `from_ms` to before `to_ms` were shown then.

    At most weights.exam_viewers of them, drawn by a hash, and weights.exam_dramas of each, watched ones first.  Raises
    ClickHouseError, ValueError for a dense index past MAX_INDEX.
    """
    moments = {"day_from_ms": from_ms, "day_to_ms": to_ms, "since_ms": from_ms - weights.window_days * DAY_MS}
    table = ask(client, "day", moments, weights)
    flags = {name: table[name].to_numpy() > 0 for name in ("watched", "positive", "new")}
    numbers = {name: table[name].to_numpy().astype(np.int64) for name in ("at_ms", "session")}
    return Day(**whose(table), **numbers, **flags)


def volume(client: Client, as_of_ms: int, days: int) -> list[int]:
    """Viewers and dramas, one each, with something watched on each of the last whole days (Shanghai) before then.

    The oldest first, 0 for a day without; on the same scale as the watches of a snapshot.  Raises ClickHouseError,
    ValueError outside 1..MOST_DAYS.
    """
    if not 1 <= days <= MOST_DAYS:
        raise ValueError(f"{days} days; 1..{MOST_DAYS} can be asked for")
    table = ask(client, "volume", {"as_of_ms": as_of_ms, "days": days})
    found = [0] * days
    for ago, watches in zip(table["ago"].to_pylist(), table["watches"].to_pylist(), strict=True):
        found[days - ago] = watches
    return found
