"""How far a fold-in says that it has come: a partition that ClickHouse has less of than of others is not forgotten."""

from __future__ import annotations

import pytest

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
