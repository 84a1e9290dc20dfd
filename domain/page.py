"""A page while it is filled from its shelves: whose turn it is, which quotas are full, which places chance takes."""

from __future__ import annotations

import itertools
import math
import random
from collections import Counter
from collections.abc import Iterator, Sequence

from domain import bitmap
from domain.shelf import Mix, Passed, Pick, Shelf, Source
from domain.stock import Stock

CATEGORY_SHARE = 0.4  # of a page, before other categories have had their turn
FIRST_PLACES, OF_A_CATEGORY = 10, 2  # a newcomer's first places, and how many of them a category may have
WITHOUT_POOL = 0.01  # of a page, for anything at all, while there is no pool of new dramas
MOST_PASSED_OVER = 300  # candidates that a quota keeps out of one page; past it the page takes what there is
PROBES = 64  # random looks for a drama that is free; past it the free ones are counted through
LOOK_AHEAD = 8  # candidates looked at so that two of one series do not stand beside each other


class Page:
    """A page being filled."""

    def __init__(self, size: int, spare: int, stock: Stock, mix: Mix, rng: random.Random) -> None:
        self.picks: list[Pick] = []
        self.passed: list[Passed] = []
        self._size, self._end = size, size + spare
        self._stock, self._mix, self._rng = stock, mix, rng
        self._of_category: Counter[str] = Counter()
        self._of_series: set[str] = set()
        self._most = max(1, round(CATEGORY_SHARE * size))

    def fill(self, shelves: Sequence[Shelf], free: bytearray) -> None:
        """Take from the shelves what is free, each as often as its share says; each drama once."""
        before, lines = len(self.passed), self._lines(shelves, free)
        while lines and len(self.picks) < self._end:
            line = _whose_turn(lines)
            pick = self._next(line, free)
            if pick is None:
                _leave(lines, line)
            else:
                self._take(self._or_by_chance(pick, line, free), free)
        self._make_do([passed.pick for passed in self.passed[before:]], free)

    def _lines(self, shelves: Sequence[Shelf], free: bytearray) -> list[_Line]:
        shares = self._mix.shares
        lines = [_Line(shelf, shares.get(shelf.source, 0.0), iter(shelf.indexes)) for shelf in shelves]
        lines.append(_Line(Shelf(Source.EXPLORE, ()), shares.get(Source.EXPLORE, 0.0), self._anything(free)))
        if not any(shelf.source is Source.COLD and shelf.indexes for shelf in shelves):
            _share_out(shares.get(Source.COLD, 0.0), lines)
        for line in lines:  # somewhere in its interval: in the mean a share is exact, however small
            if line.share:
                line.due = 0.0 if line is lines[0] else line.every * self._rng.random()
        return lines

    def _next(self, line: _Line, free: bytearray) -> Pick | None:
        """The line's next that is free and has room; those without room are remembered."""
        for index in line.candidates:
            if not bitmap.has(free, index):
                continue
            pick = Pick(index, line.shelf.source, line.shelf.because, 1 - self._mix.random_share)
            rule = self._full(index)
            if not rule or len(self.passed) >= MOST_PASSED_OVER:
                return pick
            self.passed.append(Passed(pick, len(self.picks), rule))
        return None

    def _full(self, index: int) -> str:
        """The rule that keeps it out; what is only spare may be of any category."""
        if self._stock.series_of(index) in self._of_series:
            return "series"
        if len(self.picks) >= self._size:
            return ""
        category = self._stock.category_of(index)
        return "category" if self._of_category[category] >= self._room_for(category) else ""

    def _room_for(self, category: str) -> int:
        first = self._mix.newcomer and len(self.picks) < FIRST_PLACES
        most = OF_A_CATEGORY if first else self._most
        tired = self._mix.tired.get(category, 0.0)
        return max(1, round(most * 0.5**tired)) if tired else most

    def _or_by_chance(self, pick: Pick, line: _Line, free: bytearray) -> Pick:
        """The pick; or, with the chance of a random place, any that is free: the pick is then its line's next."""
        chance = self._mix.random_share
        if not chance or self._rng.random() >= chance:
            return pick
        drawn = self._draw(free)
        if drawn != pick.drama_index:
            line.candidates = itertools.chain((pick.drama_index,), line.candidates)
        return Pick(drawn, Source.RANDOM, propensity=chance / bitmap.count(free))

    def _make_do(self, waiting: list[Pick], free: bytearray) -> None:
        """Nothing else is left: their quotas were full, but a full page is better; a series once where that will do."""
        for once in (True, False):
            left = [pick._replace(propensity=1.0) for pick in waiting if bitmap.has(free, pick.drama_index)]
            while left and len(self.picks) < self._end:
                pick = left.pop(0 if once else self._apart(left))
                again = once and self._stock.series_of(pick.drama_index) in self._of_series
                if not again and bitmap.has(free, pick.drama_index):  # two shelves may have had it
                    self._take(pick, free)

    def _apart(self, left: Sequence[Pick]) -> int:
        """Which of them to take, so that it is not of the series that stands before it; else the first."""
        before = self._stock.series_of(self.picks[-1].drama_index) if self.picks else ""
        near = enumerate(left[:LOOK_AHEAD])
        return next((at for at, pick in near if self._stock.series_of(pick.drama_index) != before), 0)

    def _take(self, pick: Pick, free: bytearray) -> None:
        bitmap.discard(free, pick.drama_index)
        self.picks.append(pick)
        self._of_category[self._stock.category_of(pick.drama_index)] += 1
        if series := self._stock.series_of(pick.drama_index):
            self._of_series.add(series)

    def _draw(self, free: bytearray) -> int:
        """One of those that are free, which is at least one; each with the same chance."""
        for _ in range(PROBES):
            index = self._rng.randrange(8 * len(free))
            if bitmap.has(free, index):
                return index
        return self._rng.choice(list(bitmap.indexes(free)))

    def _anything(self, free: bytearray) -> Iterator[int]:
        """What is free, in random order while there is much of it."""
        for _ in range(PROBES):
            index = self._rng.randrange(8 * len(free))
            if bitmap.has(free, index):
                yield index
        yield from bitmap.indexes(free, self._rng.randrange(len(free)))


def _share_out(cold: float, lines: list[_Line]) -> None:
    """There is no pool of new dramas: a little of its share looks for anything, the rest is the best shelf's."""
    explore = lines[-1]
    best = next((line for line in lines if line.share), explore)
    explore.share += min(cold, WITHOUT_POOL)
    best.share += max(0.0, cold - WITHOUT_POOL)


class _Line:
    """A shelf that waits for its turn: its next place is due at `due`, and then every 1 / share."""

    __slots__ = ("candidates", "due", "share", "shelf")

    def __init__(self, shelf: Shelf, share: float, candidates: Iterator[int]) -> None:
        self.shelf, self.share, self.candidates = shelf, share, candidates
        self.due = math.inf  # without a share it waits until all others have left

    @property
    def every(self) -> float:
        """The interval between two of its places, in places of a page whose shares add up to 1."""
        return 1 / self.share if self.share else math.inf


def _leave(lines: list[_Line], line: _Line) -> None:
    """The line has run out: its share, and the turn that it was given, go to the first that is left and has a share.

    Where none has, to the first: an arm that is to do without a source has it only when all others have run out.
    """
    lines.remove(line)
    if lines and line.share:
        heir = next((other for other in lines if other.share), lines[0])
        heir.due = min(heir.due, line.due - line.every)
        heir.share += line.share


def _whose_turn(lines: list[_Line]) -> _Line:
    """The line whose place is due first; the first of equals."""
    first = min(lines, key=lambda line: line.due)
    first.due += first.every
    return first
