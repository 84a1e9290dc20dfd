"""The catalogue as every process holds it: what a drama is, and a packed, read-only map of all of them.

10,000 dramas of 80 episodes are about 10 MB (bench/catalogue.py): an episode is four bytes, words that repeat are held
once.  A change makes a new `Catalogue` that shares what did not change, so readers never see half of one.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated

import msgspec

from domain.events import MAX_ID
from domain.releases import AT_ONCE, how_many_out

MAX_INDEX = 65_535  # recommendations are published as u16 dense indexes
RENDITION_BYTES = 6  # twelve hex digits (domain.media.names)
NO_INDEX = 0  # the first drama is 1, so that 0 can say "none"

Index = Annotated[int, msgspec.Meta(ge=1, le=MAX_INDEX)]


class Drama(msgspec.Struct, frozen=True, kw_only=True, array_like=True, gc=False):
    """A drama.  `durations` are the milliseconds of episodes 1, 2, ...; `index` is dense, never given to another drama.

    `releases` are the moments from which each may be watched (domain.releases), in order; empty: all of them now.
    Also the published form (an array: a new field goes to the end and has a default).
    """

    drama_id: Annotated[int, msgspec.Meta(ge=1, lt=MAX_ID)]
    index: Index
    title: str = ""
    category: str = ""
    tags: tuple[str, ...] = ()
    cast: tuple[str, ...] = ()
    region: str = ""
    min_age: int = 0
    free_first: int = 0
    price_coins: int = 0
    published: bool = True
    durations: Sequence[int] = ()
    series: str = ""  # the name that all seasons and cuts of one story share; empty: it has none
    renditions: bytes = b""  # RENDITION_BYTES of each episode's hash12, zeros: not encrypted; empty: none of them is
    releases: Sequence[int] = ()
    posters: bytes = b""  # a byte of each episode: the candidate that people chose; empty: the first of each

    def __post_init__(self) -> None:
        _set(self, "durations", array("I", self.durations))
        _set(self, "releases", array("q", self.releases) if self.releases else ())
        _set(self, "category", sys.intern(self.category))
        _set(self, "region", sys.intern(self.region))
        _set(self, "series", sys.intern(self.series))
        _set(self, "tags", tuple(map(sys.intern, self.tags)))
        _set(self, "cast", tuple(map(sys.intern, self.cast)))

    @property
    def episodes(self) -> int:
        """How many episodes there are; they are numbered 1..episodes."""
        return len(self.durations)

    def out(self, now_ms: int) -> int:
        """How many episodes may be watched at this moment: 1..out."""
        return how_many_out(self.releases, now_ms) if self.releases else len(self.durations)

    def watchable(self, now_ms: int) -> Sequence[int]:
        """The durations of the episodes that may be watched at this moment."""
        return self.durations[: self.out(now_ms)] if self.releases else self.durations

    def release_ms(self, episode_no: int) -> int:
        """From when on the episode may be watched; AT_ONCE for one that is out since ever, or that there is not."""
        return self.releases[episode_no - 1] if 0 < episode_no <= len(self.releases) else AT_ONCE

    def next_release_ms(self, now_ms: int) -> int | None:
        """When the first episode that is not out yet will be; None where all are out."""
        return self.releases[nth] if self.releases and (nth := self.out(now_ms)) < len(self.releases) else None

    def rendition(self, episode_no: int) -> str:
        """The hash12 of the episode's encrypted rendition; empty where it has none, or there is no such episode."""
        found = self.renditions[(episode_no - 1) * RENDITION_BYTES : episode_no * RENDITION_BYTES]
        return found.hex() if episode_no > 0 and any(found) else ""


_set = msgspec.structs.force_setattr


class Catalogue:
    """All dramas, packed and read-only; every look-up is O(1) and well under a microsecond."""

    __slots__ = ("_dramas", "_ids", "takedowns")

    def __init__(self, dramas: dict[int, Drama], ids: array[int], takedowns: frozenset[int]) -> None:
        self._dramas = dramas
        self._ids = ids
        self.takedowns = takedowns

    @classmethod
    def of(cls, dramas: Iterable[Drama], takedowns: Iterable[int] = ()) -> Catalogue:
        """A catalogue of these dramas.  Raises ValueError where two of them have one index."""
        return cls({}, array("q", [NO_INDEX]), frozenset(takedowns)).with_changes(dramas)

    def with_changes(self, dramas: Iterable[Drama]) -> Catalogue:
        """This catalogue with these dramas added or replaced.  Raises ValueError where an index belongs to another."""
        by_id, ids = dict(self._dramas), array("q", self._ids)
        for drama in dramas:
            _claim(ids, drama)
            by_id[drama.drama_id] = drama
        return Catalogue(by_id, ids, self.takedowns)

    def with_takedowns(self, drama_ids: Iterable[int]) -> Catalogue:
        """This catalogue with exactly these dramas taken down."""
        return Catalogue(self._dramas, self._ids, frozenset(drama_ids))

    @property
    def count(self) -> int:
        """How many dramas there are, shown or not."""
        return len(self._dramas)

    @property
    def top_index(self) -> int:
        """The highest dense index in use; 0 when there is none."""
        return len(self._ids) - 1

    def __iter__(self) -> Iterator[Drama]:
        return iter(self._dramas.values())

    def drama(self, drama_id: int) -> Drama | None:
        """The drama, shown or not; None where there is none."""
        return self._dramas.get(drama_id)

    def index_of(self, drama_id: int) -> int | None:
        """The drama's dense index, 1..MAX_INDEX; None where there is no such drama."""
        drama = self._dramas.get(drama_id)
        return None if drama is None else drama.index

    def id_at(self, index: int) -> int | None:
        """The drama that has this dense index; None where there is none."""
        if not 0 < index < len(self._ids):
            return None
        return self._ids[index] or None

    def duration_ms(self, drama_id: int, episode_no: int) -> int | None:
        """How long the episode is; None where there is no such drama or episode.  Dramas not shown have theirs too."""
        drama = self._dramas.get(drama_id)
        if drama is None or not 0 < episode_no <= len(drama.durations):
            return None
        return drama.durations[episode_no - 1]

    def rendition(self, drama_id: int, episode_no: int) -> str:
        """The hash12 of the episode's encrypted rendition; empty where it has none, or there is no such episode."""
        drama = self._dramas.get(drama_id)
        return "" if drama is None else drama.rendition(episode_no)

    def poster(self, drama_id: int, episode_no: int) -> int:
        """The poster candidate of the episode that is shown: 0, the sharpest, unless people chose another."""
        drama = self._dramas.get(drama_id)
        return 0 if drama is None or not 0 < episode_no <= len(drama.posters) else drama.posters[episode_no - 1]

    def shown(self, drama_id: int) -> bool:
        """May viewers be shown this drama: it is known, published and not taken down."""
        drama = self._dramas.get(drama_id)
        return drama is not None and drama.published and drama_id not in self.takedowns

    def offered(self, drama_id: int, now_ms: int) -> bool:
        """May it be offered to viewers at this moment: it is shown, and its first episode is out."""
        return self.shown(drama_id) and self._dramas[drama_id].release_ms(1) <= now_ms

    def release_ms(self, drama_id: int, episode_no: int) -> int:
        """From when on the episode may be watched; AT_ONCE for one that is out since ever, or that there is not."""
        drama = self._dramas.get(drama_id)
        return AT_ONCE if drama is None else drama.release_ms(episode_no)


EMPTY = Catalogue.of(())


def _claim(ids: array[int], drama: Drama) -> None:
    if drama.index >= len(ids):
        ids.extend([NO_INDEX] * (drama.index + 1 - len(ids)))
    if ids[drama.index] not in (NO_INDEX, drama.drama_id):
        raise ValueError(f"index {drama.index} belongs to drama {ids[drama.index]}, not to {drama.drama_id}")
    ids[drama.index] = drama.drama_id
