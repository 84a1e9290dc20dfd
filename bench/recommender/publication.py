"""How long it takes to publish a million viewers' lists, and how much Redis keeps of it.

    OPENBLAS_NUM_THREADS=1 python -m bench.recommender.publication [--viewers 1000000] [--dramas 20000] [--again]

Made-up lists of 100, seeded, into a Redis of its own (appendonly, as the local stack's) over a unix socket, by the
job's own `content` and `publish`.  Bytes are Redis's used_memory, after less before: keys, expiries and the allocator's
rounding are in it.  `--again` publishes three versions: the third drops the first.  `--redis URL` publishes over what
is served there instead (for `juliu bench feed`, on an installation without viewers of its own).
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import numpy as np
import psutil
from redis import Redis

from domain.recommendations import PER_DRAMA, PER_VIEWER
from recommender.evaluation.child import peak_mb
from recommender.learning.als import Factors
from recommender.learning.model import Recommendations
from recommender.learning.personal import Vectors
from recommender.learning.weights import WEIGHTS
from recommender.publication.lock import held
from recommender.publication.publish import content, publish
from recommender.publication.store import RedisRecommendationStore
from tests.redis_server import RedisServer

LONGEST_S = 600
FACTORS = 3 * WEIGHTS.factors  # as many fits side by side
SEED = 7


def learnt(viewers: int, dramas: int) -> Recommendations:
    """Lists by chance, none shorter than they may be, and vectors: the largest that can be published."""
    rng = np.random.default_rng(SEED)
    vectors = Vectors(*(rng.standard_normal((rows, FACTORS + 1), np.float32) for rows in (viewers, dramas + 1)))
    factors = Factors.of(vectors.viewers[:, :FACTORS], vectors.dramas[:, :FACTORS], 1.0, 1.0)
    ids = np.cumsum(rng.integers(1, 4, viewers))
    personal = rng.integers(1, dramas + 1, (viewers, PER_VIEWER), np.uint16)
    also = rng.integers(1, dramas + 1, (dramas, PER_DRAMA), np.uint16)
    return Recommendations(1, ids, personal, dict(enumerate(also, 1)), dramas, True, vectors, factors)


@contextmanager
def clocked(what: str, server: psutil.Process | None) -> Iterator[None]:
    """Tells seconds, CPU-seconds of this process and of Redis, and the most memory of this process so far."""
    wall, mine, its = time.perf_counter(), time.process_time(), cpu_s(server)
    yield
    wall, mine, its = time.perf_counter() - wall, time.process_time() - mine, cpu_s(server) - its
    print(f"{what:12} {wall:6.1f} s, {mine:6.1f} CPU-s, Redis {its:5.1f} CPU-s, peak {peak_mb():6.0f} MB", flush=True)


def cpu_s(process: psutil.Process | None) -> float:
    """0 where it is not known."""
    return sum(process.cpu_times()[:2]) if process else 0.0


def used(client: Redis) -> int:
    """Bytes that Redis has allocated."""
    return int(cast("dict[str, Any]", client.info("memory"))["used_memory"])


def measure(client: Redis, made: Recommendations, versions: int, server: psutil.Process | None) -> None:
    """Publish that many versions, one over the other; tells what each took and what Redis keeps of one."""
    store, before, viewers = RedisRecommendationStore(client), used(client), len(made.viewers)
    with held(store, "train", wait_s=0, longest_s=LONGEST_S) as hold:
        for number in range(1, versions + 1):
            with clocked(f"version {number}", server):
                stored = content(made, 10 * viewers, f"{number:08x}", 1, WEIGHTS)
                publish(store, made, stored, hold, store.pointers().current)
    kept = (used(client) - before) / min(versions, 2)
    size = stored.bytes + sum(map(len, stored.model))
    print(f"a version: {size / 1e6:.1f} MB, in Redis {kept / 1e6:.1f} MB: {kept / viewers:.1f} bytes a viewer")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--viewers", type=int, default=1_000_000)
    parser.add_argument("--dramas", type=int, default=20_000)
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--redis", metavar="URL")
    asked = parser.parse_args()
    print(f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}")
    made = learnt(asked.viewers, asked.dramas)
    print(f"{asked.viewers:,} viewers, {asked.dramas:,} dramas; {peak_mb():.0f} MB before")
    if asked.redis:
        with Redis.from_url(asked.redis) as client:
            measure(client, made, 3 if asked.again else 1, None)
        return
    server = RedisServer()
    try:
        assert server.process is not None
        with server.client() as client:
            measure(client, made, 3 if asked.again else 1, psutil.Process(server.process.pid))
    finally:
        server.close()


if __name__ == "__main__":
    main()
