"""Sources of one answer: one that does not answer is passed over, counted and told."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import TypeVar

from infra import logs
from infra.metrics import FEED_SOURCE_FAILURES
from ingest_api.errors import Unavailable

VIEWER = "viewer"  # what the viewer saw and was served, as a source that may fail

T = TypeVar("T")
log = logs.get(__name__)


@dataclass
class Sources:
    """Sources of one answer; a source that fails is passed over, counted, and named in `failed`."""

    failed: list[str] = field(default_factory=list)

    async def ask(self, source: str, found: Awaitable[T], default: T) -> T:
        """What was found; `default` where the source does not answer."""
        try:
            return await found
        except Unavailable as error:
            self.fails(source, error.__cause__)
            return default

    def fails(self, source: str, why: BaseException | None) -> None:
        """Note that it was passed over."""
        FEED_SOURCE_FAILURES.labels(source).inc()
        if source not in self.failed:
            self.failed.append(source)
            log.warning("feed source failed", source=source, error=repr(why)[:200])
