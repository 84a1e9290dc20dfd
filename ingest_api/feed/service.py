"""Pages of the feed and lists of "people also watched", as answers.

The catalogue, and with it every take-down, is in memory: a source that fails never lets through what may not be shown.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

from domain import feed
from domain.audience import ANYBODY, Audience
from domain.catalogue import Catalogue, Drama
from domain.experiments import EVERYBODY, Experiment
from domain.feed import Pick, Source, Stock
from domain.resume import resume
from infra.metrics import FEED_ITEMS
from ingest_api.errors import CatalogueUnavailable, UnknownDrama
from ingest_api.events.service import CatalogueSource
from ingest_api.feed.answers import AlsoWatched, FeedItem, FeedPage, Play
from ingest_api.feed.explained import explained
from ingest_api.feed.explanation import Explanation
from ingest_api.feed.lists import Lists
from ingest_api.feed.material import Asked, Gathering
from ingest_api.feed.opening import Opening, Place
from ingest_api.feed.pages import PageName
from ingest_api.feed.shown import Shown
from ingest_api.feed.sources import VIEWER, Sources
from ingest_api.product.service import shown


class Wish(NamedTuple):
    """What somebody asks of the feed.  `cursor`: a page by its name, else a new opening; `came_by`: a drama, 0 none."""

    user_id: int
    size: int
    audience: Audience = ANYBODY
    cursor: str | None = None
    came_by: int = 0


class Feed:
    """Makes pages.  One a process."""

    def __init__(
        self, catalogue: CatalogueSource, lists: Lists, viewers: Shown, experiment: Experiment = EVERYBODY,
        random_share: float = 0.0, *, now_ms: Callable[[], int],
    ) -> None:  # fmt: skip
        self._catalogue = catalogue
        self._lists = lists
        self._viewers = viewers
        self._experiment = experiment
        self._random_share = random_share
        self._now_ms = now_ms
        self._stocked: Stock | None = None

    async def page(self, wish: Wish, request_id: str, seed: int) -> FeedPage:
        """Up to `size` dramas.  Raises CatalogueUnavailable where no catalogue was ever read."""
        name = PageName.of(wish.cursor) if wish.cursor else PageName.new()
        gathering, arm = self._gathering(wish, seed)
        opened = await Opening(gathering, self._viewers, name, request_id).page()
        items = self._items(opened.places, gathering.stock.catalogue, opened.request_id, arm)
        cursor = name.next if opened.goes_on else None
        return FeedPage(request_id=opened.request_id, items=items, degraded=gathering.sources.failed, cursor=cursor)

    async def explain(self, wish: Wish, seed: int) -> Explanation:
        """The page that the viewer might get now, and why; nothing is served.  Raises CatalogueUnavailable."""
        gathering, arm = self._gathering(wish, seed)
        return await explained(gathering, self._viewers, arm)

    async def also_watched(
        self, user_id: int, drama_id: int, size: int, request_id: str, audience: Audience = ANYBODY
    ) -> AlsoWatched:
        """Dramas that go with this one, for a viewer.  Raises UnknownDrama, CatalogueUnavailable."""
        stock, sources = self._stock(), Sources()
        drama = shown(stock.catalogue, drama_id)
        if not stock.may_show(drama.index, audience):
            raise UnknownDrama
        others = (await sources.ask(Source.ALSO_WATCHED, self._lists.also_watched([drama.index]), {})).get(drama.index)
        picks = [Pick(index, Source.ALSO_WATCHED, drama.index) for index in others or ()]
        picks = [pick for pick in picks if stock.may_show(pick.drama_index, audience)]
        picks = picks or await self._like(drama, stock, sources, audience)
        ids = [stock.catalogue.id_at(pick.drama_index) or 0 for pick in picks]
        disliked = await sources.ask(VIEWER, self._viewers.disliked(user_id, ids), set())
        wanted = [pick for pick, other in zip(picks, ids, strict=True) if other not in disliked]
        kept = [Place(pick, None, position) for position, pick in enumerate(wanted[:size])]
        items = self._items(kept, stock.catalogue, request_id, self._experiment.arm_of(user_id))
        return AlsoWatched(drama_id=drama_id, request_id=request_id, items=items, degraded=sources.failed)

    async def _like(self, drama: Drama, stock: Stock, sources: Sources, audience: Audience) -> list[Pick]:
        """For a drama that the job knows nothing of: the hottest of its category."""
        hot = await sources.ask(Source.HOT, self._lists.hot(stock.catalogue), ())
        others = (index for index in hot if index != drama.index and stock.may_show(index, audience))
        return [Pick(index, Source.HOT) for index in others if stock.category_of(index) == drama.category]

    def _gathering(self, wish: Wish, seed: int) -> tuple[Gathering, str]:
        """What reads the material of one page, and the viewer's arm."""
        arm = self._experiment.arm_of(wish.user_id)
        shares = self._experiment.blend_of(arm)
        asked = Asked(wish.user_id, wish.size, seed, wish.audience, wish.came_by, shares, self._random_share)
        return Gathering(asked, self._stock(), self._lists, self._viewers), arm

    def _stock(self) -> Stock:
        """What may be shown of the catalogue as it is now.  Raises CatalogueUnavailable where none was ever read."""
        if math.isinf(self._catalogue.age_s):
            raise CatalogueUnavailable("The catalogue is not there yet; ask again after Retry-After.")
        catalogue, now_ms = self._catalogue.current, self._now_ms()
        if self._stocked is None or not self._stocked.stands(catalogue, now_ms):
            self._stocked = Stock(catalogue, now_ms)
        return self._stocked

    def _items(self, places: Sequence[Place], catalogue: Catalogue, request_id: str, arm: str) -> list[FeedItem]:
        for source, count in Counter(place.pick.source for place in places).items():
            FEED_ITEMS.labels(source).inc(count)
        now_ms = self._now_ms()
        return [_item(place, catalogue, now_ms, request_id, arm) for place in places]


def _item(place: Place, catalogue: Catalogue, now_ms: int, request_id: str, arm: str) -> FeedItem:
    pick = place.pick
    drama, because = _at(pick.drama_index, catalogue), _at(pick.because, catalogue)
    assert drama is not None, "what was picked is in the catalogue that it was picked from"
    watchable = drama.watchable(now_ms)
    play = resume(place.progress, watchable)
    return FeedItem(
        drama_id=drama.drama_id,
        title=drama.title,
        category=drama.category,
        episodes=drama.episodes,
        released=len(watchable),
        next_release_ms=drama.next_release_ms(now_ms),
        request_id=request_id,
        position=place.position,
        source=pick.source,
        arm=arm,
        propensity=pick.propensity,
        reason=feed.reason(pick.source, because.title if because else ""),
        play=Play(episode_no=play.episode_no, position_ms=play.position_ms, duration_ms=play.duration_ms),
    )


def _at(index: int, catalogue: Catalogue) -> Drama | None:
    drama_id = catalogue.id_at(index)
    return None if drama_id is None else catalogue.drama(drama_id)
