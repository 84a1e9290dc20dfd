"""The ledger: what was sent, counted by hand from the exposures.  It shares no code with the fold that it checks."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from juliu.demo.log import Exposure

VIEW_MS, VALID_MS, LONG_MS = 3_000, 7_000, 18_000
COMPLETE_PERCENT = 95
COUNTED = (
    "impressions", "starts", "ends", "views", "valid_plays", "long_plays", "completes", "content_ms", "likes",
    "follows",
)  # fmt: skip


@dataclass
class Ledger:
    """Events by type, and every counter of every drama, as they must come out."""

    events: Counter[str] = field(default_factory=Counter)
    dramas: dict[int, Counter[str]] = field(default_factory=dict)
    _likes: set[tuple[int, int]] = field(default_factory=set)
    _follows: set[tuple[int, int]] = field(default_factory=set)

    @property
    def sent(self) -> int:
        """How many events there are."""
        return self.events.total()

    def total(self) -> Counter[str]:
        """The counters of all dramas together."""
        return sum(self.dramas.values(), Counter())

    def enter(self, shown: Exposure, duration_ms: int, events: int) -> None:
        """One exposure that was reported as `events` events."""
        drama = self.dramas.setdefault(shown.drama_id, Counter())
        drama["impressions"] += 1
        self.events["impression"] += 1
        if shown.play_ms:
            self._play(drama, min(shown.play_ms, duration_ms), duration_ms)
            self.events["heartbeat"] += events - 3 - shown.liked - shown.followed
        self._reactions(drama, shown)

    def _play(self, drama: Counter[str], content_ms: int, duration_ms: int) -> None:
        """A play from 0: its first pass over the video is all its unique content."""
        self.events["play_started"] += 1
        self.events["play_ended"] += 1
        drama["starts"] += 1
        drama["ends"] += 1
        drama["content_ms"] += content_ms
        drama["views"] += content_ms >= min(VIEW_MS, duration_ms)
        drama["valid_plays"] += content_ms >= min(VALID_MS, duration_ms)
        drama["long_plays"] += content_ms >= min(LONG_MS, duration_ms)
        drama["completes"] += 100 * content_ms >= COMPLETE_PERCENT * duration_ms

    def _reactions(self, drama: Counter[str], shown: Exposure) -> None:
        """A second like of the same viewer is an event, but no second like."""
        target = (shown.user_id, shown.drama_id)
        for happened, event, counter, known in (
            (shown.liked, "liked", "likes", self._likes),
            (shown.followed, "followed", "follows", self._follows),
        ):
            if happened:
                self.events[event] += 1
                drama[counter] += target not in known
                known.add(target)
