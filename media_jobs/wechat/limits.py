"""How often we call WeChat, counted in Redis for all processes together: below what it allows, where it says so.

A window is counted as a whole.  Two minutes' worth may come together, and those limits leave room; a day is one in
China, as WeChat's own is, since of urgent audits it allows just what we do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import redis

from domain import keys
from infra.fold_store import Wait
from media_jobs.wechat.answers import TooFast

MINUTE_S, DAY_S = 60, 86_400
SHANGHAI_S = 8 * 3_600  # ahead of UTC; minutes end there when they end here
A_MINUTE = 300  # of each call that is not named: WeChat publishes none for wxa/sec/vod
MINUTES: Mapping[str, int] = {"pullupload": 60, "auditdrama": 10, "getmedialink": 1_000, "listmedia": 120}
DAYS: Mapping[str, int] = {"expedited": 5}  # urgent audits: staff answers of the community


class Limits:
    """Counts calls; one that is too many is not made."""

    def __init__(self, store: redis.Redis, appid: str, now_ms: Callable[[], int]) -> None:
        self._store, self._appid, self._now_ms = store, appid, now_ms

    def take(self, call: str) -> None:
        """Count a call.  Raises TooFast until its window is over, Wait (Redis)."""
        if call in DAYS:
            self._taken(call, DAY_S, DAYS[call])
        else:
            self._taken(call, MINUTE_S, MINUTES.get(call, A_MINUTE))

    def _taken(self, call: str, window_s: int, most: int) -> None:
        window, into_s = divmod(self._now_ms() / 1_000 + SHANGHAI_S, window_s)
        with redis_answers():
            made = counted(self._store, keys.wechat_calls(self._appid, call, int(window)), window_s)
        if made > most:
            raise TooFast(call, window_s - into_s)


def counted(store: redis.Redis, key: str, window_s: int) -> int:
    """One more under this key; how many there are now."""
    pipeline = store.pipeline(transaction=False)
    pipeline.set(key, 0, nx=True, ex=2 * window_s)
    pipeline.incr(key)
    return int(pipeline.execute()[1])


@contextmanager
def redis_answers() -> Iterator[None]:
    """Turns a Redis that does not answer into Wait."""
    try:
        yield
    except redis.RedisError as error:
        raise Wait("redis", error) from error
