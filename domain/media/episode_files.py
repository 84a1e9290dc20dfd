"""Which files of a folder or manifest are which episodes, and everything that is wrong with them: before any starts.

Nothing is begun while a problem is left: half of a drama that was submitted twice costs more than a corrected name.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import NamedTuple

MAX_FILES = 10_000  # of one submission; a drama has 80 to 120
MAX_GAPS_TOLD = 20  # ranges of missing numbers in one sentence
VIDEO = frozenset({"mp4", "mov", "m4v", "mkv", "ts", "mts", "avi", "flv", "webm", "wmv", "mpg", "mpeg", "m3u8"})


class Trouble(StrEnum):
    """Why nothing is begun."""

    BAD_NAME = "bad_name"  # a video whose name does not say which episode it is
    DOUBLE = "double"  # two files for one episode
    GAP = "gap"  # numbers between others that nobody has
    NOT_IN_CATALOGUE = "not_in_catalogue"  # no such drama, or it has no such episode
    OTHER_DRAMA = "other_drama"  # the name is of another drama than was asked for
    EMPTY = "empty"  # a file without a byte
    TOO_LARGE = "too_large"
    NO_FILE = "no_file"  # a manifest names what is not there, or what is no file
    BAD_TITLE = "bad_title"  # WeChat would refuse the title
    NOTHING = "nothing"  # there is no episode at all


class Problem(NamedTuple):
    """One of them, in a sentence; the episode (0: none) and the names that it is about."""

    trouble: Trouble
    text: str
    episode_no: int = 0
    names: tuple[str, ...] = ()


class Source(NamedTuple):
    """A file that says which episode it is.  `name` is for people; `size` in bytes, -1 where it is no file."""

    name: str
    size: int
    title: str
    episode_no: int


class Known(NamedTuple):
    """What is known of a drama: its episodes are 1..episodes, and of these `have` are made or being made."""

    drama_id: int
    title: str
    episodes: int
    have: frozenset[int] = frozenset()


def problems(drama: Known, sources: Sequence[Source], *, max_bytes: int, partial: bool = False) -> list[Problem]:
    """All that is wrong with these files as episodes of this drama, in the order of the episodes.

    `partial`: gaps are meant.  A number that is missing here is no gap where the drama has it already.
    """
    found = [*_doubles(sources), *_single(drama, sources, max_bytes)]
    if not partial:
        found += _gaps(drama, {source.episode_no for source in sources})
    return sorted(found, key=lambda problem: (problem.episode_no, problem.names))


def missing(drama: Known, numbers: Iterable[int]) -> list[range]:
    """The numbers up to the highest of `numbers` that neither are among them nor are had, as ranges."""
    here = set(numbers)
    absent = [number for number in range(1, min(max(here, default=0), drama.episodes)) if number not in here]
    return _ranges(number for number in absent if number not in drama.have)


def words(ranges: Sequence[range]) -> str:
    """`3, 7-9`; of very many ranges the first ones."""
    said = [str(one[0]) if len(one) == 1 else f"{one[0]}-{one[-1]}" for one in ranges[:MAX_GAPS_TOLD]]
    more = len(ranges) - MAX_GAPS_TOLD
    return ", ".join(said) + (f" and {more} more" if more > 0 else "")


def is_video(name: str) -> bool:
    """Whether a name ends like a video's: where it says no episode it is a mistake, else somebody's cover or notes."""
    return name.rpartition(".")[2].lower() in VIDEO


def same_title(one: str, other: str) -> bool:
    """Whether people would call both one title: width and case of letters do not count, as in the catalogue."""
    return _plain(one) == _plain(other)


def _plain(title: str) -> str:
    return unicodedata.normalize("NFKC", title).casefold().strip()


def _doubles(sources: Iterable[Source]) -> Iterator[Problem]:
    by_number: defaultdict[int, list[str]] = defaultdict(list)
    for source in sources:
        by_number[source.episode_no].append(source.name)
    for number, names in by_number.items():
        if len(names) > 1:
            yield Problem(Trouble.DOUBLE, f"episode {number} is there {len(names)} times", number, tuple(sorted(names)))


def _single(drama: Known, sources: Iterable[Source], max_bytes: int) -> Iterator[Problem]:
    """What is wrong with a file by itself."""
    for source in sources:
        if why := _wrong(drama, source, max_bytes):
            yield Problem(*why, source.episode_no, (source.name,))


def _wrong(drama: Known, source: Source, max_bytes: int) -> tuple[Trouble, str] | None:
    if source.size < 0:
        return Trouble.NO_FILE, "there is no such file"
    if source.size == 0:
        return Trouble.EMPTY, "the file is empty"
    if source.size > max_bytes:
        return Trouble.TOO_LARGE, f"the file has {source.size >> 20:,} MiB, {max_bytes >> 20:,} at most"
    if source.title and not same_title(source.title, drama.title):
        return (
            Trouble.OTHER_DRAMA,
            f"the name is of 《{source.title}》, the drama {drama.drama_id} is 《{drama.title}》",
        )
    if not 1 <= source.episode_no <= drama.episodes:
        return Trouble.NOT_IN_CATALOGUE, f"the catalogue has episodes 1-{drama.episodes} of drama {drama.drama_id}"
    return None


def _gaps(drama: Known, numbers: set[int]) -> Iterator[Problem]:
    if ranges := missing(drama, numbers):
        text = f"episodes {words(ranges)} are neither here nor made: say --partial where that is meant"
        yield Problem(Trouble.GAP, text, ranges[0][0])


def _ranges(numbers: Iterable[int]) -> list[range]:
    found: list[range] = []
    for number in numbers:  # ascending
        if found and number == found[-1].stop:
            found[-1] = range(found[-1].start, number + 1)
        else:
            found.append(range(number, number + 1))
    return found
