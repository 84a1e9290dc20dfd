"""All that one page is made of, read once: the same for the feed and for the explanation of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from domain import feed, session
from domain.audience import ANYBODY, Audience
from domain.catalogue import NO_INDEX, Catalogue
from domain.cold import Cold
from domain.recommendations import Version
from domain.session import Seed, Session
from domain.shelf import Composed, Mix, Shelf, Source, Viewed
from domain.stock import Stock
from ingest_api.feed.lists import Lists
from ingest_api.feed.shown import Before, Shown
from ingest_api.feed.sources import VIEWER, Sources

SPARE = 5  # picks that step in for what the viewer dislikes, so that it costs no second look
CAME_BY = 2.0  # strength of the drama whose card or advertisement the viewer came by


class Asked(NamedTuple):
    """Who opens the feed, how, and what their arm makes pages of.  `came_by`: a drama's id, 0 for none."""

    user_id: int
    size: int
    seed: int
    audience: Audience = ANYBODY
    came_by: int = 0
    shares: Mapping[Source, float] = feed.SHARES
    random_share: float = 0.0


class Material(NamedTuple):
    """What a page is made of.

    `related`: "people also watched" of each seed; `trained`: the personal list as it was learnt; `lift`: what the
    session does to it.
    """

    viewed: Viewed
    session: Session
    related: Mapping[int, Sequence[int]]
    trained: Sequence[int]
    lift: Mapping[int, float]
    shelves: Sequence[Shelf]
    mix: Mix


class Gathering:
    """Reads it for one opening, with the catalogue as it was when that began."""

    def __init__(self, asked: Asked, stock: Stock, lists: Lists, viewers: Shown) -> None:
        self.sources = Sources()
        self.asked, self.stock = asked, stock
        self._lists, self._viewers = lists, viewers

    async def look(self) -> tuple[Version | None, Before]:
        """The version that is served, and the viewer before the page."""
        version = await self.sources.ask(Source.PERSONAL, self._lists.version(), None)
        before = await self.sources.ask(VIEWER, self._viewers.before(self.asked.user_id, version), Before())
        if before.personal is None:
            self.sources.fails(Source.PERSONAL, None)
        return version, before

    async def material(self, before: Before) -> Material:
        """What the page of this viewer is made of."""
        asked, context = self.asked, self._context()
        viewed = self._viewed(before, context)
        now = session.session_of(before.last, before.disliked, viewed, self.stock)
        personal = before.personal or ()
        if not asked.shares.get(Source.PERSONAL):  # an arm without personal lists is not made personal by the session
            now = now._replace(tired={})
        came_by = {seed.drama_index for seed in context}
        led = now._replace(seeds=[*context, *(seed for seed in now.seeds if seed.drama_index not in came_by)])
        indexes = [seed.drama_index for seed in led.seeds]
        related = await self.sources.ask(Source.ALSO_WATCHED, self._lists.also_watched(indexes), {}) if indexes else {}
        lift = session.lift_of(related, led.seeds)
        pool = await self.sources.ask(Source.COLD, self._lists.cold(), None)
        shelves = [
            Shelf(Source.PERSONAL, session.rerank(personal, lift, now.tired, self.stock)),
            *_also(led.seeds, related, now),
            *await self._for_everybody(self.stock.catalogue),
            *_cold(pool, asked.seed),
        ]
        return Material(viewed, led, related, personal, lift, shelves, self._mix(before, now, pool))

    def compose(self, material: Material, size: int, viewed: Viewed, spare: int = SPARE) -> Composed:
        """Candidates for `size` places, and `spare` more."""
        return feed.compose(material.shelves, viewed, self.stock, size, material.mix, spare=spare, seed=self.asked.seed)

    def _context(self) -> list[Seed]:
        """The drama that the viewer came by, if they may be shown it."""
        index = self.stock.catalogue.index_of(self.asked.came_by) or NO_INDEX
        return [Seed(index, CAME_BY)] if self.stock.may_show(index, self.asked.audience) else []

    def _viewed(self, before: Before, context: Sequence[Seed]) -> Viewed:
        """They have the drama that they came by before them: it is no news while there is anything else."""
        disliked = {*before.disliked, *(trace.drama_id for trace in before.last if trace.disliked)}
        indexes = filter(None, map(self.stock.catalogue.index_of, disliked))
        cooling = frozenset((*before.cooling, *(seed.drama_index for seed in context)))
        return Viewed(before.seen, before.served, frozenset(indexes), cooling, self.asked.audience)

    async def _for_everybody(self, catalogue: Catalogue) -> list[Shelf]:
        hot = await self.sources.ask(Source.HOT, self._lists.hot(catalogue), ())
        trending = await self.sources.ask(Source.TREND, self._lists.trending(catalogue), ())
        return [Shelf(Source.HOT, hot), Shelf(Source.TREND, trending)]

    def _mix(self, before: Before, now: Session, pool: Cold | None) -> Mix:
        shares = dict(self.asked.shares)
        random_share = shares.pop(Source.RANDOM, self.asked.random_share)
        if pool is not None and Source.COLD in shares:
            at_most = shares[Source.COLD]
            shares[Source.COLD] = min(at_most, pool.share if pool.orders else 0.0)
            if shares.get(Source.PERSONAL):
                shares[Source.PERSONAL] += at_most - shares[Source.COLD]
        known = before.personal or before.last or any(before.seen)
        return Mix(shares, random_share, now.tired, newcomer=not known and bool(shares.get(Source.PERSONAL)))


def _also(seeds: Sequence[Seed], related: Mapping[int, Sequence[int]], now: Session) -> list[Shelf]:
    """Of the strongest seeds; one that the viewer only came by is no reason that they have "watched"."""
    watched = {seed.drama_index for seed in now.seeds}
    first = [(index, related.get(index, ())) for index, _ in seeds[: feed.SEEDS]]
    return [Shelf(Source.ALSO_WATCHED, others, index if index in watched else NO_INDEX) for index, others in first]


def _cold(pool: Cold | None, seed: int) -> list[Shelf]:
    orders = pool.orders if pool else ()
    return [Shelf(Source.COLD, orders[seed % len(orders)])] if orders else []
