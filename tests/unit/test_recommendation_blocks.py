"""Blocks made of arrays are, byte for byte, what the domain's rules make viewer by viewer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.recommendations import MAX_BLOCKS, PER_VIEWER, block_head, block_of, blocks_for, encode_block, pack
from recommender.publication.blocks import Blocks, block_numbers

users = st.integers(0, 2**63 - 1)


@given(st.lists(users, max_size=50), st.integers(1, MAX_BLOCKS))
def test_a_viewers_block_is_the_one_that_the_feed_looks_into(viewers, blocks):
    found = block_numbers(np.array(viewers, np.int64), blocks)
    assert found.tolist() == [block_of(user, blocks) for user in viewers]


@given(st.sets(users, max_size=150), st.integers(0, 3), st.integers(0, 2**32))
def test_every_block_is_what_the_domain_encodes(viewers, width, seed):
    ids = sorted(viewers)
    lists = np.random.default_rng(seed).integers(1, 2**16, (len(ids), width), np.uint16)
    made = Blocks(np.array(ids, np.int64), lists)
    blocks = blocks_for(len(ids))
    rows: list[list[tuple[int, bytes]]] = [[] for _ in range(blocks)]
    for user, best in zip(ids, lists.tolist(), strict=True):
        rows[block_of(user, blocks)].append((user, pack(best)))
    assert [made[number] for number in range(len(made))] == [
        encode_block(some) if some else block_head(width, 0) for some in rows
    ]
    assert made.sizes.tolist() == [len(made[number]) for number in range(blocks)]


@pytest.mark.parametrize("viewers", [[2, 1], [1, 1], [1, 2, 3]])
def test_viewers_that_do_not_ascend_or_have_no_row_are_no_blocks(viewers):
    with pytest.raises(ValueError, match="ascend"):
        Blocks(np.array(viewers, np.int64), np.ones((2, 1), np.uint16))


def test_lists_that_are_longer_than_a_reader_expects_are_no_blocks():
    with pytest.raises(ValueError, match="a list of 101"):
        Blocks(np.array([1]), np.ones((1, PER_VIEWER + 1), np.uint16))
