"""The published form: what is written is found again, what is damaged is told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.catalogue import MAX_INDEX
from domain.recommendations import (
    PER_VIEWER,
    VIEWERS_A_BLOCK,
    Damaged,
    Version,
    block_of,
    blocks_for,
    encode_block,
    find,
    pack,
    unpack,
    viewers_of,
    with_rows,
)

indexes = st.lists(st.integers(1, MAX_INDEX), max_size=PER_VIEWER)
users = st.integers(1, 2**53 - 1)


@given(st.dictionaries(users, indexes, max_size=40), users)
def test_every_viewer_of_a_block_is_found_with_their_list_and_nobody_else(lists, stranger):
    block = encode_block([(user, pack(lists[user])) for user in sorted(lists)])
    assert {user: list(find(block, user)) for user in lists} == lists
    assert find(block, stranger) is None or stranger in lists


@given(st.dictionaries(users, indexes, max_size=30), st.dictionaries(users, indexes, max_size=30), st.data())
def test_some_viewers_of_a_block_get_other_lists_and_the_others_keep_theirs(before, others, data):
    known = st.sampled_from(sorted(before)) if before else users
    after = {**before, **others, **data.draw(st.dictionaries(known, indexes, max_size=5))}
    block = encode_block([(user, pack(before[user])) for user in sorted(before)])
    rows = {user: pack(after[user]) for user in after if after[user] != before.get(user)}
    changed = with_rows(block, rows)
    assert {user: list(find(changed, user)) for user in after} == after
    assert viewers_of(changed) == set(after)
    assert viewers_of(block) == set(before)


def test_a_damaged_block_gets_no_rows():
    block = encode_block([(1, pack([2]))])
    for data in (b"", block[:-1], block + b"\0", b"\7" + block[1:]):
        with pytest.raises(Damaged):
            with_rows(data, {1: pack([3])})
        with pytest.raises(Damaged):
            viewers_of(data)


@given(indexes)
def test_a_list_is_unpacked_as_it_was_packed(some):
    assert list(unpack(pack(some))) == some


@pytest.mark.parametrize("wrong", [0, -1, MAX_INDEX + 1])
def test_what_is_no_dense_index_is_not_packed(wrong):
    with pytest.raises(ValueError, match="dense index"):
        pack([1, wrong])


def test_a_block_takes_ascending_viewers_and_lists_that_fit():
    with pytest.raises(ValueError, match="ascend"):
        encode_block([(2, b""), (1, b"")])
    with pytest.raises(ValueError, match="ascend"):
        encode_block([(2, b""), (2, b"")])
    with pytest.raises(ValueError, match="bytes"):
        encode_block([(1, b"\1\0" * (PER_VIEWER + 1))])


@given(st.binary(max_size=300))
def test_bytes_that_are_no_block_are_damaged_not_misread(data):
    try:
        found = find(data, 7)
    except Damaged:
        return
    assert found is None or len(found) <= len(data)


@given(st.dictionaries(users, indexes, min_size=1, max_size=10), st.data())
def test_a_block_cut_short_is_damaged(lists, data):
    block = encode_block([(user, pack(lists[user])) for user in sorted(lists)])
    with pytest.raises(Damaged):
        find(block[: data.draw(st.integers(0, len(block) - 1))], next(iter(lists)))


@given(st.integers(0, 2**53), st.integers(1, 1_000_000), st.integers(0, 2**32 - 1))
def test_a_version_is_read_from_its_text(as_of_ms, blocks, run):
    version = Version(as_of_ms, blocks, f"{run:08x}")
    assert Version.parse(str(version)) == Version.parse(str(version).encode()) == version


@pytest.mark.parametrize(
    "text",
    ["", "1-0-00000000", "1-1000001-00000000", "1-1-0000000G", "1-1", "-1-1-00000000", "1-1-00000000\n", b"\xff"],
)
def test_what_is_no_version_is_damaged(text):
    with pytest.raises(Damaged):
        Version.parse(text)


def test_blocks_stay_small_and_few():
    assert (blocks_for(0), blocks_for(1), blocks_for(VIEWERS_A_BLOCK + 1)) == (1, 1, 2)
    viewers = range(1, 20_001)
    blocks = blocks_for(len(viewers))
    sizes = [0] * blocks
    for user in viewers:
        sizes[block_of(user, blocks)] += 1
    assert max(sizes) < 3 * VIEWERS_A_BLOCK
    assert min(sizes) > 0
