"""Progress of a step that is done in parts."""

from __future__ import annotations

from media_jobs.watch import Watch


class Part:
    """The watch of a whole step, told of one part of it: from one permille to another."""

    def __init__(self, watch: Watch, begin: int, end: int) -> None:
        self._watch, self._begin, self._end = watch, begin, end

    def progress(self, permille: int) -> None:
        """See Watch."""
        self._watch.progress(self._begin + (self._end - self._begin) * permille // 1000)
