"""Until when readers have what was published, told from the store: a process that was started again knows it too."""

from __future__ import annotations

import asyncio
import time

from redis.exceptions import RedisError

from domain.recommendations import Damaged, Version
from infra import logs, metrics
from infra.waiting import set_within
from recommender.publication.store import RecommendationStore

TELL_S = 60.0

log = logs.get(__name__)


def ends_at_s(store: RecommendationStore, now_s: float) -> float:
    """Unix time at which the version that is served runs out, now where it has; 0 where there never was one.

    Raises redis.RedisError.
    """
    text = store.pointers().current
    if not text:
        return 0.0
    try:
        return now_s + store.life_s(Version.parse(text))
    except Damaged:
        return now_s


async def keep_telling(store: RecommendationStore, stop: asyncio.Event) -> None:
    """Into metrics, until `stop`; while the store does not answer what was told last stays."""
    while True:
        try:
            metrics.RECOMMENDATIONS_END.set(await asyncio.to_thread(ends_at_s, store, time.time()))
        except RedisError as error:
            log.warning("nobody knows how long recommendations live", error=str(error)[:200])
        if await set_within(stop, TELL_S):
            return
