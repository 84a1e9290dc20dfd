"""Can this process do its work now?  Asks what it stands on, at most once a second however often it is asked."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable

from redis.exceptions import RedisError

from ingest_api.connections import Connections
from ingest_api.errors import LogUnavailable

ASK_S = 3.0
KEEP_S = 1.0
OK = "ok"


class Readiness:
    """The checks of one process; `report` says "ok", or what is wrong, for each."""

    def __init__(self, connections: Connections, now_s: Callable[[], float]) -> None:
        self._connections = connections
        self._now_s = now_s
        self._asking = asyncio.Lock()
        self._asked_s = -math.inf
        self._report: dict[str, str] = {}

    async def report(self) -> dict[str, str]:
        """Name of each thing that is needed -> "ok" or a sentence.  Never older than KEEP_S, never later than ASK_S."""
        async with self._asking:
            if self._now_s() - self._asked_s >= KEEP_S:
                checks = {"kafka": self._kafka, "redis": self._redis, "catalogue": self._catalogue}
                answers = await asyncio.gather(*(_asked(check) for check in checks.values()))
                self._report = dict(zip(checks, answers, strict=True))
                self._asked_s = self._now_s()
            return self._report

    async def _kafka(self) -> str:
        await self._connections.log.check()
        return OK

    async def _redis(self) -> str:
        await self._connections.redis.ping()
        return OK

    async def _catalogue(self) -> str:
        if math.isinf(self._connections.catalogue.age_s):
            return "no catalogue was read yet: juliu catalogue import"
        return OK


async def _asked(check: Callable[[], Awaitable[str]]) -> str:
    try:
        async with asyncio.timeout(ASK_S):
            return await check()
    except LogUnavailable as error:
        return error.message
    except (RedisError, OSError, TimeoutError) as error:
        return f"{type(error).__name__}: {error}"[:200]
