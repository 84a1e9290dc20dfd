"""One opening of the feed: read what the viewer saw and all shelves, blend, serve."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from domain import bitmap, feed
from domain.catalogue import NO_INDEX
from domain.feed import Pick, Shelf, Source, Stock, Viewed
from domain.registers import Register
from infra import logs
from infra.metrics import FEED_SOURCE_FAILURES
from ingest_api.errors import Unavailable
from ingest_api.feed.lists import Lists
from ingest_api.feed.shown import Before, Candidate, Served, Shown

VIEWER = "viewer"  # what the viewer saw and was served, as a source that may fail
SPARE = 5  # picks that step in for what the viewer dislikes, so that it costs no second look
ROUNDS = 3  # of looking for more than were spare

T = TypeVar("T")
log = logs.get(__name__)


class Place(NamedTuple):
    """One place of the answer, and where the viewer is in that drama."""

    pick: Pick
    progress: Register | None


@dataclass
class Sources:
    """Sources of one answer; a source that fails is passed over, counted, and named in `failed`."""

    failed: list[str] = field(default_factory=list)

    async def ask(self, source: str, found: Awaitable[T], default: T) -> T:
        """What was found; `default` where the source does not answer."""
        try:
            return await found
        except Unavailable as error:
            self.fails(source, error.__cause__)
            return default

    def fails(self, source: str, why: BaseException | None) -> None:
        """Note that it was passed over."""
        FEED_SOURCE_FAILURES.labels(source).inc()
        if source not in self.failed:
            self.failed.append(source)
            log.warning("feed source failed", source=source, error=repr(why)[:200])


class Opening:
    """One viewer's opening, with the catalogue as it was when it began."""

    def __init__(
        self, user_id: int, stock: Stock, lists: Lists, viewers: Shown, shares: Mapping[Source, float]
    ) -> None:
        self.sources = Sources()
        self._user_id = user_id
        self._stock = stock
        self._lists = lists
        self._viewers = viewers
        self._shares = shares

    async def page(self, size: int, seed: int) -> list[Place]:
        """A page, which from now on counts as served."""
        version = await self.sources.ask(Source.PERSONAL, self._lists.version(), None)
        before = await self.sources.ask(VIEWER, self._viewers.before(self._user_id, version), Before())
        shelves = await self._shelves(before)
        viewed = Viewed(before.seen, before.served)
        places: list[Place] = []
        for _ in range(ROUNDS):
            picks = await self._picks(shelves, viewed, size - len(places), seed)
            served = await self._serve(picks, viewed, size - len(places))
            taken = [Place(picks[at], progress) for at, progress in zip(served.places, served.progress, strict=True)]
            places += taken
            if len(places) == size or not served.passed:
                break
            never = viewed.disliked.union(served.passed, (place.pick.drama_index for place in taken))
            viewed = viewed._replace(disliked=never)
        return places

    async def _shelves(self, before: Before) -> list[Shelf]:
        """All shelves, best first."""
        if before.personal is None:
            self.sources.fails(Source.PERSONAL, None)
        shelves = [Shelf(Source.PERSONAL, before.personal or ())]
        for index in map(self._stock.catalogue.index_of, before.last):
            if index is not None and self._stock.may_show(index):  # else its title would be shown as the reason
                found = await self.sources.ask(Source.ALSO_WATCHED, self._lists.also_watched(index), ())
                shelves.append(Shelf(Source.ALSO_WATCHED, found, index))
        hot = await self.sources.ask(Source.HOT, self._lists.hot(self._stock.catalogue), ())
        trending = await self.sources.ask(Source.TREND, self._lists.trending(self._stock.catalogue), ())
        return [*shelves, Shelf(Source.HOT, hot), Shelf(Source.TREND, trending)]

    async def _picks(self, shelves: Sequence[Shelf], viewed: Viewed, size: int, seed: int) -> list[Pick]:
        """Candidates for `size` places, with some to spare."""
        picks = feed.blend(shelves, viewed, self._stock, size, spare=SPARE, seed=seed, shares=self._shares)
        if len(picks) < size:
            found = await self.sources.ask(VIEWER, self._viewers.seen_at_ms(self._user_id), {})
            index_of = self._stock.catalogue.index_of
            at_ms = {index_of(drama_id) or NO_INDEX: at for drama_id, at in found.items()}
            picks += feed.seen_again(viewed, self._stock, size + SPARE - len(picks), at_ms)
        return picks

    async def _serve(self, picks: Sequence[Pick], viewed: Viewed, size: int) -> Served:
        """What is served of the picks.  Where the viewer's store is away, the first of them, and nobody notes it."""
        as_they_are = Served(range(min(size, len(picks))), [None] * min(size, len(picks)))
        if VIEWER in self.sources.failed or not picks:
            return as_they_are
        id_at = self._stock.catalogue.id_at
        candidates = [
            Candidate(index, id_at(index) or NO_INDEX, bitmap.has(viewed.served, index)) for index, *_ in picks
        ]
        return await self.sources.ask(VIEWER, self._viewers.serve(self._user_id, candidates, size), as_they_are)
