"""Blocks of viewers' lists in their stored form, of a million viewers in seconds.

Each is made when it is asked for: all at once would be all lists a second time.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from domain.recommendations import block_head, blocks_for
from domain.topics import GOLDEN

Ints = NDArray[np.int64]


def block_numbers(viewers: Ints, blocks: int) -> Ints:
    """domain.recommendations.block_of of each viewer; the same wrapping product."""
    spread = (viewers.astype(np.uint64) * np.uint64(GOLDEN)) >> np.uint64(32)
    return (spread % np.uint64(blocks)).astype(np.int64)


class Blocks:
    """All blocks of a version, in order of their numbers: encode_block of each."""

    def __init__(self, viewers: Ints, lists: NDArray[np.uint16]) -> None:
        """`lists` has a row for each of `viewers`.  Raises ValueError unless these ascend and the lists fit."""
        if len(viewers) != len(lists) or not (np.diff(viewers) > 0).all():
            raise ValueError("user ids do not ascend, a row each")
        self._viewers, self._lists = viewers, lists
        self._begins = np.zeros(blocks_for(len(viewers)) + 1, np.int64)
        numbers = block_numbers(viewers, len(self))
        self._order = np.argsort(numbers, kind="stable")  # of a block they ascend, as they do
        self._begins[1:] = np.cumsum(np.bincount(numbers, minlength=len(self)))
        self._empty = len(block_head(lists.shape[1], 0))

    def __len__(self) -> int:
        return len(self._begins) - 1

    def __getitem__(self, number: int) -> bytes:
        rows = self._order[self._begins[number] : self._begins[number + 1]]
        ids, lists = self._viewers[rows].astype("<u8"), self._lists[rows].astype("<u2")
        return block_head(lists.shape[1], len(rows)) + ids.tobytes() + lists.tobytes()

    @property
    def sizes(self) -> Ints:
        """Bytes of each."""
        sizes: Ints = self._empty + np.diff(self._begins) * (8 + 2 * self._lists.shape[1])
        return sizes
