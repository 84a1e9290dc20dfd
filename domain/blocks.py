"""Blocks of the row store: a function of the log alone, so that every worker (new, dead or zombie) cuts the same ones.

A block begins after the last one and ends with the first pulse that follows at least one record that is not a pulse,
or with its limit-th record.  The limit is part of the format: a block in doubt must be cut again as it was first cut.
So no worker brings its own: LIMIT is the limit of a new log for ever, and a pulse with a value `<version>,<limit>`
changes it from the next block on.  The limit in force is kept beside the store's Redis fence (keys.block_format),
because the pulse that set it lies before that fence.  Why not "the code's own limit, from the next block end on": a
Redis that goes back forgets where that was, and the same records are cut again otherwise (tests/model).
"""

from __future__ import annotations

import msgspec

CUTTER_VERSION = 1  # of the rule above
LIMIT = 20_000  # records; never edit: it is how every log that was told nothing else has been cut
MAX_LIMIT = 200_000  # a block is held in memory and inserted as one part


class Block(msgspec.Struct, frozen=True):
    """Records first..last (offsets, both inside) of one partition."""

    first: int
    last: int


class GapError(Exception):
    """The log does not go on where it should: seek to `expected`; if it is gone, stop."""

    def __init__(self, expected: int, got: int) -> None:
        super().__init__(f"expected offset {expected}, got {got}")
        self.expected, self.got = expected, got


class UnknownFormat(Exception):
    """The log is cut by a rule that this code does not know: stop, and start the version that does."""


class Cutter:
    """Cuts one partition from `start` (a fence + 1) on, with the limit kept beside that fence.

    Promise: the same log, start and limit give the same blocks, however the records are handed in.  Records before
    `next` are passed over; a gap raises GapError and changes nothing.  `limit` is that of the open block, so after a
    block it is what to keep with its fence.
    """

    __slots__ = ("_next_limit", "filled", "first", "limit", "next")

    def __init__(self, start: int, limit: int = LIMIT) -> None:
        self.first = self.next = start
        self.filled, self.limit, self._next_limit = False, limit, limit

    def take(self, offset: int, pulse: bool, new_limit: int | None = None) -> Block | None:
        """Add the record at `offset`; the block that it closes, if any.

        `new_limit` is what a pulse's value asks for (limit_asked).
        """
        if offset != self.next:
            if offset < self.next:
                return None
            raise GapError(self.next, offset)
        self.next = offset + 1
        if not pulse:
            self.filled = True
        elif new_limit is not None:
            self._next_limit = new_limit
        if not (pulse and self.filled) and self.next - self.first < self.limit:
            return None
        return self._close(offset)

    def room(self) -> int:
        """How many records the open block takes before its limit would close it."""
        return self.first + self.limit - 1 - self.next

    def take_quietly(self, last: int) -> None:
        """The same as take() of each record up to `last`: at most room() of them, and none a pulse."""
        if not self.next <= last < self.next + self.room():
            raise ValueError(f"{self.next}..{last} is not within the room of {self.room()}")
        self.next, self.filled = last + 1, True

    def _close(self, last: int) -> Block:
        block = Block(self.first, last)
        self.first, self.filled, self.limit = self.next, False, self._next_limit
        return block


def encode_format(limit: int) -> str:
    """`<cutter version>,<limit>`: what is kept beside the fence, and what a pulse that changes the limit carries."""
    return f"{CUTTER_VERSION},{limit}"


def decode_format(text: str | bytes | None) -> int:
    """The limit kept beside a fence; LIMIT where nothing was kept yet.

    Raises UnknownFormat on what this code cannot cut.
    """
    if text is None:
        return LIMIT
    limit = _parse(text)
    if limit is None:
        raise UnknownFormat(f"kept with the fence: {text!r}")
    return limit


def limit_asked(value: bytes | None) -> int | None:
    """The limit that a pulse asks for; None for an empty value, and for one that we did not write.

    Raises UnknownFormat when it is a later version's.
    """
    return _parse(value) if value else None


def _parse(text: str | bytes) -> int | None:
    """The limit of a format of this version; None when it is no format at all."""
    try:
        version, limit = (int(x) for x in (text.decode() if isinstance(text, bytes) else text).split(","))
    except ValueError:
        return None
    if version > CUTTER_VERSION:
        raise UnknownFormat(f"{text!r}")
    return limit if version == CUTTER_VERSION and 1 <= limit <= MAX_LIMIT else None
