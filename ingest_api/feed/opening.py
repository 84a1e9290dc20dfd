"""One opening of the feed: read what the viewer saw and all shelves, blend, note what is served."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from domain import feed
from domain.catalogue import NO_INDEX, Catalogue
from domain.feed import SEEDS, Page, Shelf, Source, Stock, Viewed
from infra import logs
from infra.metrics import FEED_SOURCE_FAILURES
from ingest_api.errors import Unavailable
from ingest_api.feed.lists import Lists
from ingest_api.feed.shown import Before, Shown, Standing

VIEWER = "viewer"  # what the viewer saw and was served, as a source that may fail
ROUNDS = 4  # of blending a page again because the viewer dislikes something in it

T = TypeVar("T")
log = logs.get(__name__)


@dataclass
class Sources:
    """Sources of one answer; a source that fails is passed over, counted, and named in `failed`."""

    failed: list[str] = field(default_factory=list)

    async def ask(self, source: str, found: Awaitable[T], default: T) -> T:
        """What was found; `default` where the source does not answer."""
        try:
            return await found
        except Unavailable as error:
            FEED_SOURCE_FAILURES.labels(source).inc()
            log.warning("feed source failed", source=source, error=repr(error.__cause__)[:200])
            if source not in self.failed:
                self.failed.append(source)
            return default


class Opening:
    """One viewer's opening, with the catalogue as it was when it began."""

    def __init__(self, user_id: int, catalogue: Catalogue, stock: Stock, lists: Lists, viewers: Shown) -> None:
        self.sources = Sources()
        self.standings: dict[int, Standing] = {}  # of what was picked, by dense index
        self._user_id = user_id
        self._catalogue = catalogue
        self._stock = stock
        self._lists = lists
        self._viewers = viewers

    async def page(self, size: int, seed: int) -> Page:
        """A page, which from now on counts as served."""
        before = await self._ask(self._viewers.before(self._user_id, SEEDS), Before())
        shelves = await self._shelves(before.last)
        page = await self._without_disliked(shelves, before, size, seed)
        if page.picks and VIEWER not in self.sources.failed:
            picked = [pick.drama_index for pick in page.picks]
            await self._ask(self._viewers.serve(self._user_id, picked, page.wrapped), None)
        return page

    async def _ask(self, found: Awaitable[T], default: T) -> T:
        return await self.sources.ask(VIEWER, found, default)

    async def _shelves(self, last: Iterable[int]) -> list[Shelf]:
        """All shelves, asked for side by side, in the order in which equals are served."""
        also = (self._also_watched(index) for index in indexes(last, self._catalogue))
        return await asyncio.gather(
            self._shelf(Source.PERSONAL, self._lists.personal(self._user_id)),
            *also,
            self._chart(Source.HOT, self._lists.hot()),
            self._chart(Source.TREND, self._lists.trending()),
        )

    async def _shelf(self, source: Source, found: Awaitable[Sequence[int]], because: int = NO_INDEX) -> Shelf:
        return Shelf(source, await self.sources.ask(source, found, ()), because)

    async def _also_watched(self, index: int) -> Shelf:
        return await self._shelf(Source.ALSO_WATCHED, self._lists.also_watched(index), index)

    async def _chart(self, source: Source, found: Awaitable[Sequence[int]]) -> Shelf:
        return Shelf(source, indexes(await self.sources.ask(source, found, ()), self._catalogue))

    async def _without_disliked(self, shelves: list[Shelf], before: Before, size: int, seed: int) -> Page:
        """The page, blended again until nothing that the viewer dislikes is in it."""
        disliked: frozenset[int] = frozenset()
        for _ in range(ROUNDS):
            viewed = Viewed(before.seen, before.served, disliked)
            page = feed.blend(shelves, viewed, self._stock, size, seed)
            if len(page.picks) < size:
                page = feed.seen_again(page, viewed, self._stock, size, await self._seen_at_ms())
            more = await self._disliked(page)
            if not more:
                return page
            disliked |= more
        return page._replace(picks=[pick for pick in page.picks if pick.drama_index not in disliked])

    async def _disliked(self, page: Page) -> set[int]:
        """What of the page the viewer dislikes; standings are known of the whole page afterwards."""
        new = [pick.drama_index for pick in page.picks if pick.drama_index not in self.standings]
        ids = [self._catalogue.id_at(index) or NO_INDEX for index in new]
        nowhere = [Standing(None, False)] * len(new)
        found = await self._ask(self._viewers.standings(self._user_id, ids), nowhere)
        self.standings |= dict(zip(new, found, strict=True))
        return {index for index in new if self.standings[index].disliked}

    async def _seen_at_ms(self) -> dict[int, int]:
        """Everything else was shown: when the viewer saw what comes back, by dense index."""
        found = await self._ask(self._viewers.seen_at_ms(self._user_id), {})
        return {self._catalogue.index_of(drama_id) or NO_INDEX: at_ms for drama_id, at_ms in found.items()}


def indexes(drama_ids: Iterable[int], catalogue: Catalogue) -> list[int]:
    """Dense indexes of those that the catalogue knows, in their order."""
    return [index for index in map(catalogue.index_of, drama_ids) if index is not None]
