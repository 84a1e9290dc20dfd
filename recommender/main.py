"""The composition root of `juliu train`."""

from __future__ import annotations

from clickhouse_connect.driver.exceptions import ClickHouseError
from redis.exceptions import RedisError

from infra.clickhouse.client import connect
from infra.settings import Settings
from recommender.errors import Trouble
from recommender.learning.weights import WEIGHTS
from recommender.publication.store import RedisRecommendationStore
from recommender.training import job
from recommender.training.registry import ClickHouseRegistry


def train_once(settings: Settings, as_of_ms: int) -> job.Report:
    """Train on the servers that the settings name.  Raises NotPublished."""
    store = RedisRecommendationStore.of(settings)
    try:
        with connect(settings) as client:
            return job.run(client, store, ClickHouseRegistry(client), as_of_ms, WEIGHTS)
    except (ClickHouseError, RedisError, OSError) as error:
        raise Trouble(f"{type(error).__name__}: {error}") from error
    finally:
        store.close()
