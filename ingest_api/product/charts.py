"""Numbers and lists that everybody shares, as the merge task last wrote them."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple, Protocol, cast

from redis.asyncio import Redis
from redis.exceptions import RedisError

from domain import counters, keys
from ingest_api.errors import NumbersUnavailable


class Chart(StrEnum):
    """A list of dramas: the hottest, or those whose heat grows."""

    HOT = "hot"
    TRENDING = "trending"


_KEYS = {Chart.HOT: keys.HOT, Chart.TRENDING: keys.TREND}


class Placed(NamedTuple):
    """A drama in a chart."""

    drama_id: int
    score: float


class Charts(Protocol):
    """Merged numbers, a second old or two.  Every call may raise NumbersUnavailable."""

    async def counters(self, drama_id: int) -> dict[str, int]:
        """All counters of a drama by their names in domain.counters; all 0 for one that nothing happened to."""

    async def top(self, chart: Chart, count: int) -> list[Placed]:
        """The first `count` of a chart, highest first; at most keys.HOT_KEPT are kept."""


class RedisCharts:
    """Charts, from what streams.merge writes."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    async def counters(self, drama_id: int) -> dict[str, int]:
        """See Charts."""
        try:
            return counters.decode(await self._redis.hget(keys.COUNTERS, str(drama_id)))
        except (RedisError, OSError) as error:
            raise NumbersUnavailable from error

    async def top(self, chart: Chart, count: int) -> list[Placed]:
        """See Charts."""
        try:
            found = await self._redis.zrange(_KEYS[chart], 0, count - 1, desc=True, withscores=True)
        except (RedisError, OSError) as error:
            raise NumbersUnavailable from error
        return [Placed(int(drama_id), score) for drama_id, score in cast(list[tuple[bytes, float]], found)]
