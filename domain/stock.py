"""What of one catalogue viewers may be shown now, as bitmaps, and what the rules of a page ask of a drama."""

from __future__ import annotations

import bisect
import itertools

from domain import bitmap
from domain.audience import ANYBODY, Audience, fits
from domain.catalogue import Catalogue, Drama

FOR_EVER = 2**63 - 1  # ms
MOST_AUDIENCES = 256  # bitmaps that are kept, at most 8 kB each; past it all are made anew


class Stock:
    """What of one catalogue viewers may be shown, from one release of a drama's first episode to the next.

    Made once for these, a few milliseconds for 10,000 dramas.
    """

    __slots__ = (
        "_ages", "_alike", "_categories", "_length", "_series", "_shown_to", "_since_ms", "_until_ms",
        "catalogue", "coming", "shown",
    )  # fmt: skip

    def __init__(self, catalogue: Catalogue, now_ms: int) -> None:
        """`coming`: how many dramas would be shown, but none of their episodes is released."""
        self.catalogue = catalogue
        self._since_ms, self._until_ms, self.coming = 0, FOR_EVER, 0
        self._length = catalogue.top_index // 8 + 1
        self._categories, self._series = ([""] * (catalogue.top_index + 1) for _ in range(2))
        self._alike: dict[tuple[str, int], list[Drama]] = {}  # may be shown, by region and least age
        for drama in catalogue:
            self._categories[drama.index], self._series[drama.index] = drama.category, drama.series
            if drama.published and drama.drama_id not in catalogue.takedowns and self._is_out(drama, now_ms):
                self._alike.setdefault((drama.region, drama.min_age), []).append(drama)
        self._ages = sorted({least for _, least in self._alike})
        self._shown_to: dict[tuple[str, int], bytes] = {}
        self.shown = self.shown_to(ANYBODY)

    def stands(self, catalogue: Catalogue, now_ms: int) -> bool:
        """Whether it would be the same, made of this catalogue at this moment."""
        return self.catalogue is catalogue and self._since_ms <= now_ms < self._until_ms

    def shown_to(self, audience: Audience) -> bytes:
        """Bitmap by dense index of what this audience may be shown."""
        alike = audience.region, bisect.bisect_right(self._ages, audience.age_years)  # ages between two limits are one
        found = self._shown_to.get(alike)
        if found is None:
            if len(self._shown_to) >= MOST_AUDIENCES:
                self._shown_to.clear()
            found = self._shown_to[alike] = self._for(audience)
        return found

    def may_show(self, drama_index: int, audience: Audience = ANYBODY) -> bool:
        """Whether this audience may be shown what has this index."""
        return bitmap.has(self.shown_to(audience), drama_index)

    def category_of(self, drama_index: int) -> str:
        """The category of what has this index; empty where nothing has."""
        return self._categories[drama_index] if drama_index < len(self._categories) else ""

    def series_of(self, drama_index: int) -> str:
        """The series of what has this index; empty where it is in none, or nothing has it."""
        return self._series[drama_index] if drama_index < len(self._series) else ""

    def _is_out(self, drama: Drama, now_ms: int) -> bool:
        first_ms = drama.release_ms(1)
        if first_ms <= now_ms:
            self._since_ms = max(self._since_ms, first_ms)
            return True
        self._until_ms = min(self._until_ms, first_ms)
        self.coming += 1
        return False

    def _for(self, audience: Audience) -> bytes:
        groups = (group for group in self._alike.values() if fits(group[0], audience))
        return bytes(bitmap.of((drama.index for drama in itertools.chain.from_iterable(groups)), self._length))
