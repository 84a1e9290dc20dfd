"""The published form of the exploration of new dramas: what share of pages they get now, and in what orders.

Each order is drawn for itself; a page takes one by chance and the first of it that its viewer may have.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from typing import NamedTuple

from domain.recommendations import Damaged, pack, unpack

MAX_ORDERS = 16
MAX_LENGTH = 300  # dramas in an order
LIFE_S = 2 * 3600  # of what is published: a dead job ends the exploration instead of freezing it

_FORMAT = 1
_HEAD = struct.Struct("<BBd")  # format, orders, share; then each order: its length, then u16 dense indexes
_LENGTH = struct.Struct("<H")


class Cold(NamedTuple):
    """`share` (0..1) of what is shown is for new dramas, in one of the `orders` of dense indexes, first come first."""

    share: float = 0.0
    orders: tuple[tuple[int, ...], ...] = ()


NONE = Cold()


def pack_orders(share: float, orders: Sequence[Sequence[int]]) -> bytes:
    """The bytes of a Cold.  Raises ValueError past the bounds above, or for a share or index that is none."""
    if not 0 <= share <= 1:
        raise ValueError(f"a share is 0..1, not {share}")
    if len(orders) > MAX_ORDERS or any(len(order) > MAX_LENGTH for order in orders):
        raise ValueError(f"at most {MAX_ORDERS} orders of {MAX_LENGTH}")
    packed = [pack(order) for order in orders]
    return _HEAD.pack(_FORMAT, len(orders), share) + b"".join(_LENGTH.pack(len(one) // 2) + one for one in packed)


def unpack_orders(raw: bytes) -> Cold:
    """The inverse of pack_orders.  Raises Damaged."""
    try:
        kind, count, share = _HEAD.unpack_from(raw)
        orders, at = [], _HEAD.size
        for _ in range(count):
            (length,) = _LENGTH.unpack_from(raw, at)
            at += _LENGTH.size + 2 * length
            orders.append(unpack(raw[at - 2 * length : at]))
            if len(orders[-1]) != length:
                raise Damaged("an order is cut short, or names no drama")
    except struct.error as error:
        raise Damaged(f"cut short: {error}") from error
    if kind != _FORMAT or at != len(raw) or math.isnan(share) or not 0 <= share <= 1 or count > MAX_ORDERS:
        raise Damaged("not what pack_orders wrote")
    return Cold(share, tuple(orders))
