"""Why a page is as it is: made by the code that makes pages, up to the step that would serve it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from domain import bitmap
from domain.audience import Audience
from domain.bitmap import Bits
from domain.catalogue import NO_INDEX, Drama
from domain.shelf import Composed, Passed, Pick, Shelf, Source, Viewed
from domain.stock import Stock
from ingest_api.feed.explanation import Explanation, Filtered, PassedOver, SeedDrama, ShelfSize, WhyHere
from ingest_api.feed.material import Gathering, Material
from ingest_api.feed.opening import SPARES, seen_again
from ingest_api.feed.shown import Shown
from ingest_api.feed.sources import VIEWER

MOST_PASSED = 20


async def explained(gathering: Gathering, viewers: Shown, arm: str) -> Explanation:
    """The page, as Opening would serve it, and what led to it."""
    version, before = await gathering.look()
    material = await gathering.material(before)
    asked = gathering.asked
    material, page = await _wanted(gathering, viewers, material)
    if len(page.picks) < asked.size:
        page.picks.extend(await _again(gathering, viewers, material.viewed, asked.size - len(page.picks)))
    teller = _Teller(gathering.stock, material, page)
    return Explanation(
        user_id=asked.user_id, arm=arm, version=str(version) if version else None, seed=asked.seed,
        region=asked.audience.region, age_years=asked.audience.age_years, newcomer=material.mix.newcomer,
        random_share=material.mix.random_share, seeds=teller.seeds(), tired=dict(material.session.tired),
        shelves=teller.shelves(), filtered=teller.filtered(),
        places=[teller.place(at, pick) for at, pick in enumerate(page.picks[: asked.size])],
        degraded=gathering.sources.failed,
    )  # fmt: skip


async def _wanted(gathering: Gathering, viewers: Shown, material: Material) -> tuple[Material, Composed]:
    """The page without what the viewer dislikes; serving passes these over as it finds them."""
    for spare in SPARES:
        page = gathering.compose(material, gathering.asked.size, material.viewed, spare)
        ids = {gathering.stock.catalogue.id_at(pick.drama_index) or NO_INDEX: pick.drama_index for pick in page.picks}
        known = {drama_id: index for drama_id, index in ids.items() if index not in material.viewed.disliked}
        disliked = await gathering.sources.ask(VIEWER, viewers.disliked(gathering.asked.user_id, list(known)), set())
        gone = {known[drama_id] for drama_id in disliked}
        picks = [pick for pick in page.picks if pick.drama_index not in gone]
        never = material.viewed.disliked | gone
        material = material._replace(viewed=material.viewed._replace(disliked=never))
        if len(disliked) <= spare or len(picks) >= gathering.asked.size:
            break
    return material, page._replace(picks=picks)


async def _again(gathering: Gathering, viewers: Shown, viewed: Viewed, size: int) -> list[Pick]:
    """What was seen and comes back, without what the viewer dislikes."""
    id_at, kept = gathering.stock.catalogue.id_at, list[Pick]()
    for spare in SPARES:
        found = await seen_again(gathering, viewers, viewed, size + spare)
        ids = [id_at(pick.drama_index) or NO_INDEX for pick in found]
        disliked = await gathering.sources.ask(VIEWER, viewers.disliked(gathering.asked.user_id, ids), set())
        kept = [pick for pick, drama_id in zip(found, ids, strict=True) if drama_id not in disliked]
        if len(kept) >= size or len(found) < size + spare:
            break
    return kept[:size]


class _Teller(NamedTuple):
    """Puts it into the words of the answer."""

    stock: Stock
    material: Material
    page: Composed

    def place(self, position: int, pick: Pick) -> WhyHere:
        """How the drama of this place came to it."""
        drama = self._drama(pick.drama_index)
        of_list = pick.source is Source.PERSONAL
        return WhyHere(
            position=position, drama_id=drama.drama_id, title=drama.title, category=drama.category,
            series=drama.series, source=pick.source, rank=self._rank(pick),
            trained_rank=list(self.material.trained).index(pick.drama_index) + 1 if of_list else None,
            lift=self.material.lift.get(pick.drama_index, 0.0) if of_list else 0.0,
            tired=self.material.session.tired.get(drama.category, 0.0), because_drama_id=self._id(pick.because),
            served_before=bitmap.has(self.material.viewed.served, pick.drama_index), propensity=pick.propensity,
            passed_over=[self._passed(one) for one in self.page.passed if one.place == position][:MOST_PASSED],
        )  # fmt: skip

    def seeds(self) -> list[SeedDrama]:
        """The strongest first."""
        related = self.material.related
        return [
            SeedDrama(
                drama_id=drama.drama_id, title=drama.title, strength=by, related=len(related.get(drama.index, ()))
            )
            for drama, by in ((self._drama(index), by) for index, by in self.material.session.seeds)
        ]

    def shelves(self) -> list[ShelfSize]:
        """In the order in which they leave their places to each other."""
        free = _free(self.stock, self.material.viewed)
        return [
            ShelfSize(
                source=shelf.source, because_drama_id=self._id(shelf.because),
                share=self.material.mix.shares.get(shelf.source, 0.0), dramas=len(shelf.indexes),
                free=sum(bitmap.has(free, index) for index in shelf.indexes),
            )
            for shelf in self.material.shelves
        ]  # fmt: skip

    def filtered(self) -> Filtered:
        """Of the whole catalogue."""
        catalogue, viewed = self.stock.catalogue, self.material.viewed
        shown, audience = self.stock.shown, viewed.audience
        return Filtered(
            catalogue=catalogue.count,
            not_published=sum(not drama.published for drama in catalogue),
            taken_down=sum(drama.drama_id in catalogue.takedowns for drama in catalogue),
            not_released=self.stock.coming,
            region=_less(shown, self.stock.shown_to(Audience(region=audience.region))),
            age=_less(shown, self.stock.shown_to(Audience(age_years=audience.age_years))),
            seen=_of(shown, viewed.seen),
            served=_of(shown, viewed.served),
            cooling=sum(bitmap.has(shown, index) for index in viewed.cooling),
            disliked=len(viewed.disliked),
            free=bitmap.count(_free(self.stock, viewed)),
        )

    def _rank(self, pick: Pick) -> int | None:
        found: Sequence[Shelf] = [
            shelf
            for shelf in self.material.shelves
            if (shelf.source, shelf.because) == (pick.source, pick.because) and pick.drama_index in shelf.indexes
        ]
        return list(found[0].indexes).index(pick.drama_index) + 1 if found else None

    def _passed(self, passed: Passed) -> PassedOver:
        pick = passed.pick
        return PassedOver(drama_id=self._drama(pick.drama_index).drama_id, source=pick.source, rule=passed.rule)

    def _id(self, index: int) -> int | None:
        return self.stock.catalogue.id_at(index)

    def _drama(self, index: int) -> Drama:
        drama = self.stock.catalogue.drama(self.stock.catalogue.id_at(index) or NO_INDEX)
        assert drama is not None, "what was picked is in the catalogue that it was picked from"
        return drama


def _free(stock: Stock, viewed: Viewed) -> bytearray:
    free = bitmap.minus(stock.shown_to(viewed.audience), viewed.seen, viewed.served)
    for index in (*viewed.disliked, *viewed.cooling):
        bitmap.discard(free, index)
    return free


def _less(shown: Bits, left: Bits) -> int:
    return bitmap.count(bitmap.minus(shown, left))


def _of(shown: Bits, some: Bits) -> int:
    return bitmap.count(bitmap.both(shown, some))
