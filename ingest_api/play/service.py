"""May a viewer play an episode?  Free ones by the catalogue in memory; the others MySQL decides, in a thread."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from domain import pricing
from domain.audience import Audience
from domain.catalogue import Drama
from domain.pricing import WHOLE, Terms
from infra.metrics import PLAYS_ASKED
from infra.money import unlocks as infra_money
from ingest_api.errors import CatalogueUnavailable, MoneyUnavailable, NotReleased, UnknownEpisode
from ingest_api.events.service import STALE_S, CatalogueSource
from ingest_api.play.answers import EpisodeState, NextEpisode, PlayAnswer, WhyOpen
from ingest_api.play.errors import EpisodeLocked
from ingest_api.play.permission import Permission
from ingest_api.play.platform import Platform
from ingest_api.play.remembered import Remembered
from ingest_api.play.states import Owned, state_of
from ingest_api.threads import Threads
from ingest_api.unlock.money import Money, Purse
from ingest_api.unlock.service import coins, price_of, ways_to_unlock

NEXT = 2
REMEMBERED, REMEMBERED_S = 50_000, 30.0  # about 15 MB; what is open plays on for so long while MySQL does not answer
ASKED_AGAIN_S = 1.5  # while it does answer, an entitlement that is taken back is refused after so long


class Asked(NamedTuple):
    """Who wants to play what, what it costs, and how many episodes are out, as the catalogue has it now."""

    user_id: int
    drama: Drama
    episode_no: int
    terms: Terms
    out: int

    @property
    def key(self) -> tuple[int, int, int]:
        """Names the entitlement."""
        return self.user_id, self.drama.drama_id, self.episode_no


class Open(NamedTuple):
    """The episode may be played until `until_ms` (0: for ever).  `owned`: unlocked of its drama, 0 is all of it."""

    until_ms: int
    owned: frozenset[int] | None = None  # None: not asked


class Play:
    """One a process.  What was allowed is remembered for a short while, what was refused never."""

    def __init__(
        self,
        catalogue: CatalogueSource,
        money: Money,
        purse: Purse,
        *,
        threads: Threads,
        permission: Permission,
        now_ms: Callable[[], int],
        clock: Callable[[], float] = time.monotonic,
        platform: Platform | None = None,
    ) -> None:
        self._catalogue = catalogue
        self._money = money
        self._purse = purse
        self._threads = threads
        self._unlocked = Owned(money, threads)
        self._permission = permission
        self._platform = platform or Platform(None, now_ms)
        self._now_ms = now_ms
        self._known: Remembered[tuple[int, int, int], int] = Remembered(REMEMBERED, REMEMBERED_S, clock)

    async def play(
        self, user_id: int, drama_id: int, episode_no: int, audience: Audience, *, weapp: bool = False
    ) -> PlayAnswer:
        """How a viewer of this audience plays it; `weapp`: with WeChat's address, if there is one.

        Raises UnknownEpisode, NotReleased, EpisodeLocked, MoneyUnavailable, CatalogueUnavailable.
        """
        asked = self._asked(user_id, drama_id, episode_no)
        drama, terms = asked.drama, asked.terms
        found = await self._open(asked)
        how = await self._permission.open(user_id, drama_id, episode_no, audience, found.until_ms)
        return PlayAnswer(
            drama_id=drama_id,
            episode_no=episode_no,
            duration_ms=drama.durations[episode_no - 1],
            reason=WhyOpen.FREE if terms.is_free(episode_no) else WhyOpen.UNLOCKED,
            wechat=await self._platform.link(drama_id, episode_no, drama.episodes) if weapp else None,
            next=await self._next(asked, found.owned),
            **how._asdict(),
        )

    async def entitled(self, user_id: int, drama_id: int, episode_no: int) -> None:
        """Nothing, where the viewer may play it now; of what costs coins MySQL is asked afresh.  Raises as `play`."""
        asked = self._asked(user_id, drama_id, episode_no)
        if not asked.terms.is_free(episode_no):
            await self._threads.run(partial(self._decide, asked))

    # -- the episode ---------------------------------------------------------------------------------------------------

    def _asked(self, user_id: int, drama_id: int, episode_no: int) -> Asked:
        """What is asked for.  Raises UnknownEpisode, NotReleased, CatalogueUnavailable."""
        drama = self._drama(drama_id, episode_no)
        out = drama.out(self._now_ms())
        if episode_no > out:
            raise NotReleased(drama.release_ms(episode_no))
        terms = pricing.terms(drama.free_first, drama.price_coins, drama.episodes, all_out=out == drama.episodes)
        return Asked(user_id, drama, episode_no, terms, out)

    def _drama(self, drama_id: int, episode_no: int) -> Drama:
        """The drama, if it is shown and has the episode.  What an old catalogue does not have may exist."""
        catalogue = self._catalogue.current
        drama = catalogue.drama(drama_id)
        if drama is not None and catalogue.shown(drama_id) and episode_no <= drama.episodes:
            return drama
        if self._catalogue.age_s > STALE_S and (drama is None or math.isinf(self._catalogue.age_s)):
            raise CatalogueUnavailable("The catalogue is not up to date; ask again after Retry-After.")
        raise UnknownEpisode

    async def _open(self, asked: Asked) -> Open:
        if asked.terms.is_free(asked.episode_no):
            PLAYS_ASKED.labels("free").inc()
            return Open(0)
        if known := self._remembered(asked, ASKED_AGAIN_S):
            return known
        try:
            found = await self._threads.run(partial(self._decide, asked))
        except MoneyUnavailable:
            if known := self._remembered(asked, REMEMBERED_S):
                return known
            raise
        except EpisodeLocked:
            self._known.forget(asked.key)
            raise
        self._known.put(asked.key, found.until_ms)
        PLAYS_ASKED.labels("unlocked").inc()
        return found

    def _remembered(self, asked: Asked, younger_s: float) -> Open | None:
        until_ms = self._known.get(asked.key, younger_s)
        if until_ms is None or self._over(until_ms):
            return None
        PLAYS_ASKED.labels("remembered").inc()
        return Open(until_ms)

    def _decide(self, asked: Asked) -> Open:
        """In a thread: what MySQL says.  Raises EpisodeLocked, MoneyUnavailable."""
        user_id, drama_id, episode_no = asked.key
        try:
            owned = self._money.opened(user_id, drama_id)
            may_be = bool(owned & {WHOLE, episode_no})  # else there is nothing more to ask for
            entitlement = self._money.entitled(user_id, drama_id, episode_no) if may_be else None
            if entitlement is None or self._over(entitlement.until_ms):
                raise self._locked(asked, owned)
        except infra_money.MoneyUnavailable as error:
            raise MoneyUnavailable from error
        return Open(entitlement.until_ms, owned)

    def _locked(self, asked: Asked, owned: frozenset[int]) -> EpisodeLocked:
        PLAYS_ASKED.labels("locked").inc()
        ways = ways_to_unlock(asked.terms, asked.episode_no, owned)
        return EpisodeLocked(price_of("episode", ways), coins(self._purse.balance(asked.user_id)), ways)

    def _over(self, until_ms: int) -> bool:
        return 0 < until_ms <= self._now_ms()

    # -- the next ones -------------------------------------------------------------------------------------------------

    async def _next(self, asked: Asked, owned: frozenset[int] | None) -> list[NextEpisode]:
        drama, terms = asked.drama, asked.terms
        numbers = range(asked.episode_no + 1, min(asked.episode_no + NEXT, drama.episodes) + 1)
        if owned is None and not all(map(terms.is_free, numbers)):
            owned = await self._owned(asked)
        return [_told(asked, number, state_of(terms, number, owned)) for number in numbers]

    async def _owned(self, asked: Asked) -> frozenset[int] | None:
        """What is unlocked of the drama; None where MySQL does not say soon."""
        try:
            return await self._unlocked.of(asked.user_id, asked.drama.drama_id)
        except MoneyUnavailable:
            return None


def _told(asked: Asked, number: int, state: EpisodeState) -> NextEpisode:
    """What is told of an episode that has this state once it is out."""
    drama, terms, out = asked.drama, asked.terms, number <= asked.out
    return NextEpisode(
        episode_no=number,
        duration_ms=drama.durations[number - 1],
        state=state if out else EpisodeState.COMING,
        coins=0 if state in (EpisodeState.FREE, EpisodeState.UNLOCKED) else terms.episode_coins(number),
        price_version=terms.version,
        release_ms=None if out else drama.release_ms(number),
    )
