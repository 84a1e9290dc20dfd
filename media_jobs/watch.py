"""Who watches a long call: it is told how far things are, and answers by stopping them."""

from __future__ import annotations

from typing import Protocol


class Cancelled(Exception):
    """Somebody cancelled the job: stop at once, what was made is thrown away."""


class Watch(Protocol):
    def progress(self, permille: int) -> None:
        """Told every fraction of a second, 0..1000, never falling.  Called in the thread that does the work.

        Raises Cancelled, or infra.media's LeaseLost, where the work is to stop: whatever it started is killed first,
        then the exception goes on.  Cheap: it may be called four times a second.
        """


class Unwatched:
    """Nobody watches: tools and tests."""

    def progress(self, permille: int) -> None:
        """Says nothing."""
