"""What a viewer has unlocked of a drama, and how that makes an episode: for what comes next, and for a drama's page."""

from __future__ import annotations

import asyncio
from functools import partial

from domain.pricing import WHOLE, Terms
from infra.money import unlocks as infra_money
from ingest_api.errors import MoneyUnavailable
from ingest_api.play.answers import EpisodeState
from ingest_api.threads import Threads
from ingest_api.unlock.money import Money

SOON_S = 0.5  # what is told besides does not keep the answer waiting longer


class Owned:
    """The one question about a whole drama, to MySQL in a thread."""

    def __init__(self, money: Money, threads: Threads, soon_s: float = SOON_S) -> None:
        self._money = money
        self._threads = threads
        self._soon_s = soon_s

    async def of(self, user_id: int, drama_id: int) -> frozenset[int]:
        """The episodes that the viewer has unlocked; WHOLE among them is all of the drama.

        Raises MoneyUnavailable where MySQL does not say soon.
        """
        try:
            async with asyncio.timeout(self._soon_s):
                return await self._threads.run(partial(self._money.opened, user_id, drama_id))
        except (infra_money.MoneyUnavailable, TimeoutError) as error:
            raise MoneyUnavailable from error


def state_of(terms: Terms, number: int, owned: frozenset[int] | None) -> EpisodeState:
    """How an episode is once it is out; `owned` None: what is unlocked is not known."""
    if terms.is_free(number):
        return EpisodeState.FREE
    if owned is None:
        return EpisodeState.UNKNOWN
    return EpisodeState.UNLOCKED if owned & {WHOLE, number} else EpisodeState.LOCKED
