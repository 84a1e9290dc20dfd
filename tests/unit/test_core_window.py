"""The duplicate window: each event once, in any order, in few bytes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain import window

few = st.lists(st.integers(1, 40), max_size=60)
many = st.lists(st.integers(1, 600), min_size=80, max_size=160)  # more gaps than are kept


def added(seqs, hour=7):
    """(verdicts, the window after them)."""
    held, verdicts = window.EMPTY, []
    for seq in seqs:
        verdict, held = window.add(held, seq, hour)
        verdicts.append(verdict)
    return verdicts, held


@given(few)
def test_each_seq_is_new_once_and_seen_after(seqs):
    verdicts, _ = added(seqs)
    assert verdicts == [window.SEEN if seq in seqs[:i] else window.NEW for i, seq in enumerate(seqs)]


@given(few, st.randoms())
def test_the_window_does_not_depend_on_the_order_of_arrival(seqs, rnd):
    assert added(seqs)[1] == added(rnd.sample(seqs, len(seqs)))[1]


@given(many)
@settings(max_examples=20)
def test_past_its_bound_it_takes_nothing_twice_and_stays_small(seqs):
    verdicts, held = added(seqs)
    taken = [seq for seq, verdict in zip(seqs, verdicts, strict=True) if verdict == window.NEW]
    assert len(taken) == len(set(taken))
    assert len(held) <= 3 + 2 * window.MAX_GAPS
    assert len(window.encode(held)) < 500


@given(many)
@settings(max_examples=20)
def test_only_what_lies_below_a_closed_gap_is_too_old(seqs):
    verdicts, held = added(seqs)
    assert all(seq <= held[1] for seq, verdict in zip(seqs, verdicts, strict=True) if verdict == window.TOO_OLD)


@given(many)
@settings(max_examples=20)
def test_what_was_not_taken_is_never_called_seen(seqs):
    held, taken = window.EMPTY, set()
    for seq in seqs:
        verdict, held = window.add(held, seq, 7)
        assert seq in taken if verdict == window.SEEN else verdict == window.TOO_OLD or seq not in taken
        taken |= {seq} if verdict == window.NEW else set()


def test_the_lowest_gap_is_closed_past_the_bound():
    every_other = list(range(2, 2 * window.MAX_GAPS + 1, 2))
    _, held = added(every_other)
    assert window.add(held, 1, 7)[0] == window.NEW
    _, held = added([*every_other, 2 * window.MAX_GAPS + 2])
    assert window.add(held, 1, 7)[0] == window.TOO_OLD
    assert window.add(held, 3, 7)[0] == window.NEW


@given(many)
@settings(max_examples=20)
def test_text_and_back(seqs):
    held = added(seqs)[1]
    assert window.decode(window.encode(held)) == held


def test_an_unbroken_session_takes_thirteen_bytes():
    assert len(window.encode(added(range(1, 1_000), hour=498_611)[1])) <= 13


def test_the_hour_is_that_of_the_latest_receipt():
    held = window.add(window.add(window.EMPTY, 1, 500)[1], 2, 400)[1]
    assert held[0] == 500


@pytest.mark.parametrize("text", ["", "1,2", "1,2,3,4", "a,b,c"])
def test_what_is_not_a_window_is_refused(text):
    with pytest.raises(ValueError, match=r"not a window|invalid literal"):
        window.decode(text)
