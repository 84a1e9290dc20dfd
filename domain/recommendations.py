"""The published form of recommendations: versions, blocks of viewers' lists, lists of dramas.

Read by the feed without numpy: one viewer is found in a block by binary search.  Lists are dense drama indexes as u16,
little endian, best first; index 0 (domain.catalogue.NO_INDEX) fills up a list that is shorter than its block's longest.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple, Self

from domain.catalogue import MAX_INDEX, NO_INDEX
from domain.topics import partition_of

PER_VIEWER = 100  # dramas in a viewer's list
PER_DRAMA = 50  # dramas in a list of "people also watched"
VIEWERS_A_BLOCK = 32  # about 6.6 kB: read whole by every feed, and few enough keys for a million viewers
MAX_BLOCKS = 1_000_000

_FORMAT = 1
_HEAD = struct.Struct("<HHI")  # format, width of each list, viewers; then the ids, then the lists
_ID = struct.Struct("<Q")
_VERSION = re.compile(r"(\d{1,16})-(\d{1,7})-([0-9a-f]{8})", re.ASCII)


class Damaged(ValueError):
    """What was read is not what encode wrote."""


class Version(NamedTuple):
    """A published version.  Its text is part of its keys and tells a reader all it needs to find a viewer's block."""

    as_of_ms: int  # it knows events before this
    blocks: int
    run: str  # 8 hex digits, so that two runs as of one moment differ

    def __str__(self) -> str:
        return f"{self.as_of_ms}-{self.blocks}-{self.run}"

    @classmethod
    def parse(cls, text: str | bytes) -> Self:
        """The inverse of str.  Raises Damaged."""
        word = text.decode(errors="replace") if isinstance(text, bytes) else text
        found = _VERSION.fullmatch(word)
        if found is None or not 1 <= int(found[2]) <= MAX_BLOCKS:
            raise Damaged(f"not a version: {word[:60]!r}")
        return cls(int(found[1]), int(found[2]), found[3])


def blocks_for(viewers: int) -> int:
    """How many blocks a version of so many viewers has, 1..MAX_BLOCKS."""
    return min(MAX_BLOCKS, max(1, -(-viewers // VIEWERS_A_BLOCK)))


def block_of(user_id: int, blocks: int) -> int:
    """The block that holds this viewer, 0..blocks - 1."""
    return partition_of(user_id, blocks)


def pack(indexes: Iterable[int]) -> bytes:
    """A list of dense indexes.  Raises ValueError unless each is 1..MAX_INDEX."""
    numbers = tuple(indexes)
    if numbers and not (min(numbers) > NO_INDEX and max(numbers) <= MAX_INDEX):
        raise ValueError("a dense index is 1..65535")
    return struct.pack(f"<{len(numbers)}H", *numbers)


def unpack(data: bytes) -> tuple[int, ...]:
    """The inverse of pack, without what fills up.  Raises Damaged."""
    if len(data) % 2:
        raise Damaged("a list of u16 has an even number of bytes")
    return tuple(filter(None, struct.unpack(f"<{len(data) // 2}H", data)))


def encode_block(rows: Sequence[tuple[int, bytes]]) -> bytes:
    """One block: (user_id, packed list) in ascending order of user_id.

    Raises ValueError where ids do not ascend or a list is longer than PER_VIEWER.
    """
    ids = [user_id for user_id, _ in rows]
    if any(a >= b for a, b in pairwise(ids)):
        raise ValueError("user ids do not ascend")
    width = max((len(packed) for _, packed in rows), default=0)
    if width > 2 * PER_VIEWER or width % 2:
        raise ValueError(f"a list of {width} bytes")
    return (
        block_head(width // 2, len(rows))
        + struct.pack(f"<{len(ids)}Q", *ids)
        + b"".join(packed.ljust(width, b"\0") for _, packed in rows)
    )


def block_head(width: int, viewers: int) -> bytes:
    """How a block begins whose lists have `width` places; then come the ids as u64 and the lists, of all `viewers`.

    Raises ValueError where a list is longer than PER_VIEWER.
    """
    if width > PER_VIEWER:
        raise ValueError(f"a list of {width}")
    return _HEAD.pack(_FORMAT, width, viewers)


def find(block: bytes, user_id: int) -> tuple[int, ...] | None:
    """The viewer's list; None where the block has none.  O(log n).  Raises Damaged."""
    width, viewers = _head(block)
    low, high = 0, viewers
    while low < high:
        middle = (low + high) // 2
        (found,) = _ID.unpack_from(block, _HEAD.size + 8 * middle)
        if found == user_id:
            at = _HEAD.size + 8 * viewers + 2 * width * middle
            return unpack(block[at : at + 2 * width])
        low, high = (middle + 1, high) if found < user_id else (low, middle)
    return None


def with_rows(block: bytes, rows: Mapping[int, bytes]) -> bytes:
    """The block with some viewers' packed lists in place of what they had, or beside the others'.

    Raises Damaged, and ValueError as encode_block.
    """
    width, viewers = _head(block)
    ids = struct.unpack_from(f"<{viewers}Q", block, _HEAD.size)
    first = _HEAD.size + 8 * viewers
    before = {ids[n]: block[first + 2 * width * n : first + 2 * width * (n + 1)] for n in range(viewers)}
    return encode_block(sorted({**before, **rows}.items()))


def viewers_of(block: bytes) -> set[int]:
    """Whose lists are in the block.  Raises Damaged."""
    _, viewers = _head(block)
    return set(struct.unpack_from(f"<{viewers}Q", block, _HEAD.size))


def _head(block: bytes) -> tuple[int, int]:
    """(width, viewers) of a block that is whole."""
    if len(block) < _HEAD.size:
        raise Damaged("a block without a head")
    form, width, viewers = _HEAD.unpack_from(block)
    if form != _FORMAT or len(block) != _HEAD.size + viewers * (8 + 2 * width):
        raise Damaged(f"a block of form {form}, {viewers} viewers and {len(block)} bytes")
    return width, viewers
