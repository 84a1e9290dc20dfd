"""When a program that died is started again, and when it no longer is."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

FIRST_DELAY_S = 0.1
READY_CAP_S = 2.0  # it worked before it died: be back soon
STILLBORN_CAP_S = 10.0  # it never became ready: give what it waits for some time
STILLBORN_LIMIT = 8  # about half a minute of trying
WINDOW_S = 300.0
WINDOW_LIMIT = 30  # a program that starts well and dies at once is no service


@dataclass
class Restarts:
    """The deaths of one program.  Times are seconds of any clock that only goes forward."""

    stillborn_limit: int = STILLBORN_LIMIT
    total: int = 0
    stillborn: int = 0
    recent: deque[float] = field(default_factory=deque)

    def after_death(self, now_s: float, *, was_ready: bool) -> float | None:
        """Seconds to wait before the next start; None when it has died too often and is given up."""
        self.total += 1
        self.recent.append(now_s)
        while self.recent[0] <= now_s - WINDOW_S:
            self.recent.popleft()
        self.stillborn = 0 if was_ready else self.stillborn + 1
        if self.stillborn >= self.stillborn_limit or len(self.recent) >= WINDOW_LIMIT:
            return None
        cap, deaths = (READY_CAP_S, len(self.recent)) if was_ready else (STILLBORN_CAP_S, self.stillborn)
        return min(cap, FIRST_DELAY_S * 2.0 ** (deaths - 1))

    def forgive(self) -> None:
        """Somebody asked to start it again: begin to count anew."""
        self.stillborn = 0
        self.recent.clear()
