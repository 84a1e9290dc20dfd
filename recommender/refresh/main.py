"""The composition roots of `juliu refresh`.  All raise NotPublished: what readers have is as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import redis
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from redis.exceptions import RedisError

from infra.clickhouse.client import connect
from infra.settings import Settings
from recommender.errors import Trouble
from recommender.learning.weights import WEIGHTS
from recommender.main import catalogue_now
from recommender.publication.lock import held
from recommender.publication.store import ANSWER_S, RedisRecommendationStore
from recommender.refresh import cold, fold_in, item_lists
from recommender.refresh.cold_store import RedisColdStore
from recommender.refresh.cooling import RedisCoolingStore

COLD_LONGEST_S = 300.0


def fold_in_once(settings: Settings, as_of_ms: int) -> fold_in.Report:
    """Fold viewers in, on the servers that the settings name."""
    with _opened(settings) as (client, server):
        hidden = RedisCoolingStore(server, settings.partitions)
        return fold_in.run(client, RedisRecommendationStore(server), hidden, as_of_ms)


def lists_once(settings: Settings, as_of_ms: int) -> item_lists.Report:
    """Make "people also watched" anew, on the servers that the settings name."""
    with _opened(settings) as (client, server):
        return item_lists.run(client, RedisRecommendationStore(server), catalogue_now(settings), as_of_ms)


def cold_once(settings: Settings, now_ms: int) -> cold.ColdReport:
    """Choose anew which new dramas are explored, on the servers that the settings name."""
    with _opened(settings) as (client, server):
        store, orders = RedisRecommendationStore(server), RedisColdStore(server)
        with held(store, "cold", wait_s=0.0, longest_s=COLD_LONGEST_S):
            catalogue = catalogue_now(settings)
            return cold.refresh_cold(client, catalogue, orders, WEIGHTS, now_ms=now_ms, seed=now_ms)


@contextmanager
def _opened(settings: Settings) -> Iterator[tuple[Client, redis.Redis]]:
    """ClickHouse and Redis; what they say instead of an answer becomes Trouble."""
    server = redis.Redis.from_url(settings.redis_url, socket_timeout=ANSWER_S, socket_connect_timeout=ANSWER_S)
    try:
        with server, connect(settings) as client:
            yield client, server
    except (ClickHouseError, RedisError, OSError) as error:
        raise Trouble(f"{type(error).__name__}: {error}") from error
