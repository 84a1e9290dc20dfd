"""The access token: one for all processes, in Redis, fetched by one of them (stable_token), force-refreshed seldom.

Source: api_getstableaccesstoken: it lives two hours, a new one is given five minutes before, both are good meanwhile;
a forced one at most 20 times a day and 30 s apart.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable

import msgspec
import redis

from domain import keys
from media_jobs.wechat import limits
from media_jobs.wechat.answers import TooFast, Unclear

LOCK_MS = 15_000  # longer than fetching may take (wire.CONNECT_S + wire.TOKEN_S)
WAIT_S, LOOK_S = 20.0, 0.05
EARLY_S = 120  # a token is not used in its last two minutes
FORCED_APART_S, FORCED_A_DAY, LONGEST_S = 60, 10, 3_600  # WeChat allows 30 s and 20: two days of ours may be one of its
_UNLOCK = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"
_FORGET = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) return 1 end return 0"


class Fetched(msgspec.Struct, frozen=True):
    """What stable_token answered; `expires_in` in s."""

    access_token: str
    expires_in: int


class Tokens:
    """`fetch(forced)` asks WeChat; it is called by one process at a time."""

    def __init__(
        self, store: redis.Redis, appid: str, fetch: Callable[[bool], Fetched], now_ms: Callable[[], int]
    ) -> None:
        self._store, self._appid, self._fetch, self._now_ms = store, appid, fetch, now_ms

    def current(self) -> str:
        """A token that is good for a while.  Raises Wait (Redis), and what `fetch` raises."""
        with limits.redis_answers():
            return self._kept() or self._alone(forced=False)

    def renewed(self, bad: str) -> str:
        """Another token than `bad`, which WeChat did not take: one that somebody has fetched since, else a forced one.

        Raises TooFast where it was forced often enough for now.
        """
        with limits.redis_answers():
            self._store.eval(_FORGET, 1, keys.wechat_token(self._appid), bad)
            kept = self._kept() or self._alone(forced=False)
            if kept != bad:
                return kept
            self._store.eval(_FORGET, 1, keys.wechat_token(self._appid), bad)
            return self._alone(forced=True)

    def _kept(self) -> str:
        kept = self._store.get(keys.wechat_token(self._appid))
        return kept.decode() if isinstance(kept, bytes) else str(kept or "")

    def _alone(self, *, forced: bool) -> str:
        """Fetch it, or wait until whoever fetches it has done so."""
        lock, mine = keys.wechat_token_lock(self._appid), uuid.uuid4().hex
        end = time.monotonic() + WAIT_S
        while time.monotonic() < end:
            if self._store.set(lock, mine, nx=True, px=LOCK_MS):
                try:
                    return self._kept() or self._new(forced)
                finally:
                    self._store.eval(_UNLOCK, 1, lock, mine)
            time.sleep(LOOK_S)
            if kept := self._kept():
                return kept
        raise Unclear(f"nobody fetched a token within {WAIT_S} s")

    def _new(self, forced: bool) -> str:
        if forced:
            self._may_force()
        fetched = self._fetch(forced)
        life_s = max(1, min(fetched.expires_in, 7_200) - EARLY_S)
        self._store.set(keys.wechat_token(self._appid), fetched.access_token, ex=life_s)
        return fetched.access_token

    def _may_force(self) -> None:
        """Seldom enough.  Raises TooFast."""
        last = keys.wechat_calls(self._appid, "forced_token", 0)
        if not self._store.set(last, 1, nx=True, ex=FORCED_APART_S):
            raise TooFast("stable_token (forced)", max(1.0, self._store.pttl(last) / 1_000))
        day, into_s = divmod(self._now_ms() / 1_000, limits.DAY_S)
        made = limits.counted(self._store, keys.wechat_calls(self._appid, "forced_tokens", int(day)), limits.DAY_S)
        if made > FORCED_A_DAY:
            raise TooFast("stable_token (forced today)", min(LONGEST_S, limits.DAY_S - into_s))
