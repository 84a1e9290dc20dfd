"""What the screens need, put together: a drama's numbers, charts, a viewer's progress and history."""

from __future__ import annotations

from collections.abc import Callable

from domain.audience import ANYBODY, Audience, fits
from domain.catalogue import Catalogue, Drama
from domain.keys import HOT_KEPT, RECENT_KEPT
from domain.registers import Register
from domain.resume import half_watched, resume
from ingest_api.errors import UnknownDrama
from ingest_api.events.service import CatalogueSource
from ingest_api.product.answers import ChartItem, DramaCounters, HistoryPage, Progress
from ingest_api.product.charts import Chart, Charts
from ingest_api.product.viewers import Viewers

LATEST = 50  # dramas of GET /v1/me/progress when none are named


class Product:
    """One a process; reads what the workers wrote, and the catalogue as it is followed."""

    def __init__(
        self, catalogue: CatalogueSource, charts: Charts, viewers: Viewers, *, now_ms: Callable[[], int]
    ) -> None:
        self._catalogue = catalogue
        self._charts = charts
        self._viewers = viewers
        self._now_ms = now_ms

    async def counters(self, drama_id: int) -> DramaCounters:
        """A drama's numbers.  Raises UnknownDrama, NumbersUnavailable."""
        shown(self._catalogue.current, drama_id)
        numbers = await self._charts.counters(drama_id)
        return DramaCounters(drama_id=drama_id, **{name: numbers[name] for name in DramaCounters.NUMBERS})

    async def chart(self, chart: Chart, count: int, audience: Audience = ANYBODY) -> list[ChartItem]:
        """The first `count` of a chart that this audience may be shown.  Raises NumbersUnavailable."""
        catalogue, now_ms = self._catalogue.current, self._now_ms()
        for most in (count + len(catalogue.takedowns), HOT_KEPT):
            placed = await self._charts.top(chart, most)
            dramas = [(_for(audience, catalogue, drama_id, now_ms), score) for drama_id, score in placed]
            found = [(drama, score) for drama, score in dramas if drama is not None]
            if len(found) >= count or len(placed) < most:  # else more is barred than was thought
                break
        return [
            ChartItem(drama_id=drama.drama_id, title=drama.title, category=drama.category, rank=rank, score=score)
            for rank, (drama, score) in enumerate(found[:count], 1)
        ]

    async def progress(self, user_id: int, drama_ids: list[int], audience: Audience = ANYBODY) -> list[Progress]:
        """Where the viewer is in these dramas, else in the LATEST.  Raises ViewersUnavailable."""
        wanted = drama_ids or [each.drama_id for each in await self._viewers.history(user_id, 0, LATEST)]
        watched, now_ms = await self._watched(user_id, wanted, audience), self._now_ms()
        return [_progress(*one, now_ms) for one in watched]

    async def history(self, user_id: int, start: int, count: int, audience: Audience = ANYBODY) -> HistoryPage:
        """`count` dramas of the history from place `start`, the latest first.  Raises ViewersUnavailable."""
        watched = await self._viewers.history(user_id, start, count)
        items = await self.progress(user_id, [each.drama_id for each in watched], audience) if watched else []
        return HistoryPage(items=items, next_cursor=start + count if len(watched) == count else None)

    async def to_go_on(self, user_id: int, count: int, audience: Audience = ANYBODY) -> list[Progress]:
        """The latest `count` dramas that the viewer has begun, not finished and not disliked; the latest first.

        Of the RECENT_KEPT dramas of the history.  Who has watched all that is out has finished, until the next one is.
        Raises ViewersUnavailable.
        """
        latest = [each.drama_id for each in await self._viewers.history(user_id, 0, RECENT_KEPT)]
        watched = await self._watched(user_id, latest, audience)
        now_ms = self._now_ms()
        begun = [(drama, place) for drama, place in watched if half_watched(place, drama.watchable(now_ms))]
        disliked = await self._viewers.disliked(user_id, [drama.drama_id for drama, _ in begun])
        return [_progress(*one, now_ms) for one in begun if one[0].drama_id not in disliked][:count]

    async def _watched(self, user_id: int, drama_ids: list[int], audience: Audience) -> list[tuple[Drama, Register]]:
        """In the order of `drama_ids`; those never watched, or not shown any more, are left out."""
        found = await self._viewers.progress(user_id, drama_ids)
        catalogue, now_ms = self._catalogue.current, self._now_ms()
        dramas = (_for(audience, catalogue, drama_id, now_ms) for drama_id in drama_ids if drama_id in found)
        return [(drama, found[drama.drama_id]) for drama in dramas if drama is not None]


def _for(audience: Audience, catalogue: Catalogue, drama_id: int, now_ms: int) -> Drama | None:
    """The drama, if it may be offered to this audience now."""
    drama = catalogue.drama(drama_id)
    return drama if drama is not None and catalogue.offered(drama_id, now_ms) and fits(drama, audience) else None


def shown(catalogue: Catalogue, drama_id: int) -> Drama:
    """The drama, if viewers may see it.  Raises UnknownDrama."""
    drama = catalogue.drama(drama_id)
    if drama is None or not catalogue.shown(drama_id):
        raise UnknownDrama
    return drama


def _progress(drama: Drama, register: Register, now_ms: int) -> Progress:
    (at_ms, _, _), (episode_no, position_ms) = register
    watchable = drama.watchable(now_ms)
    play = resume(register, watchable)
    return Progress(
        drama_id=drama.drama_id, title=drama.title, episodes=drama.episodes, released=len(watchable),
        next_release_ms=drama.next_release_ms(now_ms), at_ms=at_ms, episode_no=episode_no, position_ms=position_ms,
        next_episode_no=play.episode_no, next_position_ms=play.position_ms,
    )  # fmt: skip
