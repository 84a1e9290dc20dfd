"""Keeps a process's catalogue up to date: looks for a new version twice a second, keeps the last good one meanwhile."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable

from redis.asyncio import Redis
from redis.exceptions import RedisError

from domain.catalogue import EMPTY, Catalogue
from infra import logs, metrics
from infra.catalogue.form import CatalogueDamaged, Version
from infra.catalogue.reader import head, read_base, read_on

POLL_S = 0.4
LOOK_TIMEOUT_S = 30.0  # a base of 65,535 dramas from a busy Redis; a look that hangs is given up

log = logs.get(__name__)


class CatalogueFollower:
    """`current` is the newest catalogue that was read whole; when Redis is away, or damaged, it stays as it is."""

    def __init__(self, redis: Redis, *, poll_s: float = POLL_S, clock: Callable[[], float] = time.monotonic) -> None:
        self._redis = redis
        self._poll_s = poll_s
        self._clock = clock
        self._looked: float | None = None
        self._trouble = ""
        self._task: asyncio.Task[None] | None = None
        self._stopping = False
        self.current: Catalogue = EMPTY
        self.version: Version | None = None

    @property
    def age_s(self) -> float:
        """Seconds since `current` was last known to be what is published; infinite before the first time."""
        return math.inf if self._looked is None else self._clock() - self._looked

    async def start(self) -> None:
        """Look once (where that fails, `current` is empty and `age_s` infinite), then follow in the background."""
        self._stopping = False
        await self._look()
        self._task = asyncio.create_task(self._follow(), name="catalogue-follower")
        self._task.add_done_callback(_tell)

    async def stop(self) -> None:
        """Stop following; `current` stays."""
        self._stopping = True  # wait_for of Python 3.11, which redis-py sends with, swallows one cancellation in three
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    async def refresh(self) -> None:
        """Bring `current` up to what is published now.

        Raises RedisError or OSError where Redis does not answer, CatalogueDamaged where what it holds is of no use.
        """
        version, takedowns = await head(self._redis)
        if takedowns != self.current.takedowns:
            self.current = self.current.with_takedowns(takedowns)  # at once: a new base takes a moment to read
        if version != self.version:
            catalogue = await self._read(version)
            self.current, self.version = catalogue.with_takedowns(takedowns), version
        self._looked = self._clock()

    async def _read(self, version: Version) -> Catalogue:
        at = self.version
        if at and at.base == version.base and at.deltas < version.deltas:
            try:
                return await read_on(self._redis, self.current, at, version)
            except CatalogueDamaged as error:  # Redis went back and was published to again: these are other deltas
                log.info("catalogue is read afresh", reason=str(error))
        return await read_base(self._redis, version)

    async def _follow(self) -> None:
        while not self._stopping:
            await asyncio.sleep(self._poll_s)
            await self._look()

    async def _look(self) -> None:
        try:
            async with asyncio.timeout(LOOK_TIMEOUT_S):
                await self.refresh()
        except (RedisError, OSError, TimeoutError, CatalogueDamaged) as error:
            self._say(f"{type(error).__name__}: {error}")
        else:
            self._say("")
        metrics.CATALOGUE_AGE.set(self.age_s)

    def _say(self, trouble: str) -> None:
        """Log a trouble when it begins or changes and when it is over, not twice a second."""
        if trouble and trouble != self._trouble:
            log.warning("catalogue stands still", reason=trouble, version=str(self.version), age_s=self.age_s)
        elif self._trouble and not trouble:
            log.info("catalogue follows again", version=str(self.version), dramas=self.current.count)
        self._trouble = trouble


def _tell(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()):
        log.critical("catalogue follower ended", exc_info=error)
