"""What the catalogue costs a process: memory, time to load, longest pause of the event loop, look-ups.

    python bench/catalogue.py [--dramas 10000] [--episodes 80]

Starts a Redis of its own, publishes a made-up catalogue into it and follows it from a fresh process.  Prints JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import random
import socket
import subprocess
import sys
import tempfile
import time
import timeit
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import psutil
import redis
import redis.asyncio

from domain.catalogue import Catalogue, Drama
from infra.catalogue.follower import CatalogueFollower
from infra.catalogue.form import CHUNK_DRAMAS, Delta, Meta, Version, chunk_of, delta_of, digest_of, meta_of
from infra.catalogue.shelf import RedisShelf

SEED = 7
MIB = 1_048_576
Pause = tuple[float, float]  # seconds by the clock, and of them this process's own CPU: the rest is the neighbours'


def made_up(dramas: int, episodes: int) -> list[Drama]:
    """Dramas as a real catalogue has them: titles of their own, categories, tags and actors that repeat."""
    rng = random.Random(SEED)
    han = [chr(code) for code in range(0x4E00, 0x4E00 + 2_000)]
    actors = ["".join(rng.choices(han, k=3)) for _ in range(2_000)]
    tags = ["".join(rng.choices(han, k=2)) for _ in range(200)]
    return [
        Drama(
            drama_id=10_000_000 + 7 * index,
            index=index,
            title="".join(rng.choices(han, k=rng.randint(4, 14))),
            category=rng.choice(tags[:20]),
            tags=tuple(rng.sample(tags, 4)),
            cast=tuple(rng.sample(actors, 4)),
            region="CN",
            free_first=10,
            price_coins=80,
            durations=[rng.randint(45_000, 180_000) for _ in range(episodes)],
        )
        for index in range(1, dramas + 1)
    ]


def put(shelf: RedisShelf, dramas: list[Drama]) -> int:
    """Publish as base 1 at revision 1; the bytes it takes in Redis."""
    chunks = [chunk_of(dramas[start : start + CHUNK_DRAMAS]) for start in range(0, len(dramas), CHUNK_DRAMAS)]
    shelf.put_meta(1, meta_of(Meta(revision=1, dramas=len(dramas), chunks=[digest_of(chunk) for chunk in chunks])))
    for position, chunk in enumerate(chunks):
        shelf.put_chunk(1, position, chunk)
    assert shelf.switch(shelf.version(), Version(1, 0, 1))
    return sum(map(len, chunks))


async def follow(url: str) -> dict[str, Any]:
    """Load the base, then a delta of 250 dramas, while a ticker measures how long the loop stood still."""
    client = redis.asyncio.Redis.from_url(url)
    follower = CatalogueFollower(client)
    pauses: list[Pause] = []
    ticker = asyncio.create_task(_tick(pauses))
    await asyncio.sleep(0.05)
    pauses.clear()
    gc.freeze()  # as every long-lived process of ours does once it has imported what it needs
    before, began = _rss(), time.perf_counter()
    await follower.start()
    load_s, pause = time.perf_counter() - began, _longest(pauses)
    gc.collect()
    rss = _rss() - before
    again = await _longest_of_five(follower, pauses)
    shelf = RedisShelf(redis.Redis.from_url(url))
    some = [drama for drama in follower.current if drama.index <= 250]
    assert shelf.push(Version(1, 0, 1), Version(1, 1, 2), delta_of(Delta(after=1, revision=2, dramas=some)))
    began = time.perf_counter()
    await follower.refresh()
    delta_s = time.perf_counter() - began
    ticker.cancel()
    await follower.stop()
    await client.aclose()
    return {
        "memory_mib": round(rss / MIB, 1),
        "load_s": round(load_s, 3),
        "longest_pause_ms": pause,
        "longest_pause_of_5_more_ms": again,
        "delta_of_250_s": round(delta_s, 3),
        **_lookups(follower.current),
    }


async def _longest_of_five(follower: CatalogueFollower, pauses: list[Pause]) -> list[dict[str, float]]:
    """Load the whole base five times more: one number may be the neighbour's fault."""
    longest = []
    for _ in range(5):
        follower.version = None
        pauses.clear()
        await follower.refresh()
        longest.append(_longest(pauses))
    return longest


def _longest(pauses: list[Pause]) -> dict[str, float]:
    wall, cpu = (max(pause[which] for pause in pauses) for which in (0, 1))
    return {"wall": round(1_000 * wall, 1), "cpu": round(1_000 * cpu, 1)}


async def _tick(pauses: list[Pause]) -> None:
    while True:
        wall, cpu = time.perf_counter(), time.process_time()
        await asyncio.sleep(0.001)
        pauses.append((time.perf_counter() - wall - 0.001, time.process_time() - cpu))


def _lookups(catalogue: Catalogue) -> dict[str, float]:
    drama_id = next(iter(catalogue)).drama_id
    times = 200_000
    return {
        "duration_ms_ns": round(timeit.timeit(lambda: catalogue.duration_ms(drama_id, 7), number=times) / times * 1e9),
        "index_of_ns": round(timeit.timeit(lambda: catalogue.index_of(drama_id), number=times) / times * 1e9),
        "shown_ns": round(timeit.timeit(lambda: catalogue.shown(drama_id), number=times) / times * 1e9),
    }


def _rss() -> int:
    return int(psutil.Process().memory_info().rss)


@contextmanager
def _own_redis() -> Iterator[str]:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        command = ["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--dir", folder, "--save", ""]
        server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            url = f"redis://127.0.0.1:{port}/0"
            _wait_for(url)
            yield url
        finally:
            server.terminate()
            server.wait(10)


def _wait_for(url: str) -> None:
    until = time.monotonic() + 10
    with redis.Redis.from_url(url) as client:
        while True:
            try:
                client.ping()
            except redis.ConnectionError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.05)
            else:
                return


def main() -> None:
    """Publish here, follow in a fresh process whose memory is only the catalogue's."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dramas", type=int, default=10_000)
    parser.add_argument("--episodes", type=int, default=80)
    parser.add_argument("--follow", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.follow:
        print(json.dumps(asyncio.run(follow(arguments.follow))))
        return
    with _own_redis() as url:
        size = put(RedisShelf(redis.Redis.from_url(url)), made_up(arguments.dramas, arguments.episodes))
        done = subprocess.run(
            [sys.executable, __file__, "--follow", url], capture_output=True, text=True, timeout=300, check=True
        )
    head = {"dramas": arguments.dramas, "episodes": arguments.episodes, "redis_mib": round(size / MIB, 2)}
    print(json.dumps({**head, **json.loads(done.stdout)}, indent=1))


if __name__ == "__main__":
    main()
