"""Blocks: the same log gives the same blocks, to every worker."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import blocks
from domain.blocks import Block, Cutter, GapError, UnknownFormat

# A log: an event, a pulse, or a pulse that asks for another limit.
logs = st.lists(st.sampled_from(["event", "event", "pulse", 3, 5]), max_size=60)


def take(cutter: Cutter, offset: int, record: str | int) -> Block | None:
    return cutter.take(offset, record != "event", record if isinstance(record, int) else None)


def cut(log, limit=7):
    """[(block, limit of the block after it)]."""
    cutter = Cutter(0, limit)
    return [(block, cutter.limit) for offset, record in enumerate(log) if (block := take(cutter, offset, record))]


def brute_force(log, limit=7):
    """The same from the words of the rule."""
    out, first, asked = [], 0, limit
    for last, record in enumerate(log):
        asked = record if isinstance(record, int) else asked
        filled = "event" in log[first : last + 1]
        if (record != "event" and filled) or last - first + 1 == limit:
            out.append((Block(first, last), asked))
            first, limit = last + 1, asked
    return out


@given(logs)
def test_blocks_are_as_the_words_of_the_rule_say(log):
    assert cut(log) == brute_force(log)


@given(logs, st.randoms())
def test_from_the_end_of_any_block_the_same_blocks_follow_whatever_is_delivered_again(log, rnd):
    whole = cut(log)
    for i, (block, limit) in enumerate(whole[:-1]):
        cutter, got = Cutter(block.last + 1, limit), []
        for offset in range(block.last + 1, len(log)):
            if rnd.random() < 0.3:
                again = rnd.randrange(offset)
                assert take(cutter, again, log[again]) is None
            if found := take(cutter, offset, log[offset]):
                got.append((found, cutter.limit))
        assert got == whole[i + 1 :]


@given(logs)
def test_blocks_follow_each_other_and_pulses_alone_make_none(log):
    found = [block for block, _ in cut(log)]
    assert [block.first for block in found] == [0, *(block.last + 1 for block in found)][: len(found)]
    assert all("event" in log[b.first : b.last + 1] or b.last - b.first + 1 >= 3 for b in found)


def test_a_gap_is_not_cut_over():
    cutter = Cutter(3)
    assert cutter.take(1, False) is None
    with pytest.raises(GapError) as gap:
        cutter.take(4, False)
    assert (gap.value.expected, gap.value.got) == (3, 4)
    cutter.take(3, False)
    assert cutter.take(4, True) == Block(3, 4)


def test_a_new_limit_begins_with_the_next_block():
    assert cut(["event", "event", 2, "event", "event", "event", "event"], limit=5) == [
        (Block(0, 2), 2), (Block(3, 4), 2), (Block(5, 6), 2),
    ]  # fmt: skip


def test_the_first_format_is_for_ever():
    assert (blocks.CUTTER_VERSION, blocks.LIMIT) == (1, 20_000), "every log that was told nothing else is cut by these"
    assert blocks.decode_format(None) == 20_000


def test_a_format_as_text_and_back():
    assert blocks.encode_format(500) == "1,500"
    assert blocks.decode_format("1,500") == blocks.decode_format(b"1,500") == blocks.limit_asked(b"1,500") == 500


@pytest.mark.parametrize(
    "value", [None, b"", b"hello", b"1", b"1,0", b"1,-5", b"1,999999999", b"1,2,3", b"\xff,1", b"0,5"]
)
def test_a_pulse_that_asks_for_nothing_sensible_changes_nothing(value):
    assert blocks.limit_asked(value) is None


def test_a_later_cutter_stops_this_code():
    with pytest.raises(UnknownFormat):
        blocks.limit_asked(b"2,500")
    with pytest.raises(UnknownFormat):
        blocks.decode_format("2,500")
    with pytest.raises(UnknownFormat):
        blocks.decode_format("rubbish")
