"""`juliu refresh cold` as an operator or the schedule types it."""

from __future__ import annotations

import json
import time
from typing import Any, cast

import pytest
import redis

from domain import keys
from domain.cold import LIFE_S, unpack_orders
from infra.settings import Settings
from recommender.learning.weights import WEIGHTS
from tests.published_catalogue import published
from tests.typed import typed
from tests.watch_rows import a_row, insert

pytestmark = pytest.mark.servers


def test_it_publishes_who_is_new_for_two_hours_and_says_so(settings: Settings, client: Any) -> None:
    published(settings, 3)
    now_ms = time.time_ns() // 1_000_000
    insert(client, [a_row("impression", user, 2, now_ms - 20 * 86_400_000) for user in range(60)])
    done = typed(settings, "refresh", "cold", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert (told["new"], told["owed"], told["listed"], told["share"]) == (2, 2, 2, WEIGHTS.cold_share)
    with redis.Redis.from_url(settings.redis_url) as server:
        cold = unpack_orders(cast(bytes, server.get(keys.REC_COLD)))
        assert {index for order in cold.orders for index in order} == {1, 3}
        assert LIFE_S - 120 < cast(int, server.ttl(keys.REC_COLD)) <= LIFE_S


def test_without_a_catalogue_it_refuses_and_leaves_what_is_there(settings: Settings) -> None:
    with redis.Redis.from_url(settings.redis_url) as server:
        server.set(keys.REC_COLD, b"as it was")
        done = typed(settings, "refresh", "cold")
        assert done.returncode == 3, done.stdout + done.stderr
        assert "juliu catalogue import" in done.stderr
        assert server.get(keys.REC_COLD) == b"as it was"


def test_a_clickhouse_that_is_away_is_trouble(settings: Settings) -> None:
    published(settings, 3)
    done = typed(settings, "refresh", "cold", JULIU_CLICKHOUSE_URL="http://127.0.0.1:1")
    assert done.returncode == 4, done.stdout + done.stderr
