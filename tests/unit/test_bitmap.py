"""Bitmaps agree with sets, and with Redis' order of bits."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from domain import bitmap

LENGTH = 12
members = st.sets(st.integers(0, 8 * LENGTH - 1))


@given(members, st.integers(0, 8 * LENGTH + 20))
def test_a_bitmap_holds_what_was_put_in(some, index):
    bits = bitmap.of(some, LENGTH)
    assert set(bitmap.indexes(bits)) == some
    assert bitmap.has(bits, index) == (index in some)
    bitmap.discard(bits, index)
    assert set(bitmap.indexes(bits)) == some - {index}


@given(members, members, members, st.integers(0, LENGTH))
def test_bitmaps_are_combined_as_sets_also_where_one_is_shorter(some, other, third, cut):
    bits, short = bitmap.of(some, LENGTH), bytes(bitmap.of(other, LENGTH))[:cut]
    of_short = {index for index in other if index < 8 * cut}
    assert set(bitmap.indexes(bitmap.minus(bits, short, bitmap.of(third, LENGTH)))) == some - of_short - third
    assert set(bitmap.indexes(bitmap.both(bits, short))) == some & of_short
    assert set(bitmap.indexes(bitmap.both(bitmap.of(some, LENGTH)[:cut], bitmap.of(other, LENGTH)))) == {
        index for index in some & other if index < 8 * cut
    }


@given(members, st.integers(0, LENGTH - 1))
def test_indexes_come_round_from_any_byte(some, start):
    found = list(bitmap.indexes(bitmap.of(some, LENGTH), start))
    assert sorted(found) == sorted(some)
    assert found == sorted(found, key=lambda index: (index < 8 * start, index))


def test_bit_0_is_the_highest_of_the_first_byte_as_setbit_writes_it():
    assert bytes(bitmap.of([0, 9], 2)) == b"\x80\x40"
