"""Pages of the feed and lists of "people also watched", as answers.

The catalogue, and with it every take-down, is in memory: a source that fails never lets through what may not be shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from domain import feed
from domain.catalogue import Catalogue, Drama
from domain.feed import ARM, Pick, Source, Stock
from domain.resume import resume
from infra.metrics import FEED_ITEMS
from ingest_api.errors import CatalogueUnavailable
from ingest_api.events.service import CatalogueSource
from ingest_api.feed.answers import AlsoWatched, FeedItem, FeedPage, Play
from ingest_api.feed.lists import Lists
from ingest_api.feed.opening import Opening, Sources, indexes
from ingest_api.feed.shown import Shown, Standing
from ingest_api.product.service import shown

NOWHERE = Standing(None, False)


class Feed:
    """Makes pages.  One a process."""

    def __init__(self, catalogue: CatalogueSource, lists: Lists, viewers: Shown) -> None:
        self._catalogue = catalogue
        self._lists = lists
        self._viewers = viewers
        self._stocked: tuple[Catalogue, Stock] | None = None

    async def page(self, user_id: int, size: int, request_id: str, seed: int) -> FeedPage:
        """Up to `size` dramas.  Raises CatalogueUnavailable where no catalogue was ever read."""
        catalogue, stock = self._stock()
        opening = Opening(user_id, catalogue, stock, self._lists, self._viewers)
        page = await opening.page(size, seed)
        items = _items(page.picks, opening.standings, catalogue, request_id)
        return FeedPage(request_id=request_id, items=items, degraded=opening.sources.failed)

    async def also_watched(self, drama_id: int, size: int, request_id: str) -> AlsoWatched:
        """Dramas that go with this one.  Raises UnknownDrama, CatalogueUnavailable."""
        catalogue, stock = self._stock()
        drama = shown(catalogue, drama_id)
        sources = Sources()
        others = await sources.ask(Source.ALSO_WATCHED, self._lists.also_watched(drama.index), ())
        picks = [Pick(index, Source.ALSO_WATCHED, drama.index) for index in others]
        picks = picks or await self._like(drama, catalogue, stock, sources)
        kept = [pick for pick in picks if pick.drama_index != drama.index and stock.may_show(pick.drama_index)]
        items = _items(kept[:size], {}, catalogue, request_id)
        return AlsoWatched(drama_id=drama_id, request_id=request_id, items=items, degraded=sources.failed)

    async def _like(self, drama: Drama, catalogue: Catalogue, stock: Stock, sources: Sources) -> list[Pick]:
        """For a drama that the job knows nothing of: the hottest of its category, else the hottest."""
        hot = indexes(await sources.ask(Source.HOT, self._lists.hot(), ()), catalogue)
        same = [index for index in hot if index != drama.index and stock.category_of(index) == drama.category]
        return [Pick(index, Source.HOT) for index in same or hot]

    def _stock(self) -> tuple[Catalogue, Stock]:
        """The catalogue as it is now, and what of it may be shown; that is worked out once a catalogue."""
        catalogue = self._catalogue.current
        if not catalogue.count:
            raise CatalogueUnavailable
        if self._stocked is None or self._stocked[0] is not catalogue:
            self._stocked = (catalogue, Stock(catalogue))
        return self._stocked


def _items(
    picks: Sequence[Pick], standings: Mapping[int, Standing], catalogue: Catalogue, request_id: str
) -> list[FeedItem]:
    return [_item(pick, standings, catalogue, request_id, position) for position, pick in enumerate(picks)]


def _item(
    pick: Pick, standings: Mapping[int, Standing], catalogue: Catalogue, request_id: str, position: int
) -> FeedItem:
    drama, because = _at(pick.drama_index, catalogue), _at(pick.because, catalogue)
    assert drama is not None, "what was picked is in the catalogue that it was picked from"
    FEED_ITEMS.labels(pick.source).inc()
    play = resume(standings.get(pick.drama_index, NOWHERE).progress, drama.durations)
    return FeedItem(
        drama_id=drama.drama_id,
        title=drama.title,
        category=drama.category,
        episodes=drama.episodes,
        request_id=request_id,
        position=position,
        source=pick.source,
        arm=ARM,
        reason=feed.reason(pick.source, because.title if because else ""),
        play=Play(episode_no=play.episode_no, position_ms=play.position_ms, duration_ms=play.duration_ms),
    )


def _at(index: int, catalogue: Catalogue) -> Drama | None:
    drama_id = catalogue.id_at(index)
    return None if drama_id is None else catalogue.drama(drama_id)
