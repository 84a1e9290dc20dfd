"""Pages as they are kept for being asked for again: their names, which cursors are, and their text in Redis.

A cursor names a page: an opening and a number in it.  Whoever sends it gets that page, the one kept under this name or,
where there is none, a new one that is kept under it from now on: nothing is skipped, and a forged name is only a name.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from typing import NamedTuple, Self

from domain.shelf import Pick, Source

MOST_PAGES = 9_999  # of one opening
CURSOR = r"^[0-9a-f]{16}\.[0-9]{1,4}(?!\n)$"  # $ alone would let a line's end through
_LINE = re.compile(r"(\d+) (\d+) ([a-z_]+):(\d+):(\S+)", re.ASCII)


class PageName(NamedTuple):
    """The `no`-th page (0 is the first) of an opening."""

    opening: str
    no: int = 0

    def __str__(self) -> str:
        return f"{self.opening}.{self.no}"

    @classmethod
    def new(cls) -> Self:
        """The first page of an opening that nobody has."""
        return cls(secrets.token_hex(8))

    @classmethod
    def of(cls, cursor: str) -> Self:
        """The page that a cursor (which matches CURSOR) names."""
        opening, _, no = cursor.partition(".")
        return cls(opening, int(no))

    @property
    def next(self) -> str | None:
        """The cursor of the page after it; None after the last that an opening has."""
        return str(self._replace(no=self.no + 1)) if self.no < MOST_PAGES else None


class Kept(NamedTuple):
    """A page that was served: its name, its request id, and its picks with the ids of their dramas."""

    name: str
    request_id: str
    picks: tuple[tuple[int, Pick], ...]


def told(pick: Pick) -> str:
    """What is kept of a pick besides its drama; without spaces."""
    return f"{pick.source}:{pick.because}:{pick.propensity!r}"


def read(page: str) -> Kept:
    """What infra/lua/serve.lua wrote.  Lines of sources that are no more are left out."""
    head, *lines = page.split("\n")
    name, _, request_id = head.partition(" ")
    return Kept(name, request_id, tuple(_picks(lines)))


def _picks(lines: Iterable[str]) -> Iterable[tuple[int, Pick]]:
    for found in map(_LINE.fullmatch, lines):
        if found and found[3] in tuple(Source):
            drama_id, index, source, because, propensity = found.groups()
            yield int(drama_id), Pick(int(index), Source(source), int(because), float(propensity))
