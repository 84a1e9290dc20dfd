"""Whose turn it is, of several schedules: one has the duty of a task as long as it lives."""

from __future__ import annotations

import asyncio
import uuid
from typing import Protocol

from redis.exceptions import RedisError

from infra import logs
from recommender.publication.store import Hold, RecommendationStore

LIFE_S, KEEP_S = 60, 15.0  # when a schedule is gone for LIFE_S, another does what was its duty

log = logs.get(__name__)


class Duty(Protocol):
    """Whether a task is ours to do."""

    async def ours(self, task: str) -> bool:
        """True for one of all schedules.  Raises redis.RedisError."""

    async def keep(self) -> None:
        """Call it every KEEP_S, or what is ours becomes another's."""

    async def give_back(self) -> None:
        """Another may begin at once."""


class StoredDuty:
    """Duty as locks beside the recommendations."""

    def __init__(self, store: RecommendationStore) -> None:
        self._store = store
        self._owner = uuid.uuid4().hex
        self._holds: dict[str, Hold] = {}

    async def ours(self, task: str) -> bool:
        """See Duty."""
        hold = self._holds.get(task)
        if hold is not None and await asyncio.to_thread(self._store.renew, hold, LIFE_S):
            return True
        self._holds.pop(task, None)
        taken = await asyncio.to_thread(self._store.lock, f"schedule-{task}", self._owner, LIFE_S)
        if taken is not None:
            self._holds[task] = taken
        return taken is not None

    async def keep(self) -> None:
        """See Duty."""
        await asyncio.gather(*map(self._keep, list(self._holds.values())))

    async def give_back(self) -> None:
        """See Duty."""
        await asyncio.gather(*map(self._give_back, self._holds.values()))
        self._holds.clear()

    async def _keep(self, hold: Hold) -> None:
        try:
            kept = await asyncio.to_thread(self._store.renew, hold, LIFE_S)
        except RedisError as error:
            log.warning("duty not kept", task=hold.task, error=str(error)[:200])
            return
        if not kept:
            self._holds = {task: held for task, held in self._holds.items() if held != hold}

    async def _give_back(self, hold: Hold) -> None:
        try:
            await asyncio.to_thread(self._store.unlock, hold)
        except RedisError as error:
            log.warning("duty not given back", task=hold.task, error=str(error)[:200])
