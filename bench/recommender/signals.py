"""What rules about signals are worth on a watch log, viewer by viewer; and how much of episodes is usually watched.

    OPENBLAS_NUM_THREADS=1 python -m bench.recommender.signals FOLDER [--days 15] [--back 1]

Trains as bench/feed_offline.py does on all days but the last, once for each set of weights, and tells the share of the
last day's viewers who watched (any of it; a valid play) one of their page's ten dramas, and how far that is from the
first set, with the standard error of the difference.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from bench import feed_offline
from bench.feed_offline import DAY_MS, SHANGHAI_MS, Log
from domain.catalogue import Catalogue
from recommender.learning.weights import WEIGHTS, Weights

FAR = 1e6  # beside so much, a share counts for itself
PLAIN = msgspec.structs.replace(
    WEIGHTS, skip=WEIGHTS.watched, share=WEIGHTS.share * FAR**0.5, share_edges_ms=(), share_usual=(FAR,)
)
SHARES = {name: getattr(WEIGHTS, name) for name in ("share", "share_edges_ms", "share_usual")}
SETS = {
    "neither": PLAIN,
    "share by length": msgspec.structs.replace(PLAIN, **SHARES),
    "skips weigh less": msgspec.structs.replace(PLAIN, skip=WEIGHTS.skip),
    "both, skips .2": msgspec.structs.replace(WEIGHTS, skip=0.2),
    "both, as it is": WEIGHTS,
}
Hits = NDArray[np.float64]  # 1 or 0 a viewer


def usual(log: Log, edges_ms: tuple[int, ...]) -> Iterator[tuple[int, int, float]]:
    """(shortest, viewers and episodes, median of the most that the viewer watched of it) of each length."""
    pair, row = np.unique(log.user << 20 | log.drama, return_inverse=True)
    share, length_ms = np.zeros(len(pair)), np.zeros(len(pair), np.int64)
    np.maximum.at(share, row, log.watched_ms / log.duration_ms)
    length_ms[row] = log.duration_ms
    bucket = np.searchsorted(edges_ms, length_ms, side="right")
    for number, edge_ms in enumerate((0, *edges_ms)):
        some = share[bucket == number]
        yield edge_ms, len(some), float(np.median(some)) if len(some) else float("nan")


def hits(past: Log, future: Log, catalogue: Catalogue, now_ms: int, weights: Weights) -> list[Hits]:
    """Whether each viewer of the future watched something of their page: any of it, and a valid play."""
    served = feed_offline.serve(past, catalogue, now_ms, weights)
    pages = {user: {pick.drama_index for pick in served.page(user)} for user in np.unique(future.user).tolist()}
    found = []
    for some in (future, future.where(future.valid)):
        hit = np.array([d in pages[u] for u, d in zip(some.user.tolist(), some.drama.tolist(), strict=True)])
        _, row = np.unique(some.user, return_inverse=True)
        found.append((np.bincount(row, hit) > 0).astype(float))
    return found


def beside(one: Hits, first: Hits) -> str:
    """Mean, and difference with its standard error."""
    apart = one - first
    return f"{one.mean():.4f} ({apart.mean():+.4f} se {apart.std() / len(apart) ** 0.5:.4f})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--days", type=int, default=15)
    parser.add_argument("--back", type=int, default=1)
    chosen = parser.parse_args()
    log, catalogue = feed_offline.read(chosen.folder)
    day = (log.at_ms + SHANGHAI_MS) // DAY_MS
    last = int(day.max()) - chosen.back
    now_ms = last * DAY_MS - SHANGHAI_MS
    past = log.where((day > last - chosen.days) & (day < last))
    for edge_ms, watches, share in usual(past, WEIGHTS.share_edges_ms):
        print(f"from {edge_ms / 1000:g} s: {share:.3f} of the episode, the median of {watches:,} viewers")
    first: list[Hits] = []
    for name, weights in SETS.items():
        found = hits(past, log.where(day == last), catalogue, now_ms, weights)
        first = first or found
        print(f"{name:18} any {beside(found[0], first[0])}  valid {beside(found[1], first[1])}", flush=True)


if __name__ == "__main__":
    main()
