"""What learning costs by the size of the log: seconds, CPU-seconds and memory of each step of the job but the reading.

    OPENBLAS_NUM_THREADS=1 python -m bench.recommender.scale [--watches 1000000 3000000 10000000] [--dramas 20000]
    OPENBLAS_NUM_THREADS=1 python -m bench.recommender.scale --sample FOLDER

A made-up log (bench/recommender/made_up.py) as the snapshot that the job reads, with as many pairs of dramas as the job
reads at most; with `--sample` all of the sample log (sequences and log, what was watched at all).  `train`, `content`
and `publish` as the job calls them, into a Redis of its own.  Each size in a process of its own; `before` is what its
log takes, `peak` the most of the process during the step (reset before each).
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix

from bench.recommender import kuairand, made_up
from recommender.evaluation.child import peak_mb
from recommender.interactions import Flags, Floats, Ints
from recommender.learning.model import train
from recommender.learning.snapshot import Pairs, Snapshot, Watches
from recommender.learning.weights import WEIGHTS
from recommender.publication.lock import held
from recommender.publication.publish import content, publish
from recommender.publication.store import RedisRecommendationStore
from tests.redis_server import RedisServer
from tests.snapshots import HOUR_MS, NOW_MS, two_tastes

DAYS = 30
LONGEST_S = 120


def made_up_snapshot(count: int, dramas: int) -> Snapshot:
    """Of so many watches: what viewers did is by chance, when they did it spread over a month."""
    made, rng = made_up.log(count, dramas), np.random.default_rng(made_up.SEED + 1)
    rows = len(made.viewer)
    share = rng.random(rows, np.float32)
    at_ms = NOW_MS - rng.integers(0, DAYS * 24 * HOUR_MS, rows)
    return snapshot(made.viewer, made.drama, share, share > 0.3, at_ms=at_ms, together=pairs(dramas))


def sample_snapshot(folder: Path) -> Snapshot:
    """All that the sample log knows; of pairs all that share a viewer, the strongest of each drama."""
    sample = kuairand.read(folder)
    log = sample.before(2**62)
    log = log.where(log.weight > 0)
    pair, last = np.unique((log.user * sample.items + log.item)[::-1], return_index=True)
    glad = np.isin(pair, (log.user * sample.items + log.item)[log.positive])
    viewer, drama = pair // sample.items, pair % sample.items
    watched = csr_matrix((np.ones(len(pair), np.float32), (viewer, drama + 1)))
    share = np.where(glad, 1, 0.3).astype(np.float32)
    together = strongest(csr_matrix(watched.T @ watched))
    return snapshot(viewer + 1, drama + 1, share, glad, at_ms=log.ts_ms[::-1][last], together=together)


def snapshot(viewer: Ints, drama: Ints, share: Floats, positive: Flags, *, at_ms: Ints, together: Pairs) -> Snapshot:
    """What else the job reads follows from these, or is that of a small snapshot again and again."""
    one, rows = two_tastes(), len(viewer)
    known = {name: np.resize(column, rows) for name, column in vars(one.watches).items()} | {
        "user_id": viewer, "drama": drama.astype(np.int32), "share": share, "seen": share > 0.1, "positive": positive,
        "completes": (share > 0.9).astype(np.float32), "liked": share > 0.98, "followed": share > 0.99, "at_ms": at_ms,
    }  # fmt: skip
    return replace(one, as_of_ms=int(at_ms.max()) + 1, watches=Watches(**known), pairs=together)


def strongest(together: csr_matrix) -> Pairs:
    """Of each drama, as pairs.sql has them."""
    together.setdiag(0)
    together.eliminate_zeros()
    found = []
    for a in range(together.shape[0]):
        b, weight = (part[together.indptr[a] : together.indptr[a + 1]] for part in (together.indices, together.data))
        best = np.argsort(-weight, kind="stable")[: WEIGHTS.pair_partners]
        found.append((np.full(len(best), a), b[best], weight[best]))
    a, b, weight = (np.concatenate(column) for column in zip(*found, strict=True))
    return Pairs(a.astype(np.int32), b.astype(np.int32), weight.astype(np.float32))


def pairs(dramas: int) -> Pairs:
    """As many as pairs.sql answers at most, of neighbours by number: they share a taste or are watched alike."""
    partners = min(WEIGHTS.pair_partners, dramas - 1)
    a = np.repeat(np.arange(1, dramas + 1, dtype=np.int32), partners)
    b = (a - 1 + np.tile(np.arange(1, partners + 1, dtype=np.int32), dramas)) % dramas + 1
    return Pairs(a, b, np.random.default_rng(made_up.SEED).random(len(a), np.float32))


@contextmanager
def step(name: str) -> Iterator[None]:
    """Tells what it took: a row of a table in Markdown."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak of memory begins anew
    before, wall, cpu = peak_mb(), time.perf_counter(), time.process_time()
    yield
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(f"| {name} | {wall:.1f} | {cpu:.1f} | {before:.0f} | {peak_mb():.0f} |", flush=True)


def measure(make: Callable[[], Snapshot]) -> None:
    """One size."""
    known = make()
    name = f"{len(known.watches) / 1e6:.2f} M x {int(known.watches.drama.max()):,}"
    with step(f"{name}: train"):
        made = train(known, WEIGHTS)
    server = RedisServer()
    try:
        store = RedisRecommendationStore(server.client())
        with (
            step(f"{name}: publish {len(made.viewers):,} viewers"),
            held(store, "train", wait_s=0, longest_s=60) as hold,
        ):
            publish(store, made, content(made, len(known.watches), "0000000a", 1, WEIGHTS), hold, "")
        store.close()
    finally:
        server.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--watches", type=int, nargs="*", default=[1_000_000, 3_000_000, 10_000_000])
    parser.add_argument("--dramas", type=int, default=20_000)
    parser.add_argument("--sample", type=Path)
    asked = parser.parse_args()
    print(f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}")
    print("| step | s | CPU-s | MB before | MB peak |\n|---|---|---|---|---|")
    sizes = [partial(made_up_snapshot, count, asked.dramas) for count in asked.watches]
    for make in [partial(sample_snapshot, asked.sample)] if asked.sample else sizes:
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
            pool.submit(measure, make).result()


if __name__ == "__main__":
    main()
