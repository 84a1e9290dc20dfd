"""Where the mini-program's player gets an episode: WeChat's own address of it, if the worker has fetched one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

import msgspec
from redis.exceptions import RedisError

from infra import logs
from infra.media.wechat_links import Link
from ingest_api.play.answers import WechatLink

WITHIN_S = 0.5  # the episode itself may be played: it does not wait longer for another way to it

log = logs.get(__name__)


class Links(Protocol):
    """Addresses that WeChat gave.  Raises what redis-py raises."""

    async def link(self, drama_id: int, episode_no: int, episodes: int, now_ms: int) -> Link | None:
        """The episode's; None where it is not there yet.  What was asked for is fetched, and the next ones too."""


class Platform:
    """One a process.  `links` None: no mini-program is set."""

    def __init__(self, links: Links | None, now_ms: Callable[[], int]) -> None:
        self._links = links
        self._now_ms = now_ms

    async def link(self, drama_id: int, episode_no: int, episodes: int) -> WechatLink | None:
        """WeChat's address of an episode that is open to who asks; None where there is none now.  Never raises."""
        if self._links is None:
            return None
        try:
            async with asyncio.timeout(WITHIN_S):
                found = await self._links.link(drama_id, episode_no, episodes, self._now_ms())
        except (RedisError, OSError, TimeoutError, msgspec.DecodeError) as error:
            log.warning("no address of WeChat's", reason=type(error).__name__)
            return None
        return None if found is None else WechatLink.model_validate(found)
