"""CRC-64 as COS tells it (x-cos-hash-crc64ecma): polynomial of ECMA-182, reflected, as in xz.

Python's packages for it are quick only where a compiler was at hand at their installation, and take minutes for 500 MB
where none was; numpy is here anyway.  A CRC is linear: the bytes are laid out in lanes, all lanes go forward eight
bytes at a time by eight look-ups, and lanes are joined by the same look-ups for "so many bytes of zero later".
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint64]

_POLYNOMIAL = 0xC96C5795D7870F42
_ONES = (1 << 64) - 1
_LANES = 1 << 14
_BLOCK = 4 << 20  # bytes; what is read at a time


def crc64(data: bytes | memoryview, before: int = 0) -> int:
    """CRC-64 of `data`, after bytes whose CRC-64 was `before`.  0 for nothing."""
    state = before ^ _ONES
    if len(data) < 8:
        return _slowly(data, state) ^ _ONES
    lanes = max(1, min(_LANES, len(data) // 512))
    words = _laid_out(data, state, lanes)
    register = np.zeros(lanes, np.uint64)
    for column in words:
        register = _applied(_WORD, register ^ column)
    return _joined(register, len(words)) ^ _ONES


def crc64_of(path: Path) -> int:
    """CRC-64 of a file, read 4 MiB at a time.  Raises OSError."""
    total = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            total = crc64(block, total)
    return total


def _slowly(data: bytes | memoryview, state: int) -> int:
    for byte in data:
        state = int(_BYTE[(state ^ byte) & 255]) ^ (state >> 8)
    return state


def _laid_out(data: bytes | memoryview, state: int, lanes: int) -> Words:
    """A row a step, a column a lane.  Zeros in front change nothing: lanes begin at 0, the state is in the data."""
    per_lane = -(-len(data) // (8 * lanes))
    padded = np.zeros(8 * lanes * per_lane, np.uint8)
    begin = len(padded) - len(data)
    padded[begin:] = np.frombuffer(data, np.uint8)
    padded[begin : begin + 8] ^= np.frombuffer(state.to_bytes(8, "little"), np.uint8)
    return np.ascontiguousarray(padded.view("<u8").reshape(lanes, per_lane).T)


def _joined(register: Words, words: int) -> int:
    """One register out of the lanes', each of which is followed by `words` words of the next."""
    later = _power(words)
    while len(register) > 1:
        if len(register) % 2:
            register = np.concatenate([np.zeros(1, np.uint64), register])
        register = _applied(later, register[0::2]) ^ register[1::2]
        later = _applied(later, later)
    return int(register[0])


def _applied(operator: Words, to: Words) -> Words:
    """A linear map, given as its values for each byte at each place, of each word."""
    result: Words = operator[0][to & _LOW]
    for place in range(1, 8):
        result = result ^ operator[place][(to >> np.uint64(8 * place)) & _LOW]
    return result


def _power(words: int) -> Words:
    """The map of so many words of zero."""
    result, square = _NOTHING, _WORD
    while words:
        if words & 1:
            result = _applied(square, result)
        square = _applied(square, square)
        words >>= 1
    return result


def _byte_table() -> Words:
    table = np.arange(256, dtype=np.uint64)
    for _ in range(8):
        table = (table >> np.uint64(1)) ^ np.where(table & np.uint64(1), np.uint64(_POLYNOMIAL), np.uint64(0))
    return table


def _word_table() -> Words:
    rows = _NOTHING
    for _ in range(8):
        rows = _BYTE[rows & _LOW] ^ (rows >> np.uint64(8))
    return rows


_LOW = np.uint64(255)
_BYTE = _byte_table()
_NOTHING: Words = np.arange(256, dtype=np.uint64) << (np.arange(8, dtype=np.uint64) * np.uint64(8))[:, None]
_WORD = _word_table()
