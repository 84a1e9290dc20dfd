"""Where it is kept which dramas a viewer is not shown for a while: keys of the viewer's partition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import redis

from domain import keys
from domain.recommendations import pack
from domain.topics import partition_of


class CoolingStore(Protocol):
    """Calls raise redis.RedisError."""

    def put(self, cooling: Mapping[int, Sequence[int]]) -> None:
        """Viewers' dense indexes, the latest first, in place of what was there; nothing takes them away."""


class RedisCoolingStore:
    """As the feed reads it."""

    def __init__(self, client: redis.Redis, partitions: int) -> None:
        self._redis = client
        self._partitions = partitions

    def put(self, cooling: Mapping[int, Sequence[int]]) -> None:
        """See CoolingStore."""
        with self._redis.pipeline(transaction=False) as pipe:
            for user_id, indexes in cooling.items():
                key = keys.cooling(partition_of(user_id, self._partitions), user_id)
                if indexes:
                    pipe.set(key, pack(indexes), ex=keys.COOLING_LIFE_S)
                else:
                    pipe.unlink(key)
            pipe.execute()
