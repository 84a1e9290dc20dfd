"""Small watch logs for models: built from (viewer, item) pairs, an hour apart, all watched and liked unless told."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from recommender.interactions import Interactions, Known

NOW_MS = 1_790_000_000_000
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


def a_log(
    pairs: Sequence[tuple[int, int]],
    *,
    ts_ms: Sequence[int] | None = None,
    weight: Sequence[float] | None = None,
    positive: Sequence[bool] | None = None,
) -> Interactions:
    """One entry a pair, the last an hour before NOW_MS."""
    count = len(pairs)
    user, item = np.array(pairs, np.int64).reshape(-1, 2).T
    hours = NOW_MS - HOUR_MS * np.arange(count, 0, -1)
    return Interactions(
        user=user,
        item=item,
        ts_ms=hours if ts_ms is None else np.array(ts_ms, np.int64),
        weight=np.ones(count, np.float32) if weight is None else np.array(weight, np.float32),
        positive=np.ones(count, bool) if positive is None else np.array(positive, bool),
        session=np.full(count, -1, np.int64),
        random=np.zeros(count, bool),
    )


def known(log: Interactions, users: int | None = None, items: int | None = None) -> Known:
    """As many viewers and items as the log names, unless told."""
    most = (int(column.max()) + 1 if len(log) else 0 for column in (log.user, log.item))
    users_there, items_there = most
    return Known(log, users_there if users is None else users, items_there if items is None else items, NOW_MS)


def two_tastes(viewers: int = 60, items: int = 40, each: int = 10, seed: int = 1) -> list[tuple[int, int]]:
    """Even viewers watch `each` of the even items, odd ones of the odd: in an order of the seed's."""
    random = np.random.default_rng(seed)
    pairs: list[tuple[int, int]] = []
    for user in range(viewers):
        mine = np.arange(user % 2, items, 2)
        pairs += [(user, int(item)) for item in random.choice(mine, each, replace=False)]
    return pairs


EVERYONE = [(user, 0) for user in range(5)]
# Logs that any model must be able to learn from.
EDGES = {
    "empty": known(a_log([])),
    "nobody has watched": known(a_log([]), users=3, items=4),
    "shown, not watched": known(a_log(EVERYONE, weight=[0] * 5, positive=[False] * 5), items=3),
    "one viewer, one item": known(a_log([(0, 0)])),
    "one viewer": known(a_log([(0, 0), (0, 2)]), items=4),
    "one item": known(a_log(EVERYONE)),
    "all alike": known(a_log([(user, item) for user in range(5) for item in range(3)])),
    "some without a history": known(a_log([(1, 1), (3, 2)]), users=6, items=5),
    "again and again": known(a_log([(0, 1)] * 9), users=2, items=3),
}
