"""What the job's reading costs by the size of the log: ClickHouse's queries of watches and pairs under their limits.

    python -m bench.recommender.reading [--watches 1000000 10000000] [--dramas 20000]

Made-up watches, one event each (a few viewers watch a drama twice: fewer pairs), in a ClickHouse of its own; then
`read_pairs` and `read` as the job calls them.  MB are the most memory of each process during the step; ClickHouse's
count with what it keeps in caches.  A query that its limits stop is told as that.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator, Sized
from contextlib import closing, contextmanager
from pathlib import Path

import psutil
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from infra.clickhouse.client import connect
from infra.clickhouse.migrate import migrate
from infra.settings import load
from recommender.learning import snapshot
from recommender.learning.snapshot import Pairs, Snapshot
from recommender.learning.weights import WEIGHTS
from tests.clickhouse_server import ClickHouseServer

CHUNK = 1_000_000
DAY_MS, DAYS = 86_400_000, 30
A_VIEWER = 16
# Viewers in runs of about A_VIEWER watches (half of them 4, half 28), one session a viewer and day; dramas log-uniform
# (Zipf's law of exponent 1), most of one of 50 tastes
ROWS = """
INSERT INTO events
    (event_id, event_type, user_id, session_id, seq, play_id, drama_id, drama_index, episode_no, ts, received_at,
     device_at, from_ms, to_ms, wall_ms, duration_ms, partition, offset)
WITH
    intDiv(number, 32) AS pair_of_viewers,
    toUInt64(2 * pair_of_viewers + (number % 32 >= 4) + 1) AS viewer,
    (cityHash64(number, 1) % 1000000) / 1000000 AS luck,
    cityHash64(number, 2) % 10 < 7 AS own,
    toUInt32(pow({dramas:UInt32} / if(own, 50, 1), luck)) AS place,
    least(if(own, (place - 1) * 50 + viewer % 50 + 1, place), {dramas:UInt32}) AS drama,
    {as_of_ms:Int64} - 1 - cityHash64(number, 3) % ({days:UInt32} * 86400000) AS at_ms,
    cityHash64(number, 4) % 60000 + 1 AS watched_ms
SELECT
    generateUUIDv4(), 'play_ended', viewer, toString(intDiv(at_ms, 86400000)), number,
    reinterpretAsUUID(toUInt128(number)), drama, drama, 1, fromUnixTimestamp64Milli(at_ms),
    fromUnixTimestamp64Milli(at_ms), fromUnixTimestamp64Milli(at_ms), 0, watched_ms, watched_ms, 60000, 0, number
FROM numbers({first:UInt64}, {count:UInt64})
SETTINGS max_partitions_per_insert_block = 1000, max_threads = 2
"""


def fill(client: Client, count: int, dramas: int, as_of_ms: int) -> None:
    """The watches."""
    about = {"dramas": dramas, "as_of_ms": as_of_ms, "days": DAYS}
    for first in range(0, count, CHUNK):
        client.command(ROWS, parameters=about | {"first": first, "count": min(CHUNK, count - first)})


@contextmanager
def empty_clickhouse() -> Iterator[tuple[Client, psutil.Process]]:
    """A ClickHouse of the bench's own with our tables, and its process."""
    with closing(ClickHouseServer()) as server:
        update = {"clickhouse_url": server.url, "clickhouse_database": "bench", "clickhouse_engine_prefix": ""}
        settings = load().model_copy(update=update)
        migrate(settings)
        assert server.process is not None
        with connect(settings) as client:
            yield client, psutil.Process(server.process.pid)


@contextmanager
def step(name: str, server: psutil.Process) -> Iterator[list[str]]:
    """Tells what it took of ClickHouse and of this process, and what is put into the list: a row in Markdown."""
    both, words = (server, psutil.Process()), list[str]()
    for process in both:
        Path(f"/proc/{process.pid}/clear_refs").write_text("5", encoding="ascii")  # the peak of memory begins anew
    wall, cpu = time.perf_counter(), [sum(process.cpu_times()[:2]) for process in both]
    yield words
    wall = time.perf_counter() - wall
    cells = [f"{wall:.1f}"]
    for process, before in zip(both, cpu, strict=True):
        cells += [f"{sum(process.cpu_times()[:2]) - before:.1f}", f"{peak_mb(process.pid):.0f}"]
    print(f"| {name} | {' | '.join(cells)} | {', '.join(words)} |", flush=True)


def peak_mb(pid: int) -> float:
    """The most that a process had in memory, from the kernel."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))


def measure(client: Client, server: psutil.Process, count: int, dramas: int) -> None:
    """One size."""
    as_of_ms, name = time.time_ns() // 1_000_000, f"{count / 1e6:g} M"
    client.command("TRUNCATE TABLE events")
    with step(f"{name}: made up", server):
        fill(client, count, dramas, as_of_ms)
    for what, read in (("pairs", snapshot.read_pairs), ("watches and pairs", snapshot.read)):
        with step(f"{name}: {what}", server) as words:
            try:
                known = read(client, as_of_ms, WEIGHTS)
                words += [f"{len(part):,}" for part in _columns(known)]
            except ClickHouseError as error:
                words.append(str(error)[:200])


def _columns(known: Snapshot | Pairs) -> list[Sized]:
    return [known.a] if isinstance(known, Pairs) else [known.watches, known.pairs.a]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--watches", type=int, nargs="*", default=[1_000_000, 10_000_000])
    parser.add_argument("--dramas", type=int, default=20_000)
    asked = parser.parse_args()
    print(f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}")
    print("| step | s | ClickHouse CPU-s | MB | job CPU-s | MB | entries |\n|---|---|---|---|---|---|---|")
    with empty_clickhouse() as (client, server):
        for count in asked.watches:
            measure(client, server, count, asked.dramas)


if __name__ == "__main__":
    main()
