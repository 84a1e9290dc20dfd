"""The published exploration: what goes in comes out, and nothing damaged comes out as anything."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.cold import MAX_LENGTH, MAX_ORDERS, NONE, Cold, pack_orders, unpack_orders
from domain.recommendations import Damaged

ORDERS = st.lists(st.lists(st.integers(1, 65_535), max_size=30), max_size=MAX_ORDERS)


@given(st.floats(0, 1), ORDERS)
def test_what_goes_in_comes_out(share: float, orders: list[list[int]]):
    assert unpack_orders(pack_orders(share, orders)) == Cold(share, tuple(map(tuple, orders)))


def test_the_largest_is_about_10_kb():
    largest = pack_orders(1.0, [range(65_536 - MAX_LENGTH, 65_536)] * MAX_ORDERS)
    assert len(largest) < 10_000
    assert unpack_orders(largest).orders[15][-1] == 65_535


def test_nothing_is_nothing():
    assert unpack_orders(pack_orders(0, [])) == NONE


@pytest.mark.parametrize(
    ("share", "orders"),
    [
        (-0.1, []), (1.1, []), (math.nan, []), (0, [[0]]), (0, [[65_536]]),
        (0, [[1]] * (MAX_ORDERS + 1)), (0, [[1] * (MAX_LENGTH + 1)]),
    ],
)  # fmt: skip
def test_what_is_out_of_bounds_is_not_packed(share: float, orders: list[list[int]]):
    with pytest.raises(ValueError, match=r"share|index|orders"):
        pack_orders(share, orders)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_damaged(raw: bytes):
    try:
        found = unpack_orders(raw)
    except Damaged:
        return
    assert pack_orders(*found) == raw


@pytest.mark.parametrize("cut", range(31))
def test_what_is_cut_short_or_goes_on_is_damaged(cut: int):
    whole = pack_orders(0.04, [[1, 2, 3], [], [4, 5, 6]])
    assert len(whole) == 28
    with pytest.raises(Damaged):
        unpack_orders(whole[:cut] if cut < len(whole) else whole + b"\x00" * (cut - 27))


def test_a_later_format_is_damaged():
    with pytest.raises(Damaged):
        unpack_orders(b"\x02" + pack_orders(0, [])[1:])
