"""The row fold: the same offsets as the counters fold, and one run for a block."""

from __future__ import annotations

import random

import msgspec
import pytest

from domain import blocks, events, keys, window
from domain.fold import Fold
from domain.rows import CONTROL, LATE, NEW, SEEN, TOO_OLD, RowFold
from tests.stream import Stream, shuffled
from tests.twin import Twin


def a_head(seq, late=False, user_id=5):
    return events.Head(user_id=user_id, session_id="s", seq=seq, received_at_ms=1_795_000_000_000, late=late)


def judged(fold, twin, heads, first=0):
    """(verdicts, run) of one block that has been read for."""
    prepared = fold.prepare(list(enumerate(heads, first)))
    fold.state.fill(twin.read(fold.state.missing))
    verdicts = fold.judge(prepared)
    return verdicts, fold.effects(prepared, blocks.LIMIT)


def test_each_record_of_a_block_gets_a_verdict():
    gaps = [a_head(seq) for seq in range(2, 2 * window.MAX_GAPS + 3, 2)]
    heads = [*gaps, a_head(1), a_head(2), a_head(99, late=True), None]
    verdicts, _ = judged(RowFold(0, 1), Twin(), heads)
    assert verdicts == [NEW] * len(gaps) + [TOO_OLD, SEEN, LATE, CONTROL]


def test_a_block_is_one_run_with_the_windows_and_the_format():
    verdicts, run = judged(RowFold(3, 1), Twin(), [a_head(i, user_id=i) for i in range(1, 2_000)], first=10)
    assert set(verdicts) == {NEW}
    assert (run.first, run.last) == (10, 10 + 1_998)
    assert run.commands[-1] == ["HSET", keys.block_format(1, 3), keys.BLOCK_FORMAT, "1,20000"]
    verbs = [verb for verb, *_ in run.commands[:-1]]
    assert verbs.count("HSET") == verbs.count("EXPIRE") == 1_999


@pytest.fixture(scope="module")
def log():
    """1,500 events with resends, swaps, late ones and seqs far apart."""
    rnd = random.Random(4)
    return [
        msgspec.structs.replace(event, late=rnd.random() < 0.02, seq=event.seq * rnd.choice((1, 1, 1, 2)))
        for event in shuffled(Stream(30, 10, seed=4), 1_500, resend=0.1, swap=0.1)
    ]


@pytest.fixture(scope="module")
def counted(log):
    """The offsets that the counters fold takes, record by record."""
    fold, twin, taken = Fold(0, 1), Twin(), []
    for offset, event in enumerate(log):
        dropped = fold.seen + fold.too_old + fold.late
        prepared = fold.prepare([(offset, event)])
        fold.state.fill(twin.read(fold.state.missing))
        assert all(twin.apply(run) for run in fold.effects(prepared))
        taken += [offset] if fold.seen + fold.too_old + fold.late == dropped else []
    return taken


@pytest.mark.parametrize("size", [1, 50, 1_000])
def test_both_groups_take_the_same_offsets(log, counted, size):
    twin, rows, taken = Twin(), RowFold(0, 1), []
    for at in range(0, len(log), size):
        heads = [events.decode_head(events.encode(event)) for event in log[at : at + size]]
        verdicts, run = judged(rows, twin, heads, at)
        taken += [at + i for i, verdict in enumerate(verdicts) if verdict == NEW]
        assert twin.apply(run)
    assert taken == counted
    assert 750 < len(taken) < len(log) - 100


def test_a_block_folded_twice_from_the_same_fence_gives_the_same_run():
    twin = Twin()
    heads = [a_head(1), a_head(3), None]
    first, second = judged(RowFold(0, 1), twin, heads), judged(RowFold(0, 1), twin, heads)
    assert first == second
