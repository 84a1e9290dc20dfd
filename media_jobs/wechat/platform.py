"""Everything of WeChat that a step works with, made once a process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import redis
from sqlalchemy.engine import Engine

from infra.media.drama_book import DramaBook
from infra.media.dramas import Dramas
from infra.settings import Settings
from media_jobs.wechat.vod import Vod
from media_jobs.wechat.wire import Wire


@dataclass(frozen=True)
class Platform:
    """The account's media library, and what we know of our dramas there."""

    vod: Vod
    dramas: DramaBook


def platform_of(settings: Settings, engine: Engine, store: redis.Redis, now_ms: Callable[[], int]) -> Platform | None:
    """None where no account is set.  Nothing is connected to before it is used; one a thread."""
    if not settings.wechat_appid:
        return None
    wire = Wire(settings.wechat_api, settings.wechat_appid, settings.wechat_secret, store, now_ms)
    return Platform(Vod(wire), Dramas(engine, now_ms))
