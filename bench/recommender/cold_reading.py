"""What `juliu refresh cold` costs by the size of the log: its three queries, and the order that comes of them.

    python -m bench.recommender.cold_reading [--impressions 1000000 10000000] [--dramas 10000] [--new 300]

Made-up impressions over 90 days, six in a hundred without regard to taste, and as many watches over 30
(bench/recommender/reading.py), in a ClickHouse of its own; the `new` dramas of the highest indexes were shown in the
last two days alone.  MB are the most memory of each process during the step.
"""

from __future__ import annotations

import argparse
import os
import time

import psutil
from clickhouse_connect.driver.client import Client

from bench.recommender import reading
from domain.catalogue import Catalogue, Drama
from recommender.learning.weights import WEIGHTS
from recommender.refresh.cold import refresh_cold
from tests.memory_cold import MemoryColdStore

# Of 90 days; viewers and old dramas evenly, a new drama once every 50 impressions of the last two days
ROWS = """
INSERT INTO events
    (event_type, user_id, session_id, seq, drama_id, drama_index, ts, received_at, device_at, position, source, offset)
WITH
    {as_of_ms:Int64} - 1 - cityHash64(number, 3) % (90 * 86400000) AS at_ms,
    at_ms > {as_of_ms:Int64} - 2 * 86400000 AND number % 50 = 0 AS fresh,
    cityHash64(number, 2) AS luck,
    toUInt32(if(fresh, {dramas:UInt32} - luck % {new:UInt32}, 1 + luck % ({dramas:UInt32} - {new:UInt32}))) AS drama
SELECT
    'impression', 1 + cityHash64(number, 1) % {viewers:UInt64}, toString(intDiv(at_ms, 86400000)), number, drama, drama,
    fromUnixTimestamp64Milli(at_ms), fromUnixTimestamp64Milli(at_ms), fromUnixTimestamp64Milli(at_ms), number % 10,
    if(fresh, 'cold', if(number % 17 = 0, 'explore', 'personal')), number
FROM numbers({first:UInt64}, {count:UInt64})
SETTINGS max_partitions_per_insert_block = 1000, max_threads = 2
"""


def fill(client: Client, count: int, dramas: int, new: int, as_of_ms: int) -> None:
    """Impressions, and watches of the same viewers."""
    about = {"dramas": dramas, "new": new, "as_of_ms": as_of_ms, "viewers": max(1, count // reading.A_VIEWER)}
    for first in range(0, count, reading.CHUNK):
        client.command(ROWS, parameters=about | {"first": first, "count": min(reading.CHUNK, count - first)})
    reading.fill(client, count, dramas, as_of_ms)


def measure(client: Client, server: psutil.Process, count: int, dramas: int, new: int) -> None:
    """One size."""
    as_of_ms, name = time.time_ns() // 1_000_000, f"{count / 1e6:g} M"
    catalogue = Catalogue.of(
        Drama(drama_id=n, index=n, category=f"c{n % 20}", durations=[60_000]) for n in range(1, dramas + 1)
    )
    client.command("TRUNCATE TABLE events")
    with reading.step(f"{name}: made up", server):
        fill(client, count, dramas, new, as_of_ms)
    with reading.step(f"{name}: refresh cold", server) as words:
        report = refresh_cold(client, catalogue, MemoryColdStore(), WEIGHTS, now_ms=as_of_ms, seed=7)
        words.append(report.sentence())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--impressions", type=int, nargs="*", default=[1_000_000, 10_000_000])
    parser.add_argument("--dramas", type=int, default=10_000)
    parser.add_argument("--new", type=int, default=300)
    asked = parser.parse_args()
    print(f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}")
    print("| step | s | ClickHouse CPU-s | MB | job CPU-s | MB | |\n|---|---|---|---|---|---|---|")
    with reading.empty_clickhouse() as (client, server):
        for count in asked.impressions:
            measure(client, server, count, asked.dramas, asked.new)


if __name__ == "__main__":
    main()
