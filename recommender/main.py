"""The composition root of `juliu train`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from clickhouse_connect.driver.exceptions import ClickHouseError
from redis.asyncio import Redis
from redis.exceptions import RedisError

from domain.catalogue import EMPTY, Catalogue
from infra import logs
from infra.catalogue.form import CatalogueDamaged
from infra.catalogue.reader import read_catalogue
from infra.clickhouse.client import connect
from infra.settings import Settings
from recommender.errors import Trouble
from recommender.learning.weights import WEIGHTS, Weights
from recommender.publication.store import RedisRecommendationStore
from recommender.training import job
from recommender.training.order import Order
from recommender.training.outcome import Outcome, Report
from recommender.training.registry import ClickHouseRegistry
from recommender.training.source import ClickHouseSource

TRIES = 3  # a base may be forgotten while it is read: by then there is the next

log = logs.get(__name__)


def train_once(
    settings: Settings, as_of_ms: int, *,
    overrule: str = "", tell: Callable[[Outcome], None] = lambda _: None, weights: Weights = WEIGHTS,
) -> Report:  # fmt: skip
    """Train on the servers that the settings name; what came of it goes to `tell` too.  Raises NotPublished."""
    store = RedisRecommendationStore.of(settings)
    try:
        order = Order(catalogue=catalogue_now(settings), overrule=overrule)
        with connect(settings) as client:
            source, models = ClickHouseSource(client), ClickHouseRegistry(client)
            return job.run(source, store, models, as_of_ms, weights, order=order, tell=tell)
    except (ClickHouseError, RedisError, OSError) as error:
        raise Trouble(f"{type(error).__name__}: {error}") from error
    finally:
        store.close()


def catalogue_now(settings: Settings) -> Catalogue:
    """As it is published; EMPTY, and said so, where it is not.  Raises redis.RedisError."""

    async def read() -> Catalogue:
        async with Redis.from_url(settings.redis_url) as redis:
            for _ in range(TRIES - 1):
                with suppress(CatalogueDamaged):
                    return await read_catalogue(redis)
            return await read_catalogue(redis)

    try:
        return asyncio.run(read())
    except CatalogueDamaged as error:
        log.warning("no catalogue: lists know no titles, series or tags", error=str(error)[:200])
        return EMPTY
