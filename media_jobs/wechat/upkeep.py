"""What has to be looked after on WeChat's side between jobs: links, traffic, dramas that the platform took down.

Each worker calls `tick` every few seconds; a lock in Redis lets one of them do it.  Nothing here is needed for jobs to
go on, so answers that are errors are logged, and asked for again at the next tick.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable

import redis
import structlog
from sqlalchemy.engine import Engine

from domain import keys
from domain.media.wechat_drama import Audit
from infra.media.drama_book import DramaBook
from infra.settings import Settings
from media_jobs.steps.audit import DOWN
from media_jobs.wechat.answers import ANSWERS, known
from media_jobs.wechat.limits import redis_answers
from media_jobs.wechat.links import LinkKeeper
from media_jobs.wechat.platform import Platform, platform_of
from media_jobs.wechat.shapes import TAKEN_DOWN
from media_jobs.wechat.traffic import TrafficWatch
from media_jobs.wechat.vod import Vod

log = structlog.get_logger(__name__)
LOOKED_AFTER_MS = 3_600_000  # a drama that plays is asked about once an hour


class TakenDown:
    """Asks about one drama at a time whether it still plays."""

    def __init__(self, vod: Vod, dramas: DramaBook, links: LinkKeeper, now_ms: Callable[[], int]) -> None:
        self._vod, self._dramas, self._links, self._now_ms = vod, dramas, links, now_ms

    def once(self) -> None:
        """Raises Wait, and what WeChat's answers are."""
        for drama_id in self._dramas.passed(1):
            standing = self._dramas.standing(drama_id)
            if standing.platform_id is None or self._now_ms() - standing.audited_ms < LOOKED_AFTER_MS:
                return
            if not self._is_down(standing.platform_id):
                self._dramas.audited(drama_id, Audit.PASSED)
                return
            log.warning("taken down by WeChat", drama_id=drama_id, platform_id=standing.platform_id)
            self._dramas.audited(drama_id, Audit.REJECTED, DOWN)
            self._links.forget([(drama_id, number) for number in self._dramas.media(drama_id)])

    def _is_down(self, platform_id: int) -> bool:
        """Also where WeChat knows it no more: else the first such drama would be asked about for ever, and no other."""
        drama = known(lambda: self._vod.drama(platform_id))
        return drama is None or drama.status == TAKEN_DOWN


class Upkeep:
    """One a worker, in a thread of its own."""

    def __init__(self, platform: Platform, store: redis.Redis, now_ms: Callable[[], int]) -> None:
        self._store, self._name = store, uuid.uuid4().hex
        self._links = LinkKeeper(platform.vod, platform.dramas, store, now_ms)
        self._traffic = TrafficWatch(platform.vod, store, now_ms)
        self._down = TakenDown(platform.vod, platform.dramas, self._links, now_ms)

    def tick(self) -> bool:
        """Do what is due, if it is this worker's turn; True: it was.  Raises Wait."""
        self._traffic.shown()
        if not self._ours():
            return False
        for part in (self._links, self._traffic, self._down):
            try:
                part.once()
            except ANSWERS as error:
                log.warning("WeChat is asked again soon", part=type(part).__name__, why=str(error))
        return True

    def _ours(self) -> bool:
        with redis_answers():
            if self._store.set(keys.WECHAT_UPKEEP, self._name, nx=True, ex=keys.WECHAT_UPKEEP_LIFE_S):
                return True
            if self._store.get(keys.WECHAT_UPKEEP) != self._name.encode():
                return False
            return bool(self._store.expire(keys.WECHAT_UPKEEP, keys.WECHAT_UPKEEP_LIFE_S))


def upkeep_of(settings: Settings, engine: Engine, store: redis.Redis, now_ms: Callable[[], int]) -> Upkeep | None:
    """None where no account is set.  `store` answers in bytes (decode_responses off)."""
    platform = platform_of(settings, engine, store, now_ms)
    return Upkeep(platform, store, now_ms) if platform else None
