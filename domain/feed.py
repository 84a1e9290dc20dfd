"""What stands in a page of the feed, and in which order.  Pure: the same lists, bitmaps and seed give the same page.

A page is filled from shelves (sources), each up to its share; one that runs out leaves its places to the first that is
left and has a share, so shelves are handed over best first.
First comes what the viewer has neither seen (a valid play) nor been served of late; then what was served; then what
they skipped again and again; what was seen comes back when nothing else is left, the longest unseen first.  What may
not be shown, or was disliked, never comes.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterator, Mapping, Sequence

from domain import bitmap
from domain.audience import ANYBODY, Audience
from domain.page import CATEGORY_SHARE, Page
from domain.shelf import Composed, Mix, Passed, Pick, Shelf, Source, Viewed
from domain.stock import Stock

__all__ = [
    "ANYBODY", "CATEGORY_SHARE", "MAX_SIZE", "RANDOM_SHARE", "SEEDS", "SHARES", "Audience", "Composed", "Mix", "Passed",
    "Pick", "Shelf", "Source", "Stock", "Viewed", "blend", "compose", "reason", "seen_again",
]  # fmt: skip

MAX_SIZE = 50

# Of a page; also watched: for each of two dramas.  Measured by bench/feed_offline.py, see decision 0015.
SHARES = {Source.PERSONAL: 0.87, Source.ALSO_WATCHED: 0.025, Source.HOT: 0.02, Source.TREND: 0.01, Source.COLD: 0.05}
SEEDS = 2  # dramas that "people also watched" starts from
RANDOM_SHARE = 0.01  # of the places, left to chance: what the feed's own choice is measured against


def blend(
    shelves: Sequence[Shelf], viewed: Viewed, stock: Stock, size: int, *,
    spare: int = 0, seed: int, shares: Mapping[Source, float] = SHARES,
) -> list[Pick]:  # fmt: skip
    """The picks of compose() for these shares alone: no place is left to chance, no category is tired of."""
    return compose(shelves, viewed, stock, size, Mix(shares), spare=spare, seed=seed).picks


def compose(
    shelves: Sequence[Shelf], viewed: Viewed, stock: Stock, size: int, mix: Mix, *, spare: int = 0, seed: int
) -> Composed:
    """A page of `size` dramas that the viewer has not seen, and `spare` more that may step in; fewer if there are none.

    A source without a share gives what is missing when all others have run out.  What was served of late comes after
    everything that was not; a page with some of it begins a new round of serving.
    """
    page = Page(size, spare, stock, mix, random.Random(seed))  # noqa: S311  a shuffle, no secret
    free = 0
    for tier in _tiers(viewed, stock):
        free = free or bitmap.count(tier)
        page.fill(shelves, tier)
        if len(page.picks) == size + spare:
            break
    return Composed(page.picks, page.passed, free)


def _tiers(viewed: Viewed, stock: Stock) -> Iterator[bytearray]:
    """What may come, in sets: none of the next before all of one are in the page."""
    unseen = bitmap.minus(stock.shown_to(viewed.audience), viewed.seen)
    for index in viewed.disliked:
        bitmap.discard(unseen, index)
    warm = bytearray(unseen)
    for index in viewed.cooling:
        bitmap.discard(warm, index)
    yield bitmap.minus(warm, viewed.served)
    yield bitmap.both(warm, viewed.served)
    if viewed.cooling:
        cold = bitmap.minus(unseen, warm)
        yield bitmap.minus(cold, viewed.served)
        yield bitmap.both(cold, viewed.served)


def seen_again(viewed: Viewed, stock: Stock, size: int, seen_at_ms: Mapping[int, int]) -> list[Pick]:
    """Up to `size` dramas that the viewer has seen, the longest unseen first; what was served of late comes last.

    `seen_at_ms` is when, by index; what is not in it was seen before all that is.
    """
    seen = bitmap.both(stock.shown_to(viewed.audience), viewed.seen)
    back = (index for index in bitmap.indexes(seen) if index not in viewed.disliked)
    order = heapq.nsmallest(size, ((bitmap.has(viewed.served, i), seen_at_ms.get(i, 0), i) for i in back))
    return [Pick(index, Source.AGAIN) for _, _, index in order]


def reason(source: Source, because_title: str = "") -> str:
    """Why this is here, in the viewer's words."""
    if source is Source.ALSO_WATCHED and because_title:
        return f"因为你看过《{because_title}》"
    return _REASONS[source]


_REASONS = {
    Source.PERSONAL: "猜你喜欢",
    Source.ALSO_WATCHED: "看过的人也在看",
    Source.HOT: "大家都在看",
    Source.TREND: "正在升温",
    Source.COLD: "新剧上线",
    Source.EXPLORE: "发现新剧",
    Source.RANDOM: "随便看看",
    Source.AGAIN: "再看一遍",
}
