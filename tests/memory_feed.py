"""The memory twins of the feed's ports: lists that everybody shares, and viewers' sides.  `away` names what fails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from domain import bitmap
from domain.catalogue import Catalogue
from domain.feed import SEEDS
from domain.recommendations import Version
from domain.registers import Register
from ingest_api.errors import NumbersUnavailable, ViewersUnavailable
from ingest_api.feed.shown import Before, Candidate, Served

VERSION = Version(1, 1, "00000001")


@dataclass
class MemoryLists:
    """Lists by dense index; charts by drama id."""

    also: dict[int, list[int]] = field(default_factory=dict)
    charts: dict[str, list[int]] = field(default_factory=lambda: {"hot": [], "trending": []})
    known: Version | None = VERSION
    away: set[str] = field(default_factory=set)

    async def version(self) -> Version | None:
        self._ask("version")
        return self.known

    async def also_watched(self, drama_index: int) -> Sequence[int]:
        self._ask("also_watched")
        return self.also.get(drama_index, []) if self.known else []

    async def hot(self, catalogue: Catalogue) -> Sequence[int]:
        return self._chart("hot", catalogue)

    async def trending(self, catalogue: Catalogue) -> Sequence[int]:
        return self._chart("trending", catalogue)

    def _chart(self, name: str, catalogue: Catalogue) -> Sequence[int]:
        self._ask(name)
        return [index for index in map(catalogue.index_of, self.charts[name]) if index is not None]

    def _ask(self, name: str) -> None:
        if name in self.away:
            raise NumbersUnavailable


@dataclass
class MemoryShown:
    """Viewers' sides; drama ids in `recent`, `dislikes` and `progress`, dense indexes elsewhere."""

    length: int = 16  # bytes of bitmaps
    seen: dict[int, set[int]] = field(default_factory=dict)
    served: dict[int, set[int]] = field(default_factory=dict)
    personal: dict[int, list[int]] = field(default_factory=dict)
    recent: dict[int, dict[int, int]] = field(default_factory=dict)
    dislikes: dict[int, set[int]] = field(default_factory=dict)
    progress: dict[tuple[int, int], Register] = field(default_factory=dict)
    away: set[str] = field(default_factory=set)

    async def before(self, user_id: int, version: Version | None) -> Before:
        self._ask("before")
        recent = self.recent.get(user_id, {})
        personal = self.personal.get(user_id, []) if version else []
        return Before(
            bytes(bitmap.of(self.seen.get(user_id, ()), self.length)),
            bytes(bitmap.of(self.served.get(user_id, ()), self.length)),
            sorted(recent, key=lambda drama_id: -recent[drama_id])[:SEEDS],
            None if "personal" in self.away else personal,
        )

    async def serve(self, user_id: int, candidates: Sequence[Candidate], size: int) -> Served:
        self._ask("serve")
        places: list[int] = []
        passed: list[int] = []
        for place, candidate in enumerate(candidates):
            if len(places) == size:
                break
            taken_since = not candidate.again and candidate.drama_index in self.served.get(user_id, ())
            unwanted = taken_since or candidate.drama_id in self.dislikes.get(user_id, ())
            passed += [candidate.drama_index] * unwanted
            places += [place] * (not unwanted)
        taken = [candidates[place] for place in places]
        if any(candidate.again for candidate in taken):
            self.served[user_id] = set()
        self.served.setdefault(user_id, set()).update(candidate.drama_index for candidate in taken)
        return Served(places, [self.progress.get((user_id, candidate.drama_id)) for candidate in taken], passed)

    async def seen_at_ms(self, user_id: int) -> dict[int, int]:
        self._ask("seen_at_ms")
        return self.recent.get(user_id, {})

    async def disliked(self, user_id: int, drama_ids: Sequence[int]) -> set[int]:
        self._ask("disliked")
        return self.dislikes.get(user_id, set()) & set(drama_ids)

    def _ask(self, name: str) -> None:
        if name in self.away:
            raise ViewersUnavailable
