"""CRC-64 by numpy is the one that COS tells."""

from __future__ import annotations

import random

import crcmod
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_jobs.crc64 import crc64, crc64_of

other = crcmod.mkCrcFun(0x142F0E1EBA9EA3693, initCrc=0, xorOut=(1 << 64) - 1, rev=True)


def test_the_check_value_of_the_catalogue_of_crcs():
    assert crc64(b"123456789") == 0x995DC9BBDF1939FA  # CRC-64/XZ
    assert crc64(b"") == 0


@given(st.binary(max_size=2_000), st.binary(max_size=2_000))
def test_pieces_tell_the_same_as_the_whole(first, second):
    assert crc64(second, crc64(first)) == crc64(first + second) == other(first + second)


@pytest.mark.parametrize("size", [7, 8, 9, 511, 512, 8 * 1024 - 1, 100_003, (1 << 20) + 5, (9 << 20) + 1])
def test_any_length_is_told_right(size):
    data = random.Random(size).randbytes(size)
    assert crc64(data) == other(data)
    assert crc64(memoryview(data)[3:]) == other(data[3:])


def test_a_file_is_told_a_block_at_a_time(tmp_path):
    data = random.Random(1).randbytes((4 << 20) + 17)
    (tmp_path / "file").write_bytes(data)
    assert crc64_of(tmp_path / "file") == other(data)
