"""What an API process holds open: Redis, MySQL, the catalogue it follows, the log it writes."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from typing import Protocol, cast

from redis.asyncio import BlockingConnectionPool, Redis
from redis.exceptions import RedisError
from sqlalchemy.engine import Engine

from domain import keys
from infra.catalogue.follower import CatalogueFollower
from infra.log_safety import require_safe_log
from infra.money.unlocks import Unlocks
from infra.money.wallet import Wallet
from infra.mysql.engine import engine_of
from infra.settings import Settings
from ingest_api.errors import LogUnavailable
from ingest_api.events.kafka_log import KafkaLog
from ingest_api.events.log import Log
from ingest_api.events.service import CatalogueSource
from ingest_api.unlock.money import Money, Purse

REDIS_S = 2.0
REDIS_CONNECTIONS = 100  # past it a request waits for its turn, REDIS_S at most
# Twice as many connections at most: one for each thread that asks MySQL (Threads in app.py), two more for each of
# staff's, since publishing a poster holds three.
MYSQL_POOL = 11
MYSQL_ANSWER_S = 5  # a viewer waits no longer; a thread that hangs in a statement is free again after it


class Connections(Protocol):
    """What the routes stand on; tests hand over twins."""

    @property
    def log(self) -> Log:
        """Where events go."""

    @property
    def catalogue(self) -> CatalogueSource:
        """What events are checked against and feeds are made of."""

    @property
    def redis(self) -> Redis:
        """Client with bytes as answers."""

    @property
    def mysql(self) -> Engine:
        """Money and the catalogue's truth; blocks, so it is asked in Threads only."""

    @property
    def money(self) -> Money:
        """What viewers have unlocked, and unlocking; blocks."""

    @property
    def purse(self) -> Purse:
        """Viewers' coins; blocks."""

    async def open(self) -> None:
        """Connect and begin to follow.  What is away for now is no error."""

    async def close(self) -> None:
        """Let go of everything, the log last written first."""


class RealConnections:
    """To the servers that the settings name."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.redis = _redis(settings.redis_url)
        self.catalogue = CatalogueFollower(self.redis)
        self.log = KafkaLog(settings, written=self._partitions_written)
        self.mysql = engine_of(settings, pool=MYSQL_POOL, answer_s=MYSQL_ANSWER_S)
        self.money = Unlocks(self.mysql, _now_ms)
        self.purse = Wallet(self.mysql, _now_ms)
        self._opened = AsyncExitStack()

    async def open(self) -> None:
        """Raises UnsafeLog in production where Kafka could lose what it acknowledged."""
        self._opened.push_async_callback(self.redis.aclose)
        self._opened.push_async_callback(asyncio.to_thread, self.mysql.dispose)
        await require_safe_log(self._settings)
        await self.catalogue.start()
        self._opened.push_async_callback(self.catalogue.stop)
        await self.log.start()
        self._opened.push_async_callback(self.log.close)

    async def close(self) -> None:
        await self._opened.aclose()

    async def _partitions_written(self) -> int | None:
        """The partition count that the installation was made with.  Raises LogUnavailable where Redis is away."""
        try:
            written = cast(bytes | None, await self.redis.get(keys.PARTITIONS))
        except (RedisError, OSError) as error:
            raise LogUnavailable("Kafka has more partitions, and Redis does not say how many are ours") from error
        return None if written is None else int(written)


def _redis(url: str) -> Redis:
    """A client whose waits all have an end, and that sends nothing twice by itself."""
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=REDIS_CONNECTIONS,
        timeout=REDIS_S,
        socket_timeout=REDIS_S,
        socket_connect_timeout=REDIS_S,
    )
    return Redis.from_pool(pool)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
