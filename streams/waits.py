"""Waiting for a store with back-off, and saying so: the watchdog, /readyz and the metrics look here."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, replace

from infra import logs
from infra.fold_store import RebuildNeeded, Wait

FIRST_S, LONGEST_S = 0.05, 2.0  # back-off: doubled each time; viewers' counters may lag 2 s more after an outage
FRESH_S = 90.0  # a wait that was not declared again for this long is no excuse; every call to a store ends sooner
LOG_EVERY_S = 10.0

log = logs.get(__name__)


@dataclass(frozen=True)
class Waiting:
    """A partition waits for `store` since `since`, and said so last at `at` (both time.monotonic); `times` in a row.

    `needs` is the command that ends it, where waiting alone does not.
    """

    store: str
    since: float
    at: float
    times: int
    logged: float
    needs: str = ""


class Waits:
    """Which partitions wait, and for what.  Read from any thread; changed from the worker's loop only."""

    def __init__(self) -> None:
        self._waiting: dict[int, Waiting] = {}

    async def pause(self, p: int, error: Wait) -> None:
        """Declare that partition `p` waits because of `error`, and wait: longer each time until done(p)."""
        now = time.monotonic()
        before = self._waiting.get(p) or Waiting(error.store, now, now, 0, now - LOG_EVERY_S)
        logged = before.logged
        if now - logged >= LOG_EVERY_S:
            log.warning(
                "waiting", store=error.store, partition=p, seconds=round(now - before.since, 1), error=str(error)
            )
            logged = now
        needs = error.needs if isinstance(error, RebuildNeeded) else ""
        self._waiting[p] = replace(
            before, store=error.store, at=now, times=before.times + 1, logged=logged, needs=needs
        )
        longest = min(LONGEST_S, FIRST_S * 2.0 ** min(before.times, 10))
        await asyncio.sleep(longest * random.uniform(0.5, 1.0))  # noqa: S311 - spreads the partitions, hides nothing

    def done(self, p: int) -> None:
        """The partition goes on."""
        was = self._waiting.pop(p, None)
        if was is not None:
            log.info("goes on", store=was.store, partition=p, waited_s=round(time.monotonic() - was.since, 1))

    def keep(self, partitions: frozenset[int]) -> None:
        """Forget what other partitions waited for: they are not ours any more."""
        for p in self._waiting.keys() - partitions:
            self._waiting.pop(p, None)

    def now(self) -> dict[int, Waiting]:
        """The waits that were declared lately."""
        fresh = time.monotonic() - FRESH_S
        return {p: waiting for p, waiting in list(self._waiting.items()) if waiting.at >= fresh}
