"""What stands in a page of the feed, and in which order.  Pure: the same lists, bitmaps and seed give the same page.

A page is filled from shelves (sources), each up to its share; one that runs out leaves its places to the first that is
left, so shelves are handed over best first.
First comes what the viewer has neither seen (a valid play) nor been served of late; then what was served; what was seen
comes back when nothing else is left, the longest unseen first.  What may not be shown, or was disliked, never comes.
"""

from __future__ import annotations

import heapq
import math
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from domain import bitmap
from domain.catalogue import NO_INDEX, Catalogue

MAX_SIZE = 50
MOST_PASSED_OVER = 300  # candidates of a category that is full, in one page; past it the page takes what there is
PROBES = 64  # random looks for a drama that is free; past it the free ones are counted through


class Source(StrEnum):
    """What put a drama into a page."""

    PERSONAL = "personal"
    ALSO_WATCHED = "also_watched"
    HOT = "hot"
    TREND = "trend"
    EXPLORE = "explore"
    AGAIN = "again"


# Of a page; also watched: for each of two dramas.  Measured by bench/feed_offline.py, see decision 0006.
SHARES = {Source.PERSONAL: 0.8, Source.ALSO_WATCHED: 0.05, Source.HOT: 0.02, Source.TREND: 0.03, Source.EXPLORE: 0.05}
CATEGORY_SHARE = 0.4  # of a page, before other categories have had their turn
SEEDS = 2  # dramas last watched that "people also watched" starts from


class Shelf(NamedTuple):
    """One source's dense indexes, best first.  `because`: the drama that led to them, else NO_INDEX."""

    source: Source
    indexes: Sequence[int]
    because: int = NO_INDEX


class Viewed(NamedTuple):
    """Bitmaps by dense index: dramas that the viewer had a valid play of, and was served of late; and the disliked."""

    seen: bytes = b""
    served: bytes = b""
    disliked: frozenset[int] = frozenset()


class Pick(NamedTuple):
    """One place of a page: a dense index, and what put it there."""

    drama_index: int
    source: Source
    because: int = NO_INDEX


class Stock:
    """What of one catalogue viewers may be shown: made once a catalogue, a millisecond for 10,000 dramas."""

    __slots__ = ("catalogue", "shown")

    def __init__(self, catalogue: Catalogue) -> None:
        self.catalogue = catalogue
        published = (
            drama.index for drama in catalogue if drama.published and drama.drama_id not in catalogue.takedowns
        )
        self.shown = bytes(bitmap.of(published, catalogue.top_index // 8 + 1))

    def may_show(self, drama_index: int) -> bool:
        """Whether viewers may be shown what has this index."""
        return bitmap.has(self.shown, drama_index)

    def category_of(self, drama_index: int) -> str:
        """The category of what has this index; empty where nothing has."""
        drama = self.catalogue.drama(self.catalogue.id_at(drama_index) or 0)
        return drama.category if drama else ""


def blend(
    shelves: Sequence[Shelf], viewed: Viewed, stock: Stock, size: int, *,
    spare: int = 0, seed: int, shares: Mapping[Source, float] = SHARES,
) -> list[Pick]:  # fmt: skip
    """A page of `size` dramas that the viewer has not seen, and `spare` more that may step in; fewer if there are none.

    `shares` of a page by source; one without a share gives what is missing when all others have run out.  What was
    served of late comes after everything that was not; a page with some of it begins a new round of serving.
    """
    unseen = bitmap.minus(stock.shown, viewed.seen)
    for index in viewed.disliked:
        bitmap.discard(unseen, index)
    page = _Page(size, spare, stock.category_of, random.Random(seed))  # noqa: S311  a shuffle, no secret
    page.fill(shelves, shares, bitmap.minus(unseen, viewed.served))
    if len(page.picks) < size + spare:
        page.fill(shelves, shares, bitmap.both(unseen, viewed.served))
    return page.picks


def seen_again(viewed: Viewed, stock: Stock, size: int, seen_at_ms: Mapping[int, int]) -> list[Pick]:
    """Up to `size` dramas that the viewer has seen, the longest unseen first; what was served of late comes last.

    `seen_at_ms` is when, by index; what is not in it was seen before all that is.
    """
    back = (i for i in bitmap.indexes(bitmap.both(stock.shown, viewed.seen)) if i not in viewed.disliked)
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
    Source.EXPLORE: "发现新剧",
    Source.AGAIN: "再看一遍",
}


class _Page:
    """A page being filled."""

    def __init__(self, size: int, spare: int, category_of: Callable[[int], str], rng: random.Random) -> None:
        self.picks: list[Pick] = []
        self._size, self._end = size, size + spare
        self._category_of = category_of
        self._rng = rng
        self._of_category: Counter[str] = Counter()
        self._most = max(1, round(CATEGORY_SHARE * size))
        self._patience = MOST_PASSED_OVER

    def fill(self, shelves: Sequence[Shelf], shares: Mapping[Source, float], free: bytearray) -> None:
        """Take from the shelves what is free, each up to its share (smooth weighted round robin); each drama once."""
        passed_over: list[Pick] = []
        lines = [
            _Line(shelf, shares.get(shelf.source, 0.0), self._candidates(shelf.indexes, free)) for shelf in shelves
        ]
        lines.append(_Line(Shelf(Source.EXPLORE, ()), shares.get(Source.EXPLORE, 0.0), self._anything(free)))
        whole = sum(line.share for line in lines)
        for line in lines[1:]:  # a small share comes now and then, not always in the same place
            line.credit += whole * (self._rng.random() - 0.5)
        while lines and len(self.picks) < self._end:
            line = _whose_turn(lines)
            pick = self._next(line, passed_over)
            if pick is None:
                _leave(lines, line)
            else:
                self._take(pick, free)
        self._make_do(passed_over, free)

    def _next(self, line: _Line, passed_over: list[Pick]) -> Pick | None:
        """The line's next whose category has room; those without are remembered."""
        for index in line.candidates:
            pick = Pick(index, line.shelf.source, line.shelf.because)
            if self._has_room(index):
                return pick
            self._patience -= 1
            passed_over.append(pick)
        return None

    def _has_room(self, index: int) -> bool:
        """Whether one more of its category is welcome; what is only spare may be anything."""
        if self._patience <= 0 or len(self.picks) >= self._size:
            return True
        return self._of_category[self._category_of(index)] < self._most

    def _make_do(self, passed_over: Iterable[Pick], free: bytearray) -> None:
        """Nothing else is left: their categories were full, but a full page is better."""
        for pick in passed_over:
            if len(self.picks) < self._end and bitmap.has(free, pick.drama_index):
                self._take(pick, free)

    def _take(self, pick: Pick, free: bytearray) -> None:
        bitmap.discard(free, pick.drama_index)
        self.picks.append(pick)
        self._of_category[self._category_of(pick.drama_index)] += 1

    def _candidates(self, indexes: Iterable[int], free: bytearray) -> Iterator[int]:
        return (index for index in indexes if bitmap.has(free, index))

    def _anything(self, free: bytearray) -> Iterator[int]:
        """What is free, in random order while there is much of it."""
        for _ in range(PROBES):
            index = self._rng.randrange(8 * len(free))
            if bitmap.has(free, index):
                yield index
        yield from bitmap.indexes(free, self._rng.randrange(len(free)))


class _Line:
    """A shelf that waits for its turn."""

    __slots__ = ("candidates", "credit", "share", "shelf")

    def __init__(self, shelf: Shelf, share: float, candidates: Iterator[int]) -> None:
        self.shelf, self.share, self.candidates = shelf, share, candidates
        self.credit = 0.0 if share else -math.inf  # without a share it waits until all others have left


def _leave(lines: list[_Line], line: _Line) -> None:
    """The line has run out: its share, and the turn that it was given, go to the first that is left."""
    lines.remove(line)
    if lines:
        lines[0].share += line.share
        lines[0].credit += line.credit + sum(other.share for other in lines)


def _whose_turn(lines: list[_Line]) -> _Line:
    """The line that is furthest behind its share; the first of equals."""
    for line in lines:
        line.credit += line.share
    first = max(lines, key=lambda line: line.credit)
    first.credit -= sum(line.share for line in lines)
    return first
