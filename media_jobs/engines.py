"""The engine that the settings name: where files lie, and what is made of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from infra.media.bucket import bucket_of, lacking
from infra.settings import Settings
from media_jobs.cos.client import Cos
from media_jobs.cos.jobs import Ci
from media_jobs.cos.processing import CosProcessing
from media_jobs.cos.storage import CosStorage
from media_jobs.engine import Processing, Storage
from media_jobs.local.processing import LocalProcessing
from media_jobs.local.storage import LocalStorage

SHORTEST_SECRET = 32


def now_ms() -> int:
    """Unix time in ms."""
    return time.time_ns() // 1_000_000


class NotSet(ValueError):
    """The settings do not say what the engine needs; the words tell which."""


def storage_of(settings: Settings) -> Storage:
    """Connects when first used.  Raises NotSet."""
    if settings.media_engine == "cos":
        return CosStorage(_cos(settings))
    root, secret = settings.media_root, settings.ticket_secret.get_secret_value().encode()
    if not root:
        raise NotSet("set JULIU_MEDIA_ROOT to the folder that media lies in")
    if len(secret) < SHORTEST_SECRET:
        raise NotSet(f"set JULIU_TICKET_SECRET (at least {SHORTEST_SECRET} bytes): it signs addresses of files")
    base = settings.media_public_url or f"http://{settings.api_host}:{settings.api_port}"
    return LocalStorage(Path(root), base, secret, lambda: int(time.time()))


def processing_of(settings: Settings, storage: Storage, extras: Callable[[int], None] = lambda _: None) -> Processing:
    """What works on that storage.  `extras`: told of jobs that were begun twice, and deleted.  Raises NotSet."""
    if settings.media_engine == "cos":
        ci = Ci(_cos(settings), now_ms, settings.ci_queue_id, settings.ci_callback_url)
        return CosProcessing(ci, storage, extras)
    return LocalProcessing(storage)


def _cos(settings: Settings) -> Cos:
    if settings.cos_stand_in and settings.env == "production":
        raise NotSet("JULIU_COS_STAND_IN is for tests: take it out in production")
    bucket = bucket_of(settings)
    if bucket is None:
        raise NotSet(f"the engine cos needs {', '.join(lacking(settings))}")
    return Cos(bucket, settings.cos_stand_in)
