"""One page of an opening: the one that was kept under its name, else a new one, which from now on counts as served."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import zip_longest
from typing import NamedTuple

from domain import bitmap, feed
from domain.catalogue import NO_INDEX
from domain.registers import Register
from domain.shelf import Pick, Viewed
from ingest_api.feed.material import SPARE, Gathering, Material
from ingest_api.feed.pages import Kept, PageName, told
from ingest_api.feed.shown import Before, Candidate, Order, Served, Shown
from ingest_api.feed.sources import VIEWER

SPARES = (SPARE, 10 * SPARE, 100 * SPARE)  # candidates beyond the page, in rounds: for those who dislike nearly all
LOOKS = 3  # at what is left, where other pages, made at once, have taken all of it


class Place(NamedTuple):
    """One place of the answer, where the viewer is in that drama, and which place it was when it was served."""

    pick: Pick
    progress: Register | None
    position: int = 0


class Opened(NamedTuple):
    """A page, the request id under which it was served first, and whether another may follow."""

    places: list[Place]
    request_id: str
    goes_on: bool


class Opening:
    """One viewer's opening."""

    def __init__(self, gathering: Gathering, viewers: Shown, name: PageName, request_id: str) -> None:
        self._gathering = gathering
        self._stock, self._asked, self._sources = gathering.stock, gathering.asked, gathering.sources
        self._viewers = viewers
        self._name = name
        self._request_id = request_id

    async def page(self) -> Opened:
        """The page of this name."""
        _, before = await self._gathering.look()
        for kept in before.pages:
            if kept.name == str(self._name):
                return await self._as_kept(kept, before)
        return await self._new(before)

    async def _new(self, before: Before) -> Opened:
        places: list[Place] = []
        for _ in range(LOOKS):
            kept, taken_by_others = await self._fill(places, before)
            if kept is not None:  # the same page was asked for twice at once, and the other one was first
                return await self._as_kept(kept, before)
            if len(places) == self._asked.size or not taken_by_others:
                break
            _, before = await self._gathering.look()
        return Opened(places, self._request_id, goes_on=bool(places))

    async def _fill(self, places: list[Place], before: Before) -> tuple[Kept | None, bool]:
        """Add what is served to the page.  Answers the page if it was served already, and whether others took some."""
        material, size = await self._gathering.material(before), self._asked.size
        viewed = _without(material.viewed, (place.pick.drama_index for place in places))
        taken_by_others = False
        for spare in SPARES:
            picks = await self._picks(material, viewed, size - len(places), spare)
            order = Order(
                self._name, self._request_id, size - len(places), bool(places), before.round, before.served
            )  # fmt: skip
            served = await self._serve(picks, viewed, order)
            if served.kept is not None:
                return served.kept, False
            taken = [_likelier(picks[at], tries) for at, tries in zip_longest(served.places, served.tries, fillvalue=1)]
            places += map(Place, taken, served.progress, range(len(places), size))
            taken_by_others = taken_by_others or served.taken > 0
            if len(places) == size or not served.passed:
                break
            viewed = _without(viewed, (*served.passed, *(pick.drama_index for pick in taken)))
        return None, taken_by_others

    async def _as_kept(self, kept: Kept, before: Before) -> Opened:
        """The page as it was served, without what may not be shown any more or is disliked since."""
        stand = [
            (drama_id, self._presentable(pick), position)
            for position, (drama_id, pick) in enumerate(kept.picks)
            if self._stands(drama_id, pick) and drama_id not in before.disliked
        ]
        ids = [drama_id for drama_id, *_ in stand]
        progress = await self._sources.ask(VIEWER, self._viewers.progress(self._asked.user_id, ids), {})
        places = [Place(pick, progress.get(drama_id), position) for drama_id, pick, position in stand]
        return Opened(places, kept.request_id, goes_on=True)

    def _stands(self, drama_id: int, pick: Pick) -> bool:
        known = self._stock.catalogue.index_of(drama_id) == pick.drama_index
        return known and self._stock.may_show(pick.drama_index, self._asked.audience)

    def _presentable(self, pick: Pick) -> Pick:
        """The title of what may not be shown any more is no reason either."""
        return pick if self._stock.may_show(pick.because, self._asked.audience) else pick._replace(because=NO_INDEX)

    async def _picks(self, material: Material, viewed: Viewed, size: int, spare: int) -> list[Pick]:
        """Candidates for `size` places, and `spare` more."""
        picks = self._gathering.compose(material, size, viewed, spare).picks
        if len(picks) < size:
            picks += await seen_again(self._gathering, self._viewers, viewed, size + spare - len(picks))
        return picks

    async def _serve(self, picks: Sequence[Pick], viewed: Viewed, order: Order) -> Served:
        """What is served of the picks.  Where the viewer's store is away, the first of them, and nobody notes it."""
        first = range(min(order.size, len(picks)))
        as_they_are = Served(first, [None] * len(first))
        if VIEWER in self._sources.failed or not picks:
            return as_they_are
        id_at = self._stock.catalogue.id_at
        candidates = [
            Candidate(index, id_at(index) or NO_INDEX, bitmap.has(viewed.served, index), told(pick))
            for pick in picks
            for index in (pick.drama_index,)
        ]
        return await self._sources.ask(VIEWER, self._viewers.serve(self._asked.user_id, candidates, order), as_they_are)


def _likelier(pick: Pick, tries: int) -> Pick:
    """As it was served: chance had so many tries at the place, as the viewer dislikes others who stood for it."""
    return pick if tries == 1 else pick._replace(propensity=min(1.0, pick.propensity * tries))


def _without(viewed: Viewed, indexes: Iterable[int]) -> Viewed:
    return viewed._replace(disliked=viewed.disliked.union(indexes))


async def seen_again(gathering: Gathering, viewers: Shown, viewed: Viewed, size: int) -> list[Pick]:
    """Up to `size` dramas that the viewer has seen."""
    stock = gathering.stock
    found = await gathering.sources.ask(VIEWER, viewers.seen_at_ms(gathering.asked.user_id), {})
    at_ms = {stock.catalogue.index_of(drama_id) or NO_INDEX: at for drama_id, at in found.items()}
    return feed.seen_again(viewed, stock, size, at_ms)
