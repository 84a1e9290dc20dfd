"""Sets of dense drama indexes as Redis keeps them with SETBIT: bit 0 is the highest bit of the first byte."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

Bits = bytes | bytearray


def of(indexes: Iterable[int], length: int) -> bytearray:
    """The set of these indexes in `length` bytes.  Raises IndexError for an index that does not fit."""
    bits = bytearray(length)
    for index in indexes:
        bits[index >> 3] |= 0x80 >> (index & 7)
    return bits


def has(bits: Bits, index: int) -> bool:
    """Whether the set holds `index` >= 0; what lies past its end it does not hold."""
    at = index >> 3
    return at < len(bits) and bool(bits[at] & 0x80 >> (index & 7))


def count(bits: Bits) -> int:
    """How many indexes the set holds."""
    return int.from_bytes(bits).bit_count()


def discard(bits: bytearray, index: int) -> None:
    """Take `index` >= 0 out of the set, where it is in it."""
    at = index >> 3
    if at < len(bits):
        bits[at] &= ~(0x80 >> (index & 7))


def minus(bits: Bits, *others: Bits) -> bytearray:
    """What is in `bits` and in none of the others; as long as `bits`."""
    left = int.from_bytes(bits)
    for other in others:
        left &= ~_as_long_as(bits, other)
    return bytearray(left.to_bytes(len(bits)))


def both(bits: Bits, other: Bits) -> bytearray:
    """What is in both; as long as `bits`."""
    return bytearray((int.from_bytes(bits) & _as_long_as(bits, other)).to_bytes(len(bits)))


def indexes(bits: Bits, start: int = 0) -> Iterator[int]:
    """All indexes of the set, ascending from byte `start` on and then from the beginning.

    Looks as it goes: an index taken out meanwhile and not reached yet does not come.
    """
    for at in (*range(start, len(bits)), *range(start)):
        if bits[at]:
            yield from (8 * at + bit for bit in range(8) if bits[at] & 0x80 >> bit)


def _as_long_as(bits: Bits, other: Bits) -> int:
    return int.from_bytes(other[: len(bits)].ljust(len(bits), b"\0"))
