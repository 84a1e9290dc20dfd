"""Small snapshots for the recommender: viewers with a taste, seeded."""

from __future__ import annotations

from typing import Any

import numpy as np

from recommender.learning.snapshot import Ignored, Pairs, Snapshot, Watches

NOW_MS = 1_790_000_000_000
HOUR_MS = 3_600_000


def watches(*entries: tuple[int, int], **more: Any) -> Watches:
    """(user, dense index) each; all watched to the end an hour before NOW_MS, but not `seen`, unless `more` says so."""
    users, dramas = (np.array(column) for column in zip(*entries, strict=True))
    count = len(entries)
    columns: dict[str, Any] = {
        "share": np.ones(count),
        "completes": np.ones(count),
        "seen": np.zeros(count, bool),
        "positive": np.ones(count, bool),
        "liked": np.zeros(count, bool),
        "followed": np.zeros(count, bool),
        "unlocks": np.zeros(count, np.float32),
        "skips": np.zeros(count, np.float32),
        "at_ms": np.full(count, NOW_MS - HOUR_MS),
    }
    return Watches(user_id=users.astype(np.int64), drama=dramas.astype(np.int32), **(columns | more))


def pairs(weights: dict[tuple[int, int], float]) -> Pairs:
    """Both ways."""
    both = {**weights, **{(b, a): weight for (a, b), weight in weights.items()}}
    a, b = np.array(list(both), np.int32).reshape(-1, 2).T
    return Pairs(a, b, np.array(list(both.values()), np.float32))


def ignored(times: dict[tuple[int, int], int]) -> Ignored:
    """(user, dense index) -> how many times it was shown for nothing."""
    users, dramas = np.array(list(times)).reshape(-1, 2).T
    return Ignored(users.astype(np.int64), dramas.astype(np.int32), np.array(list(times.values()), np.int32))


def two_tastes(viewers: int = 60, dramas: int = 40, seed: int = 1) -> Snapshot:
    """Even viewers watch even dramas, odd viewers odd ones: ten of each taste's dramas, one in ten of the other's."""
    rng = np.random.default_rng(seed)
    entries: list[tuple[int, int]] = []
    for user in range(1, viewers + 1):
        mine = [index for index in range(1, dramas + 1) if index % 2 == user % 2]
        others = [index for index in range(1, dramas + 1) if index % 2 != user % 2]
        entries += [(user, int(index)) for index in rng.choice(mine, 10, replace=False)]
        entries.append((user, int(rng.choice(others))))
    together: dict[tuple[int, int], float] = {}
    for user in range(1, viewers + 1):
        watched = sorted(index for who, index in entries if who == user)
        for i, a in enumerate(watched):
            for b in watched[i + 1 :]:
                together[a, b] = together.get((a, b), 0.0) + 1.0
    return Snapshot(NOW_MS, watches(*entries, seen=np.ones(len(entries), bool)), pairs(together))
