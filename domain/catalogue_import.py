"""One line of a catalogue file: its shape, its rules, and why a line is refused."""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Annotated

import msgspec

from domain import canary
from domain.catalogue import RENDITION_BYTES, Drama
from domain.events import Id
from domain.media.master import hash12_of
from domain.releases import AT_ONCE, MAX_MS, MIN_MS, in_order

MAX_LINE_BYTES = 1_048_576  # the longest line that keeps all the rules below is about 800 kB
MAX_EPISODES = 2_000  # long dramas have some 100 to 200
MIN_DURATION_MS, MAX_DURATION_MS = 1_000, 12 * 3_600_000
MAX_PATH = 300
MAX_REASON = 200
NO_RENDITION = "00" * RENDITION_BYTES

Name = Annotated[str, msgspec.Meta(max_length=64)]
Tag = Annotated[str, msgspec.Meta(max_length=32)]
Path = Annotated[str, msgspec.Meta(max_length=MAX_PATH)]
Moment = Annotated[int, msgspec.Meta(ge=MIN_MS, le=MAX_MS)]

_PATH = re.compile(r"[\w.+=@-]+(/[\w.+=@-]+)*")  # relative, no scheme, no query, no escapes


class EpisodeLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """An episode of an import line.  `media_path` is relative to the media store; empty while there is no video.

    `release_ms`: from when on it may be watched (domain.releases); None is at once, and unset what was set before.
    """

    episode_no: Annotated[int, msgspec.Meta(ge=1, le=MAX_EPISODES)]
    duration_ms: Annotated[int, msgspec.Meta(ge=MIN_DURATION_MS, le=MAX_DURATION_MS)]
    media_path: Path = ""
    release_ms: Moment | msgspec.UnsetType | None = msgspec.UNSET


class DramaLine(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """A drama of an import file, complete: what is not in the line is taken away.  `read` puts episodes in order."""

    drama_id: Id
    title: Annotated[str, msgspec.Meta(max_length=200)]
    category: Name = ""
    tags: Annotated[tuple[Tag, ...], msgspec.Meta(max_length=20)] = ()
    cast: Annotated[tuple[Name, ...], msgspec.Meta(max_length=50)] = ()
    region: Annotated[str, msgspec.Meta(max_length=32)] = ""
    min_age: Annotated[int, msgspec.Meta(ge=0, le=99)] = 0
    free_first: Annotated[int, msgspec.Meta(ge=0, le=MAX_EPISODES)] = 0
    price_coins: Annotated[int, msgspec.Meta(ge=0, le=1_000_000)] = 0
    published: bool = True
    series: Name = ""
    episodes: Annotated[tuple[EpisodeLine, ...], msgspec.Meta(min_length=1, max_length=MAX_EPISODES)]

    def drama(self, index: int) -> Drama:
        """The drama of this line, with its dense index."""
        return Drama(
            drama_id=self.drama_id,
            index=index,
            title=self.title,
            category=self.category,
            tags=self.tags,
            cast=self.cast,
            region=self.region,
            min_age=self.min_age,
            free_first=self.free_first,
            price_coins=self.price_coins,
            published=self.published,
            durations=[episode.duration_ms for episode in self.episodes],
            series=self.series,
            renditions=self._renditions(),
            releases=in_order(self.moments()),
        )

    def moments(self) -> list[int]:
        """The moment of each episode as it was given, AT_ONCE where there is none."""
        return [one.release_ms or AT_ONCE for one in self.episodes]

    def with_moments(self, moments: Sequence[int]) -> DramaLine:
        """This line with these moments, one an episode."""
        episodes = [
            msgspec.structs.replace(one, release_ms=moment or msgspec.UNSET)
            for one, moment in zip(self.episodes, moments, strict=True)
        ]
        return msgspec.structs.replace(self, episodes=tuple(episodes))

    def with_kept_of(self, before: DramaLine) -> DramaLine:
        """This line with what it leaves open as it was: the renditions that media jobs made, and release moments."""
        made = {one.episode_no: one for one in before.episodes if hash12_of(one.media_path, *before.place(one))}
        moments = {one.episode_no: one.release_ms for one in before.episodes}
        kept = tuple(_kept(one, made.get(one.episode_no), moments.get(one.episode_no)) for one in self.episodes)
        return self if kept == self.episodes else msgspec.structs.replace(self, episodes=kept)

    def place(self, episode: EpisodeLine) -> tuple[int, int]:
        """Drama and number of an episode of this line."""
        return self.drama_id, episode.episode_no

    def _renditions(self) -> bytes:
        found = [hash12_of(each.media_path, *self.place(each)) for each in self.episodes]
        return b"".join(bytes.fromhex(one or NO_RENDITION) for one in found) if any(found) else b""


def _kept(one: EpisodeLine, made: EpisodeLine | None, moment: int | msgspec.UnsetType | None) -> EpisodeLine:
    """The episode with what was made of it, and the moment that was set, where it does not say another."""
    if one.release_ms is not msgspec.UNSET:
        moment = one.release_ms
    if made is not None and not one.media_path:
        one = made
    moment = moment or msgspec.UNSET  # at once is the same as never set
    return one if one.release_ms == moment else msgspec.structs.replace(one, release_ms=moment)


class RowRefused(ValueError):
    """This line breaks the rules in `reasons`; `drama_id` is None where it could not be read."""

    def __init__(self, reasons: list[str], drama_id: int | None = None) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = reasons
        self.drama_id = drama_id


_decode = msgspec.json.Decoder(DramaLine).decode


def read(raw: bytes) -> DramaLine:
    """The drama of one line, spaces at the ends of its words taken away.  Raises RowRefused with its reasons."""
    if len(raw) > MAX_LINE_BYTES:
        raise RowRefused([f"the line is longer than {MAX_LINE_BYTES} bytes"])
    try:
        line = _tidy(_decode(raw))
    except msgspec.DecodeError as error:  # its message names the field: "Expected `int` >= 0 - at `$.price_coins`"
        raise RowRefused([_told(str(error))], _drama_id(raw)) from error
    except UnicodeDecodeError as error:
        raise RowRefused(["not UTF-8"]) from error
    except RecursionError as error:
        raise RowRefused(["nested too deep"]) from error
    if reasons := list(_faults(line)):
        raise RowRefused(reasons, line.drama_id)
    return line


def _tidy(line: DramaLine) -> DramaLine:
    return msgspec.structs.replace(
        line,
        title=line.title.strip(),
        category=line.category.strip(),
        region=line.region.strip(),
        series=line.series.strip(),
        tags=tuple(tag.strip() for tag in line.tags),
        cast=tuple(name.strip() for name in line.cast),
        episodes=tuple(sorted(line.episodes, key=lambda episode: episode.episode_no)),
    )


def _faults(line: DramaLine) -> Iterator[str]:
    if line.drama_id == canary.DRAMA_ID:
        yield "drama_id: is reserved for the canary"
    if not line.title:
        yield "title: is empty"
    for field, texts in _texts(line):
        if any(not printable(text) for text in texts):
            yield f"{field}: has a control character"
    for field, words in (("tags", line.tags), ("cast", line.cast)):
        if "" in words:
            yield f"{field}: one of them is empty"
    if twice := sorted(tag for tag, times in Counter(line.tags).items() if times > 1):
        yield f"tags: given twice: {', '.join(map(repr, twice[:3]))}"
    yield from _episode_faults(line.episodes)


def _texts(line: DramaLine) -> Iterator[tuple[str, tuple[str, ...]]]:
    yield "title", (line.title,)
    yield "category", (line.category,)
    yield "region", (line.region,)
    yield "series", (line.series,)
    yield "tags", line.tags
    yield "cast", line.cast


def _episode_faults(episodes: tuple[EpisodeLine, ...]) -> Iterator[str]:
    numbers = [episode.episode_no for episode in episodes]
    if len(set(numbers)) < len(numbers):
        yield "episodes: a number is given twice"
    elif numbers[-1] != len(numbers):
        missing = next(n for n in range(1, MAX_EPISODES + 1) if n not in set(numbers))
        yield f"episodes: number {missing} is missing, they are 1..{len(numbers)} without gaps"
    for episode in episodes:
        if reason := path_fault(episode.media_path):
            yield f"episode {episode.episode_no}: media_path {reason}"
            return  # one is enough to find the cause; a file may have 2,000 of them
    given = [(one.release_ms, one.episode_no) for one in episodes if one.release_ms]
    for (before_ms, before), (release_ms, episode_no) in itertools.pairwise(given):
        if release_ms < before_ms:
            yield f"episode {episode_no}: release_ms is before that of episode {before}"
            return


def path_fault(path: str) -> str | None:
    """Why this is no path inside the media store; None where it is one, or is empty (no video yet)."""
    if not path:
        return None
    if any(set(part) <= {"."} for part in path.split("/") if part):
        return "may not step to another folder"
    if not _PATH.fullmatch(path):
        return "must be relative, of letters, digits and . _ - + = @ between single slashes"
    return None


_HIDDEN = frozenset({"Cc", "Cs", "Zl", "Zp"})
_BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # they reorder the text around them


def printable(text: str) -> bool:
    """Whether text may stand on a screen: no control characters, line ends, or marks that turn what stands around."""
    return not any(unicodedata.category(char) in _HIDDEN or char in _BIDI for char in text)


def _told(reason: str) -> str:
    """A reason that quotes the line: not at any length, and with nothing that a terminal would obey."""
    return "".join(char if printable(char) else "?" for char in reason[:MAX_REASON])


class _Named(msgspec.Struct):
    drama_id: int | None = None


def _drama_id(raw: bytes) -> int | None:
    """The id in a line that is otherwise wrong, for the report."""
    try:
        return msgspec.json.decode(raw, type=_Named).drama_id
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
