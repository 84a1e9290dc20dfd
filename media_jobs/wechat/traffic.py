"""How much of WeChat's traffic packages is left, and for how long: when it is over, nothing plays (10090016).

Asked every ten minutes by one worker and kept in Redis, so that all of them show the same.  A gigabyte is 1,000 MB.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec
import redis
import structlog

from domain import keys
from infra import metrics
from media_jobs.wechat.limits import redis_answers
from media_jobs.wechat.shapes import Package, Used
from media_jobs.wechat.vod import Vod

log = structlog.get_logger(__name__)
ASK_MS = 600_000
KEPT_S = 3_600
DAYS, DAY_S, MB = 7, 86_400, 1_000_000
LONGEST_DAYS = 365.0
LEVELS = (0.2, 0.1, 0.0)  # as WeChat itself tells the operators


class Traffic(msgspec.Struct, frozen=True):
    """`left`: 0 to 1 of all valid packages; `days`: at the mean of the last seven; `asked_ms`: when."""

    left: float
    days: float
    asked_ms: int


def summed(packages: Sequence[Package], used: Sequence[Used], now_ms: int) -> Traffic:
    """What is left.  No package at all leaves nothing."""
    valid = [one for one in packages if one.end_time * 1_000 > now_ms]
    total, spent = sum(one.all for one in valid), sum(min(one.used, one.all) for one in valid)
    left_mb = total - spent
    a_day_mb = sum(one.value for one in used) / MB / DAYS
    days = min(LONGEST_DAYS, left_mb / a_day_mb) if a_day_mb > 0 else LONGEST_DAYS * (left_mb > 0)
    return Traffic(left_mb / total if total else 0.0, days, now_ms)


def level(left: float) -> float | None:
    """The lowest of LEVELS that is reached; None: none."""
    reached = [one for one in LEVELS if left <= one]
    return min(reached) if reached else None


class TrafficWatch:
    """One a process."""

    def __init__(self, vod: Vod, store: redis.Redis, now_ms: Callable[[], int]) -> None:
        self._vod, self._store, self._now_ms = vod, store, now_ms

    def shown(self) -> Traffic | None:
        """What was last asked, into this process' metrics.  Raises Wait (Redis)."""
        with redis_answers():
            text = self._store.get(keys.WECHAT_TRAFFIC)
        if not isinstance(text, bytes):
            return None
        traffic = msgspec.json.decode(text, type=Traffic)
        metrics.TRAFFIC_LEFT.set(traffic.left)
        metrics.TRAFFIC_DAYS_LEFT.set(traffic.days)
        metrics.TRAFFIC_ASKED_AT.set(traffic.asked_ms / 1_000)
        return traffic

    def once(self) -> Traffic | None:
        """Ask, where that was long ago; log where a level is reached.  Raises Wait, and what WeChat's answers are."""
        known, now_ms = self.shown(), self._now_ms()
        if known and now_ms - known.asked_ms < ASK_MS:
            return known
        used = self._vod.used(now_ms // 1_000 - DAYS * DAY_S, now_ms // 1_000)
        traffic = summed(self._vod.packages(), used, now_ms)
        with redis_answers():
            self._store.set(keys.WECHAT_TRAFFIC, msgspec.json.encode(traffic), ex=KEPT_S)
        was, now = level(known.left) if known else None, level(traffic.left)
        if now is not None and (was is None or now < was):
            log.warning("WeChat traffic is running out: buy a package", left=traffic.left, days=round(traffic.days, 1))
        return self.shown()
