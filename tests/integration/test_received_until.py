"""How far a fold-in has come: no partition that is behind is forgotten, and earlier days are not read for it."""

from __future__ import annotations

import time

import pytest

from recommender.learning.asked import SQL
from recommender.learning.weights import WEIGHTS
from recommender.refresh import active
from tests.watch_rows import a_row, insert

pytestmark = pytest.mark.servers

NOW_MS = 1_790_000_000_000
MINUTE_MS = 60_000


def until_ms(client, since_minutes: int) -> int:
    return active.read(client, NOW_MS, WEIGHTS, NOW_MS - since_minutes * MINUTE_MS, 10).until_ms


def test_it_is_as_far_as_the_partition_that_is_furthest_behind_of_those_that_send_at_all(client):
    assert until_ms(client, 60) == 0
    ago = {0: (30, 1), 1: (40, 20), 2: (90,)}
    insert(client, [
        a_row("liked", 1, 1, NOW_MS - minutes * MINUTE_MS, partition=partition)
        for partition, all_minutes in ago.items() for minutes in all_minutes
    ])  # fmt: skip
    assert until_ms(client, 60) == NOW_MS - 20 * MINUTE_MS
    assert until_ms(client, 10) == NOW_MS - MINUTE_MS


DAYS, ROWS_A_DAY = 6, 30_000
FILL = """
INSERT INTO events (event_type, user_id, session_id, seq, drama_id, drama_index, ts, received_at, partition, offset)
WITH fromUnixTimestamp64Milli({now_ms:Int64} - 1000 * intDiv(number * {days:UInt32} * 86400, {rows:UInt64})) AS at
SELECT 'heartbeat', 1 + number % 500, toString(number), 1, 1 + number % 50, 1 + number % 50, at, at, 0, number
FROM numbers({rows:UInt64})
"""


def test_what_came_in_of_late_is_found_without_reading_the_days_before(client):
    now_ms = int(time.time() * 1000)
    rows = DAYS * ROWS_A_DAY
    client.command(FILL, parameters={"now_ms": now_ms, "days": DAYS, "rows": rows})
    client.command("OPTIMIZE TABLE events FINAL")
    for name in ("received", "active"):
        sql = (SQL / f"{name}.sql").read_text(encoding="utf-8")
        asked = {"active_since_ms": now_ms - 10 * MINUTE_MS, "as_of_ms": now_ms + 1, "active_viewers": 1_000}
        found = client.query(sql, parameters=asked)
        assert found.result_rows
        assert int(found.summary["read_rows"]) < rows / 3, name
