"""Ends at the service what cancelled jobs had begun there: CI would go on, for money, with what nobody wants.

Every worker does it now and then; twice is no harm.  What is cancelled is known from the queue, so it does not matter
who had the step, or whether anybody had it just then.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from domain.media.trouble import StepFailed
from infra import logs
from infra.media.job import Leased
from infra.media.port import Elsewhere
from media_jobs.engine import Processing
from media_jobs.steps import kept
from media_jobs.watch import Unwatched

MOST = 50  # steps of one turn
DAYS_MS = 7 * 86_400_000  # then the bucket's lifecycle has taken what was on the way
EVERY_MS = 15_000

log = logs.get(__name__)


@dataclass
class Dropped:
    """The upkeep.  `now_ms` is Unix time."""

    steps: Elsewhere
    processing: Processing
    now_ms: Callable[[], int]
    _next_ms: int = 0

    def tick(self) -> None:
        """Do what is due.  Raises Wait."""
        if self.now_ms() >= self._next_ms:
            self._next_ms = self.now_ms() + EVERY_MS
            self.once()

    def once(self) -> None:
        """Look at all of them, once.  Raises Wait."""
        for leased in self.steps.begun_elsewhere(self.now_ms() - DAYS_MS, MOST):
            if self._is_ended(leased):
                self.steps.ended_elsewhere(leased)
                log.info("ended what a cancelled job had begun", job=leased.job_id, step=leased.step)

    def _is_ended(self, leased: Leased) -> bool:
        try:
            return self.processing.drop(kept.nobodys(leased, Path()), Unwatched())
        except StepFailed as error:
            log.warning("not ended yet", job=leased.job_id, step=leased.step, reason=error.reason, text=error.text)
            return False
