"""Rejected events, a few a second, into juliu.dead, so that people can see what is sent wrongly."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version

from domain.tickets import MAX_LENGTH, without_tickets
from domain.topics import EVENTS
from infra.metrics import REJECTS_SAMPLED
from ingest_api.events.log import Log

PER_SECOND = 5.0
BURST = 20.0
MAX_SAMPLE_BYTES = 4_096
VERSION = version("juliu").encode()


class Samples:
    """A bucket of BURST samples, filled again with PER_SECOND; what finds it empty is counted and passed over."""

    def __init__(self, log: Log, now_s: Callable[[], float]) -> None:
        self._log = log
        self._now_s = now_s
        self._left = BURST
        self._filled_s = now_s()

    def take(self, user_id: int, original: bytes, reason: str) -> None:
        """Maybe keep `original` (its first MAX_SAMPLE_BYTES).  Never raises, never waits."""
        now = self._now_s()
        self._left = min(BURST, self._left + (now - self._filled_s) * PER_SECOND)
        self._filled_s = now
        if self._left < 1:
            REJECTS_SAMPLED.labels("passed_over").inc()
            return
        self._left -= 1
        REJECTS_SAMPLED.labels("kept").inc()
        self._log.set_aside(b"%d" % user_id, _shown(original), _headers(reason))


def _shown(original: bytes) -> bytes:
    """The first MAX_SAMPLE_BYTES without tickets: whoever reads samples must not be able to play with them."""
    return without_tickets(original[: MAX_SAMPLE_BYTES + MAX_LENGTH])[:MAX_SAMPLE_BYTES]


def _headers(reason: str) -> dict[str, str | bytes | None]:
    """Those of every dead letter; an event that was rejected never had an offset."""
    return {
        "topic": EVENTS.name.encode(),
        "partition": b"-1",
        "offset": b"-1",
        "group": b"api",
        "reason": reason.encode(),
        "version": VERSION,
    }
