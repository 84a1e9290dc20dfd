"""The memory twins of the feed's ports: lists that everybody shares, and viewers' sides.  `away` names what fails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import takewhile

from domain import bitmap
from domain.catalogue import Catalogue
from domain.cold import Cold
from domain.recommendations import Version
from domain.registers import Register
from domain.session import LOOKED_AT, Trace
from domain.shelf import Pick, Source
from ingest_api.errors import NumbersUnavailable, ViewersUnavailable
from ingest_api.feed.pages import Kept
from ingest_api.feed.shown import Before, Candidate, Order, Served

VERSION = Version(1, 1, "00000001")


@dataclass
class MemoryLists:
    """Lists by dense index; charts by drama id."""

    also: dict[int, list[int]] = field(default_factory=dict)
    charts: dict[str, list[int]] = field(default_factory=lambda: {"hot": [], "trending": []})
    known: Version | None = VERSION
    pool: Cold | None = None
    away: set[str] = field(default_factory=set)

    async def version(self) -> Version | None:
        self._ask("version")
        return self.known

    async def also_watched(self, drama_indexes: Sequence[int]) -> dict[int, Sequence[int]]:
        self._ask("also_watched")
        return {index: self.also.get(index, []) if self.known else [] for index in drama_indexes}

    async def cold(self) -> Cold | None:
        self._ask("cold")
        return self.pool

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
    """Viewers' sides; drama ids in `recent`, `unlocked`, marks and `progress`, dense indexes elsewhere."""

    length: int = 16  # bytes of bitmaps
    seen: dict[int, set[int]] = field(default_factory=dict)
    served: dict[int, set[int]] = field(default_factory=dict)
    personal: dict[int, list[int]] = field(default_factory=dict)
    cooling: dict[int, list[int]] = field(default_factory=dict)
    recent: dict[int, dict[int, int]] = field(default_factory=dict)
    unlocked: dict[int, dict[int, int]] = field(default_factory=dict)
    dislikes: dict[int, set[int]] = field(default_factory=dict)
    likes: dict[int, set[int]] = field(default_factory=dict)
    follows: dict[int, set[int]] = field(default_factory=dict)
    where: dict[tuple[int, int], Register] = field(default_factory=dict)
    pages: dict[int, list[Kept]] = field(default_factory=dict)  # the last first, at most two
    rounds: dict[int, int] = field(default_factory=dict)
    away: set[str] = field(default_factory=set)

    async def before(self, user_id: int, version: Version | None) -> Before:
        self._ask("before")
        pages = self.pages.get(user_id, [])
        personal = self.personal.get(user_id, []) if version else []
        in_pages = {drama_id for page in pages for drama_id, _ in page.picks}
        return Before(
            bytes(bitmap.of(self.seen.get(user_id, ()), self.length)),
            bytes(bitmap.of(self.served.get(user_id, ()), self.length)),
            self._traces(user_id),
            None if "personal" in self.away else personal,
            self.cooling.get(user_id, []),
            list(pages),
            frozenset(self.dislikes.get(user_id, set()) & in_pages),
            self._round(user_id),
        )

    def _traces(self, user_id: int) -> list[Trace]:
        recent, bought = self.recent.get(user_id, {}), self.unlocked.get(user_id, {})
        at_ms = {each: max(recent.get(each, 0), bought.get(each, 0)) for each in {**recent, **bought}}
        latest = sorted(at_ms, key=lambda drama_id: -at_ms[drama_id])[:LOOKED_AT]
        return [self._trace(user_id, drama_id, at_ms[drama_id], drama_id in bought) for drama_id in latest]

    def _trace(self, user_id: int, drama_id: int, at_ms: int, unlocked: bool) -> Trace:
        marks = (drama_id in of.get(user_id, ()) for of in (self.likes, self.follows, self.dislikes))
        return Trace(drama_id, at_ms, self.where.get((user_id, drama_id)), *marks, unlocked)

    async def serve(self, user_id: int, candidates: Sequence[Candidate], order: Order) -> Served:
        self._ask("serve")
        name, pages = str(order.name), self.pages.setdefault(user_id, [])
        ours = next((page for page in pages if page.name == name), None)
        if ours and not order.more:
            return Served([], [], kept=ours)
        if order.round != self._round(user_id):
            candidates = [candidate._replace(again=False) for candidate in candidates]
        places, passed, others = self._choose(user_id, candidates, order.size)
        taken = [candidates[place] for place in places]
        if not taken:
            return Served([], [], passed, others)
        if any(candidate.again for candidate in taken):
            self.served[user_id] = self.served.get(user_id, set()) - set(bitmap.indexes(order.served))
            self.rounds[user_id] = self.rounds.get(user_id, 0) + 1
        elif ours and order.round != self._round(user_id):
            self.served.setdefault(user_id, set()).update(pick.drama_index for _, pick in ours.picks)
        self.served.setdefault(user_id, set()).update(candidate.drama_index for candidate in taken)
        tries = [self._tries(user_id, candidates, place) for place in places]
        self._keep(pages, ours, Kept(name, order.request_id, tuple(map(_kept, taken, tries))))
        where = [self.where.get((user_id, candidate.drama_id)) for candidate in taken]
        return Served(places, where, passed, others, tries)

    def _round(self, user_id: int) -> str:
        return str(self.rounds.get(user_id, ""))

    def _choose(self, user_id: int, candidates: Sequence[Candidate], size: int) -> tuple[list[int], list[int], int]:
        places: list[int] = []
        passed: list[int] = []
        others = 0
        for place, candidate in enumerate(candidates):
            if len(places) == size:
                break
            disliked = candidate.drama_id in self.dislikes.get(user_id, ())
            taken = not disliked and not candidate.again and candidate.drama_index in self.served.get(user_id, ())
            others += taken
            passed += [candidate.drama_index] * (disliked or taken)
            places += [place] * (not (disliked or taken))
        return places, passed, others

    def _tries(self, user_id: int, candidates: Sequence[Candidate], place: int) -> int:
        """How many stood for a place that chance filled: it, and chosen ones beside it that are disliked."""
        chosen = [not candidate.told.startswith("random:") for candidate in candidates]
        disliked = [candidate.drama_id in self.dislikes.get(user_id, ()) for candidate in candidates]
        passed = [one and other for one, other in zip(chosen, disliked, strict=True)]
        beside = (passed[:place][::-1], passed[place + 1 :])
        return 1 if chosen[place] else 1 + sum(sum(1 for _ in takewhile(bool, each)) for each in beside)

    def _keep(self, pages: list[Kept], ours: Kept | None, new: Kept) -> None:
        if ours:
            pages[pages.index(ours)] = ours._replace(picks=ours.picks + new.picks)
        else:
            pages[:] = [new, *pages][:2]

    async def seen_at_ms(self, user_id: int) -> dict[int, int]:
        self._ask("seen_at_ms")
        return self.recent.get(user_id, {})

    async def disliked(self, user_id: int, drama_ids: Sequence[int]) -> set[int]:
        self._ask("disliked")
        return self.dislikes.get(user_id, set()) & set(drama_ids)

    async def progress(self, user_id: int, drama_ids: Sequence[int]) -> dict[int, Register]:
        self._ask("progress")
        return {each: self.where[user_id, each] for each in drama_ids if (user_id, each) in self.where}

    def _ask(self, name: str) -> None:
        if name in self.away:
            raise ViewersUnavailable


def _kept(candidate: Candidate, tries: int) -> tuple[int, Pick]:
    source, because, propensity = candidate.told.split(":")
    chance = float(propensity) if tries == 1 else min(1.0, float(propensity) * tries)
    return candidate.drama_id, Pick(candidate.drama_index, Source(source), int(because), chance)


@dataclass
class MemoryHints:
    """Unlocks that were noted: (viewer, drama)."""

    noted: list[tuple[int, int]] = field(default_factory=list)

    async def unlocked(self, user_id: int, drama_id: int) -> None:
        self.noted.append((user_id, drama_id))
