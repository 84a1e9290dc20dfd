"""Keeps the play links that viewers ask for: fetched before they are needed, fetched anew before they end.

WeChat has no batch call, so what was asked for in the last two hours is gone through, newest first, some at a time.
What may not play (any more) loses its link here; the API refuses a drama that is taken down by itself, at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import msgspec
import redis
import structlog

from domain import keys
from infra import metrics
from infra.media.drama_book import MAX_ASKED, DramaBook
from infra.media.wechat_links import KEPT_S, LINK_S, Link, member, members
from media_jobs.wechat import answers
from media_jobs.wechat.limits import redis_answers
from media_jobs.wechat.vod import Vod

log = structlog.get_logger(__name__)
WANTED_MS = 2 * 3_600_000  # a link that nobody has asked for since then is let go
EARLY_S = 15 * 60  # fetched anew when the kept one has so long to live
A_TURN = 100  # links
Pair = tuple[int, int]


class LinkKeeper:
    """One a process.  Raises Wait (Redis, MySQL), and what WeChat's answers are."""

    def __init__(self, vod: Vod, dramas: DramaBook, store: redis.Redis, now_ms: Callable[[], int]) -> None:
        self._vod, self._dramas, self._store, self._now_ms = vod, dramas, store, now_ms

    def once(self) -> int:
        """Fetch what is due, at most A_TURN; how many there are now that were not."""
        with redis_answers():
            wanted = self._wanted()
            due = self._due(wanted)
        metrics.PLATFORM_LINKS.labels("kept").set(len(wanted) - len(due))
        metrics.PLATFORM_LINKS.labels("due").set(len(due))
        plays = self._dramas.plays(due[:A_TURN])
        self.forget([pair for pair in due[:A_TURN] if pair not in plays])
        return sum(self._fetched(pair, media_id) for pair, media_id in plays.items())

    def forget(self, pairs: Sequence[Pair]) -> None:
        """These have no link any more, and are not wanted."""
        if not pairs:
            return
        with redis_answers():
            pipeline = self._store.pipeline(transaction=False)
            for pair in pairs:
                pipeline.delete(keys.wechat_link(*pair))
                pipeline.zrem(keys.WECHAT_WANTED, member(*pair))
            pipeline.execute()

    def _wanted(self) -> Sequence[Pair]:
        """Newest first; what is older, or too much, is let go."""
        since = self._now_ms() - WANTED_MS
        pipeline = self._store.pipeline(transaction=False)
        pipeline.zremrangebyscore(keys.WECHAT_WANTED, "-inf", f"({since}")
        pipeline.zremrangebyrank(keys.WECHAT_WANTED, 0, -keys.WECHAT_WANTED_KEPT - 1)
        pipeline.zrevrange(keys.WECHAT_WANTED, 0, -1)
        return members(cast("list[bytes]", pipeline.execute()[2]))

    def _due(self, wanted: Sequence[Pair]) -> list[Pair]:
        found: list[Pair] = []
        for begin in range(0, len(wanted), MAX_ASKED):
            some = wanted[begin : begin + MAX_ASKED]
            pipeline = self._store.pipeline(transaction=False)
            for pair in some:
                pipeline.ttl(keys.wechat_link(*pair))
            left: list[Any] = pipeline.execute()
            found += [pair for pair, left_s in zip(some, left, strict=True) if left_s < EARLY_S]
        return found

    def _fetched(self, pair: Pair, media_id: int) -> bool:
        """False where WeChat has none yet: it still transcodes what has just passed."""
        until_s = self._now_ms() // 1_000 + LINK_S
        try:
            got = self._vod.link(media_id, until_s)
        except answers.Refused as error:
            self._refused(pair, error)
            return False
        if not (got.hls_url or got.mp4_url):
            return False
        link = Link(
            media_id=media_id, hls_url=got.hls_url, mp4_url=got.mp4_url, duration_s=got.duration,
            expires_ms=until_s * 1_000,
        )  # fmt: skip
        with redis_answers():
            self._store.set(keys.wechat_link(*pair), msgspec.json.encode(link), ex=KEPT_S)
        return True

    def _refused(self, pair: Pair, error: answers.Refused) -> None:
        """About this one, it is let go until it is asked for again; about all of them, it is passed on."""
        said = answers.advice(error.code)
        log.warning("no play link", drama_id=pair[0], episode_no=pair[1], code=error.code, advice=said.text)
        metrics.PLATFORM_REFUSED_LINKS.inc()
        if error.code in answers.OF_THE_ACCOUNT or said.who != "mend":
            raise error
        self.forget([pair])
