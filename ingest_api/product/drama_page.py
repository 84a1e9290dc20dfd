"""A drama's page: what it is, what it costs this viewer, where they go on, and its episodes, some at a time.

It is made of the catalogue in memory; what is unlocked and where the viewer is are asked for at the same time, and are
told soon or not at all.  It holds no address of a video, name of a rendition or link: GET .../play gives those.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import NamedTuple, Protocol

from domain import pricing
from domain.audience import ANYBODY, Audience, fits
from domain.catalogue import Drama
from domain.pricing import Terms
from domain.registers import Register
from domain.resume import resume
from ingest_api.errors import CatalogueUnavailable, UnknownDrama, ViewersUnavailable
from ingest_api.events.service import CatalogueSource
from ingest_api.feed.answers import Play
from ingest_api.feed.sources import VIEWER, Sources
from ingest_api.hls.posters import OF_NOW
from ingest_api.play.answers import EpisodeState
from ingest_api.play.states import SOON_S, state_of
from ingest_api.product.answers import DramaPrice, DramaScreen, Episode
from ingest_api.product.service import shown
from ingest_api.product.viewers import Viewers

MONEY = "money"  # what is unlocked, as a source that may fail
NOTHING: frozenset[int] = frozenset()


class Unlocked(Protocol):
    """What viewers have unlocked."""

    async def of(self, user_id: int, drama_id: int) -> frozenset[int]:
        """Episodes of the drama; 0 among them is all of it.  Raises MoneyUnavailable, soon."""


class Wish(NamedTuple):
    """Who asks for which episodes: `size` of them from `first` on."""

    user_id: int
    first: int
    size: int
    audience: Audience = ANYBODY


class _Now(NamedTuple):
    """A drama at one moment, as one viewer has it.  `owned` None: what is unlocked is not known."""

    drama: Drama
    now_ms: int
    out: int
    terms: Terms
    owned: frozenset[int] | None = NOTHING


class DramaPages:
    """One a process."""

    def __init__(
        self, catalogue: CatalogueSource, viewers: Viewers, unlocked: Unlocked, *, now_ms: Callable[[], int],
        soon_s: float = SOON_S,
    ) -> None:  # fmt: skip
        self._catalogue = catalogue
        self._viewers = viewers
        self._unlocked = unlocked
        self._now_ms = now_ms
        self._soon_s = soon_s

    async def page(self, drama_id: int, wish: Wish) -> DramaScreen:
        """The page as it is now; what does not answer is named in `degraded`.

        Raises UnknownDrama where this viewer may not see the drama, CatalogueUnavailable where no catalogue was ever
        read.
        """
        now, sources = _now(self._drama(drama_id, wish.audience), self._now_ms()), Sources()
        numbers = range(wish.first, min(wish.first + wish.size, now.drama.episodes + 1))
        place, owned = await asyncio.gather(
            sources.ask(VIEWER, self._place(wish.user_id, drama_id), None), self._owned(now, numbers, wish, sources)
        )
        return _page(now._replace(owned=owned), numbers, place, sorted(sources.failed))

    def _drama(self, drama_id: int, audience: Audience) -> Drama:
        if math.isinf(self._catalogue.age_s):
            raise CatalogueUnavailable("The catalogue is not there yet; ask again after Retry-After.")
        drama = shown(self._catalogue.current, drama_id)
        if not fits(drama, audience):
            raise UnknownDrama
        return drama

    async def _owned(self, now: _Now, numbers: range, wish: Wish, sources: Sources) -> frozenset[int] | None:
        """What is unlocked, if anything that is told turns on it."""
        if not _turns_on_it(now, numbers):
            return NOTHING
        return await sources.ask(MONEY, self._unlocked.of(wish.user_id, now.drama.drama_id), None)

    async def _place(self, user_id: int, drama_id: int) -> Register | None:
        """Where the viewer is in the drama.  Raises ViewersUnavailable, soon."""
        try:
            async with asyncio.timeout(self._soon_s):
                return (await self._viewers.progress(user_id, [drama_id])).get(drama_id)
        except TimeoutError as error:
            raise ViewersUnavailable from error


def _now(drama: Drama, now_ms: int) -> _Now:
    out = drama.out(now_ms)
    its = pricing.terms(drama.free_first, drama.price_coins, drama.episodes, all_out=out == drama.episodes)
    return _Now(drama, now_ms, out, its)


def _turns_on_it(now: _Now, numbers: range) -> bool:
    """Whether what is unlocked says anything: of an episode in the page that is out, or of the price of the rest."""
    every = range(1, now.drama.episodes + 1)
    told = every if now.terms.all_out else [number for number in numbers if number <= now.out]
    return not all(map(now.terms.is_free, told))


def _page(now: _Now, numbers: range, place: Register | None, degraded: list[str]) -> DramaScreen:
    drama, watchable = now.drama, now.drama.watchable(now.now_ms)
    play = resume(place, watchable) if watchable else None
    return DramaScreen(
        drama_id=drama.drama_id, title=drama.title, category=drama.category, tags=list(drama.tags),
        cast=list(drama.cast), series=drama.series, region=drama.region, min_age=drama.min_age,
        episodes=drama.episodes, released=now.out, next_release_ms=drama.next_release_ms(now.now_ms),
        price=_price(now), play=play and Play(**play._asdict()),
        items=[_episode(now, number) for number in numbers],
        next_from=numbers.stop if numbers and numbers.stop <= drama.episodes else None, degraded=degraded,
    )  # fmt: skip


def _price(now: _Now) -> DramaPrice:
    whole = now.terms.all_out and now.owned is not None
    return DramaPrice(
        free_first=now.drama.free_first, episode_coins=now.drama.price_coins,
        rest_coins=now.terms.drama_coins(now.owned or NOTHING) if whole else None, price_version=now.terms.version,
    )  # fmt: skip


def _episode(now: _Now, number: int) -> Episode:
    drama, terms, out = now.drama, now.terms, number <= now.out
    state = state_of(terms, number, now.owned) if out else EpisodeState.COMING
    picture = OF_NOW.format(drama_id=drama.drama_id, episode_no=number)
    return Episode(
        episode_no=number, duration_ms=drama.durations[number - 1], state=state,
        price_coins=terms.episode_coins(number) if state is EpisodeState.LOCKED else None,
        release_ms=None if out else drama.release_ms(number),
        poster=picture if out and drama.rendition(number) else None,
    )  # fmt: skip
