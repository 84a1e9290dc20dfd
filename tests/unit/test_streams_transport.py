"""Where the transport goes on, and what of fetched records fits there."""

from __future__ import annotations

import pytest

pytest.importorskip("faust")

from faust.types import TP

from streams.transport import MAX_RUN, Order, Verdict, _round_robin
from tests.log_records import FakeRecord

A, B = TP("juliu.events", 0), TP("juliu.events", 1)


def offsets(first: int, last: int) -> list[FakeRecord]:
    """Records first..last."""
    return [FakeRecord(i, b"1", b"x") for i in range(first, last + 1)]


@pytest.fixture
def order() -> Order:
    """Partition A goes on at 10."""
    order = Order()
    order.begin(A, 10)
    return order


@pytest.mark.parametrize(
    ("first", "last", "verdict", "fits"),
    [
        (10, 19, Verdict.FITS, range(10, 20)),
        (5, 12, Verdict.FITS, range(10, 13)),
        (10, 10, Verdict.FITS, range(10, 11)),
        (11, 19, Verdict.GAP, range(11, 20)),
        (5, 9, Verdict.BEHIND, range(0)),
    ],
)
def test_fetched_records_are_judged_by_where_the_partition_is(
    order: Order, first: int, last: int, verdict: Verdict, fits: range
) -> None:
    judged, run = order.judge(A, offsets(first, last), order.stamp())
    assert (judged, [r.offset for r in run]) == (verdict, list(fits))


def test_runs_follow_each_other(order: Order) -> None:
    order.taken(A, 14)
    assert order.judge(A, offsets(15, 20), order.stamp())[0] is Verdict.FITS
    assert order.judge(A, offsets(16, 20), order.stamp())[0] is Verdict.GAP


def test_what_was_fetched_before_a_seek_and_does_not_fit_is_stale(order: Order) -> None:
    stamp = order.stamp()
    order.begin(A, 5)
    assert order.judge(A, offsets(10, 19), stamp)[0] is Verdict.STALE
    assert order.judge(A, offsets(1, 4), stamp)[0] is Verdict.STALE
    assert order.judge(A, offsets(10, 19), order.stamp())[0] is Verdict.GAP


def test_what_fits_is_taken_although_a_seek_came_during_the_fetch(order: Order) -> None:
    stamp = order.stamp()
    order.begin(A, 5)
    assert order.judge(A, offsets(5, 9), stamp)[0] is Verdict.FITS  # the consumer is behind them: they come once


def test_without_a_position_nothing_fits(order: Order) -> None:
    assert not order.knows({A, B})
    assert order.judge(B, offsets(0, 3), order.stamp())[0] is Verdict.STALE
    order.forget()
    assert not order.knows({A})
    assert order.judge(A, offsets(10, 19), order.stamp())[0] is Verdict.STALE


def test_partitions_take_turns_in_runs_of_bounded_size() -> None:
    runs = list(_round_robin({A: offsets(0, 2 * MAX_RUN), B: offsets(5, 6)}))
    assert [(tp, run[0].offset, len(run)) for tp, run in runs] == [
        (A, 0, MAX_RUN), (B, 5, 2), (A, MAX_RUN, MAX_RUN), (A, 2 * MAX_RUN, 1),
    ]  # fmt: skip
    assert list(_round_robin({})) == []
