"""Who watches a long call: it is told how far things are, and answers by stopping them."""

from __future__ import annotations

from typing import Protocol

from domain.media.trouble import Cancelled, LeaseLost

__all__ = ["Cancelled", "LeaseLost", "Unwatched", "Watch"]


class Watch(Protocol):
    def progress(self, permille: int) -> None:
        """Told every fraction of a second, 0..1000.  Called in the thread that does the work.

        Raises Cancelled or LeaseLost (or what else its owner likes) where the work is to stop: whatever that started
        is killed first, then the exception goes on.  Cheap: it may be called many times a second.
        """


class Unwatched:
    """Nobody watches: tools and tests."""

    def progress(self, permille: int) -> None:
        """Says nothing."""


class Part:
    """A piece of a longer work: its 0..1000 is told to the whole's watch as `begin`..`end` permille."""

    def __init__(self, watch: Watch, begin: int, end: int) -> None:
        self._watch, self._begin, self._end = watch, begin, end

    def progress(self, permille: int) -> None:
        """See Watch."""
        self._watch.progress(self._begin + (self._end - self._begin) * permille // 1000)
