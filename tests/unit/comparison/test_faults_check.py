"""The comparison of log, ClickHouse and dead letters: content with what the product does, and with nothing else."""

from __future__ import annotations

import itertools
import json
from collections import Counter

import pytest

from juliu.faults import check, check_rows
from juliu.faults.check_truth import Problems
from juliu.faults.ledger import LogRecord
from tests.faults_run import rows

# -- the log -----------------------------------------------------------------------------------------------------------


def test_the_traffic_has_everything_that_is_compared(truth):
    assert len(truth.rows) > 2_500
    assert min(truth.repeats, len(truth.late), len(truth.poison), truth.controls, len(truth.expected.heated)) > 2
    assert len(truth.acked) > len(truth.rows)


def spoilt(run, wanted: str, log: list[LogRecord]) -> None:
    found = Problems()
    run.truth(found, log)
    assert found.count(wanted) > 0, found.told()


def test_an_acknowledged_event_that_is_not_in_the_log_is_noticed(run, truth):
    for offset in (next(iter(truth.late)), next(iter(truth.rows))):
        gone = json.loads(run.log[offset].value)["event_id"].encode()
        spoilt(run, "answered 202 and not in the log", [r for r in run.log if gone not in (r.value or b"")])


def test_an_event_that_nobody_sent_is_noticed(run, truth):
    changed = next(r for r in run.log if r.offset in truth.rows)
    event = json.loads(changed.value or b"") | {"seq": 5_000}
    spoilt(run, "in the log and never sent", [*run.log, changed._replace(value=json.dumps(event).encode())])
    spoilt(run, "in the log, and neither sent nor poison", [*run.log, changed._replace(value=b"{}")])


@pytest.mark.parametrize(
    "change", [{"drama_id": 7_002}, {"ts_ms": 1}, {"qualified": True}, {"late": True}, {"at_ms": 3}]
)
def test_a_record_that_is_not_as_it_was_sent_is_noticed(run, truth, change):
    at = next(r for r in run.log if r.offset in truth.rows and b"heartbeat" in (r.value or b""))
    event = json.loads(at.value or b"") | change
    log = [at._replace(value=json.dumps(event).encode()) if r is at else r for r in run.log]
    spoilt(run, "not in the log as it was sent", log)


def test_a_time_of_receipt_at_which_it_was_not_sent_is_noticed(run):
    run.ledger.skew_ms, wide = 5_000, run.ledger.skew_ms
    spoilt(run, "received when it was not sent", run.log)
    run.ledger.skew_ms = wide


# -- ClickHouse --------------------------------------------------------------------------------------------------------


def test_rows_as_the_product_stores_them_are_right(run, truth):
    found = Problems()
    stored, late = rows(run, truth)
    there = check_rows.compare(truth.rows, stored, "events", found)
    there |= check_rows.compare(truth.late, late, "late_events", found)
    assert found.told() == []
    assert there == truth.acked


@pytest.mark.parametrize(
    ("spoil", "kind"),
    [
        (lambda rows: rows[1:], "a record without its row in events"),
        (lambda rows: [rows[0], *rows], "a record twice in events"),
        (lambda rows: [[rows[0][0], "liked", *rows[0][2:]], *rows[1:]], "a row of events that is not its record"),
        (lambda rows: [[10**6, *rows[0][1:]], *rows], "a row of events that must not be"),
    ],
)
def test_a_row_that_is_lost_doubled_changed_or_made_up_is_noticed(run, truth, spoil, kind):
    found = Problems()
    check_rows.compare(truth.rows, spoil(rows(run, truth)[0]), "events", found)
    assert found.count(kind) == 1


def test_an_event_stored_at_the_offset_of_its_copy_is_noticed(run, truth):
    """The first of several copies is the one that counts, for both groups alike."""
    stored, _ = rows(run, truth)
    copies = Counter((r.value or b"").split(b'"event_id":"')[-1][:36] for r in run.log if r.offset not in truth.poison)
    twice = next(row for row in stored if copies[row[2].encode()] > 1)
    copy = max(r.offset for r in run.log if twice[2].encode() in (r.value or b""))
    found = Problems()
    check_rows.compare(truth.rows, [[copy, *row[1:]] if row is twice else row for row in stored], "events", found)
    assert found.count("a row of events that must not be") == found.count("a record without its row in events") == 1


def test_blocks_with_a_hole_an_overlap_or_wrong_sums_are_noticed(truth):
    sums = [len(truth.rows), len(truth.late), truth.repeats, len(truth.poison)]
    end = truth.end

    def problems(*blocks):
        found = Problems()
        check_rows.check_blocks(blocks, truth, found)
        return found.told()

    whole = [(0, 99, 100, 0, 0, 0, 0), (100, end - 1, end - 100, *sums)]
    assert problems(*whole) == []
    assert problems((0, 98, 99, 0, 0, 0, 0), whole[1])
    assert problems(whole[0], *whole)
    assert problems(whole[0], (*whole[1][:3], sums[0] + 1, *sums[1:]))
    assert problems(whole[0], (100, end - 900, end - 999, *sums))


# -- dead letters ------------------------------------------------------------------------------------------------------


def test_dead_letters_are_the_poison_of_both_groups(truth):
    letters = {
        (group, 0, offset): value
        for group, (offset, value) in itertools.product(("counters", "store"), truth.poison.items())
    }
    found = Problems()
    assert check.check_letters(letters, truth, found) == 2 * len(truth.poison)
    assert found.told() == []
    for spoilt_letters in (
        dict(list(letters.items())[1:]),
        letters | {("store", 0, 10**6): b"x"},
        letters | {next(iter(letters)): b"other bytes"},
    ):
        found = Problems()
        check.check_letters(spoilt_letters, truth, found)
        assert found.count("dead letters") == 1
