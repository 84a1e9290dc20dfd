"""The store's two fences: where it begins, what it still writes, when it stops."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import fences
from domain.blocks import Block
from domain.fences import BlockMoved, WentBack

lengths = st.lists(st.integers(1, 5), max_size=12)


def following(sizes, start=0):
    """Blocks of these sizes, one after the other."""
    out = []
    for size in sizes:
        out.append((start, start + size - 1))
        start += size
    return out


@given(lengths, st.randoms())
def test_the_block_fence_is_the_end_of_blocks_in_any_order_and_doubled(sizes, rnd):
    found = following(sizes)
    shuffled = rnd.sample(found + found, 2 * len(found))
    assert fences.contiguous_end(shuffled) == sum(sizes) - 1


@given(lengths.filter(lambda sizes: len(sizes) > 1), st.data())
def test_a_block_behind_a_hole_means_that_clickhouse_went_back(sizes, data):
    found = following(sizes)
    del found[data.draw(st.integers(0, len(found) - 2))]
    with pytest.raises(WentBack):
        fences.contiguous_end(found)


@given(lengths, lengths)
def test_only_blocks_after_a_known_fence_have_to_be_asked_for(before, after):
    fence = sum(before) - 1
    assert fences.contiguous_end(following(after, fence + 1), after=fence) == fences.contiguous_end(
        following(before + after)
    )


def test_a_worker_begins_after_its_windows():
    assert fences.start(redis_fence=-1, block_fence=-1) == 0
    assert fences.start(redis_fence=9, block_fence=20) == 10


def test_windows_ahead_of_the_rows_stop_the_worker():
    with pytest.raises(WentBack):
        fences.start(redis_fence=20, block_fence=19)


@pytest.mark.parametrize(("block_fence", "needed"), [(4, True), (9, False), (30, False)])
def test_blocks_up_to_the_block_fence_are_only_folded(block_fence, needed):
    assert fences.needs_rows(Block(5, 9), block_fence) is needed


def test_a_block_across_the_block_fence_or_after_a_hole_stops_the_worker():
    with pytest.raises(BlockMoved):
        fences.needs_rows(Block(5, 9), 7)
    with pytest.raises(WentBack):
        fences.needs_rows(Block(5, 9), 3)


def test_a_block_is_one_insert_for_each_month_of_receipt():
    assert fences.inserts([]) == {}
    assert fences.inserts([202_601, 202_602, 202_601]) == {202_601: [0, 2], 202_602: [1]}


def test_every_worker_sends_an_insert_under_the_same_token():
    tokens = {fences.token("t", p, Block(f, f + 3), m) for p in (0, 1) for f in (0, 4) for m in (202_601, 202_602)}
    assert len(tokens) == 8
    assert fences.token("t", 0, Block(0, 3), 202_601) in tokens


def test_the_question_is_asked_in_doubt_and_about_rows_only():
    assert fences.must_ask(doubt=True, rows=3)
    assert not fences.must_ask(doubt=False, rows=3)
    assert not fences.must_ask(doubt=True, rows=0)


def test_a_zombies_insert_finds_the_fence_elsewhere():
    assert fences.still_next(Block(5, 9), 4)
    assert not fences.still_next(Block(5, 9), 9)
