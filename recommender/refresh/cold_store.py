"""Where pages find new dramas: one key, which ends by itself where nobody writes it any more."""

from __future__ import annotations

from typing import Protocol

import redis

from domain import keys
from domain.cold import LIFE_S, Cold, pack_orders


class ColdStore(Protocol):
    """Calls raise redis.RedisError."""

    def put(self, cold: Cold) -> None:
        """Pages take new dramas so from now on, for LIFE_S at most.  Whoever writes last holds: all know the same."""


class RedisColdStore:
    """As the feed reads it."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis = client

    def put(self, cold: Cold) -> None:
        """See ColdStore."""
        self._redis.set(keys.REC_COLD, pack_orders(*cold), ex=LIFE_S)
