"""Anybody's watch log becomes Interactions, or is refused with a reason."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.evaluation import columns, sessions
from recommender.evaluation.columns import read
from recommender.evaluation.unfit import Unfit
from tests.watch_logs import a_file


def one(path):
    return read({"whole": path}).parts["whole"]


def test_ids_become_numbers_in_their_order_and_rows_stand_in_order_of_time(tmp_path):
    path = a_file(tmp_path / "a", user_id=[9, 4, 9], item_id=[7, 7, 3], ts=[30, 10, 20])
    logs = read({"whole": path})
    log = logs.parts["whole"]
    assert log.user.tolist() == [0, 1, 1]
    assert log.item.tolist() == [1, 0, 1]
    assert log.ts_ms.tolist() == [10_000, 20_000, 30_000]
    assert (logs.users, logs.names.to_pylist()) == (2, [3, 7])


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
def test_ids_may_be_strings(tmp_path, kind):
    users = pa.array(["b", "a", "剧"]).cast(kind)
    logs = read({"whole": a_file(tmp_path / "a", user_id=users, item_id=pa.array(["y", "x", "y"]).cast(kind))})
    assert logs.parts["whole"].user.tolist() == [1, 0, 2]
    assert logs.parts["whole"].item.tolist() == [1, 0, 1]
    assert logs.names.to_pylist() == ["x", "y"]


def test_files_share_one_numbering(tmp_path):
    train, test = (
        a_file(tmp_path / "a", item_id=[5, 6, 7], user_id=[1, 2, 3]),
        a_file(tmp_path / "b", item_id=[7, 4, 5], user_id=[3, 9, 1]),
    )
    logs = read({"train": train, "test": test})
    assert logs.parts["train"].item.tolist() == [1, 2, 3]
    assert logs.parts["test"].item.tolist() == [3, 0, 1]
    assert logs.parts["test"].user.tolist() == [2, 3, 0]


T = 1_700_000_000


@pytest.mark.parametrize(
    ("ts", "ms"),
    [
        ([T, T + 1, T + 2], [T * 1000, T * 1000 + 1000, T * 1000 + 2000]),
        ([T * 1000, T * 1000 + 1, T * 1000 + 2],) * 2,
        (pa.array([T, T, T + 1], pa.uint32()), [T * 1000, T * 1000, T * 1000 + 1000]),
        ([T, T + 0.25, T + 0.5], [T * 1000, T * 1000 + 250, T * 1000 + 500]),
        (
            pa.array([T * 10**6, T * 10**6 + 999, T * 10**6 + 2999], pa.timestamp("us")),
            [T * 1000, T * 1000, T * 1000 + 2],
        ),
        ([0, 1, 2], [0, 1000, 2000]),
    ],
)
def test_seconds_milliseconds_and_timestamps_are_told_apart(tmp_path, ts, ms):
    assert one(a_file(tmp_path / "a", ts=ts)).ts_ms.tolist() == ms


def test_what_a_log_does_not_say_is_the_usual(tmp_path):
    log = one(a_file(tmp_path / "a"))
    assert log.weight.tolist() == [1, 1, 1]
    assert log.positive.tolist() == [True] * 3
    assert log.random.tolist() == [False] * 3


def test_columns_that_are_somebody_elses_are_not_looked_at(tmp_path):
    assert len(one(a_file(tmp_path / "a", random=[None, "x", "y"], session=[1.5, None, 2]))) == 3


def test_without_positive_whatever_was_watched_is(tmp_path):
    log = one(a_file(tmp_path / "a", weight=[0.0, 2.5, 1]))
    assert log.weight.tolist() == [0, 2.5, 1]
    assert log.positive.tolist() == [False, True, True]


def test_positive_may_be_a_flag_or_a_number(tmp_path):
    for values in ([True, False, True], [1, 0, 1], [1.0, 0.0, 1.0]):
        log = one(a_file(tmp_path / "a", positive=values))
        assert log.positive.tolist() == [True, False, True]
        assert log.weight.tolist() == [1, 1, 1]


def test_sessions_of_the_log_are_told_apart_by_viewer_and_null_is_unknown(tmp_path):
    path = a_file(
        tmp_path / "a", user_id=[1, 1, 2, 2], item_id=[1, 2, 1, 2], ts=[1, 2, 3, 4], session_id=["s", "s", "s", None]
    )
    session = one(path).session
    assert session[0] == session[1] != session[2]
    assert session[3] == sessions.UNKNOWN


def test_without_sessions_half_an_hour_of_silence_ends_one(tmp_path):
    path = a_file(tmp_path / "a", user_id=[1, 1, 1, 2], item_id=[1, 2, 3, 4], ts=[0, 1799, 3599, 1799])
    session = one(path).session  # in order of time: 1, 1, 2, 1 or the like: viewer 2 watches beside viewer 1
    log = one(path)
    mine = session[log.user == 0]
    assert mine[0] == mine[1] != mine[2]
    assert session[log.user == 1][0] not in mine


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        ({"ts": None}, "no column ts"),
        ({"user_id": None, "item_id": None}, "no column user_id, item_id"),
        ({"user_id": [1, None, 2]}, "1 nulls in column user_id"),
        ({"ts": [1, None, None]}, "2 nulls in column ts"),
        ({"weight": [1.0, None, 1]}, "nulls in column weight"),
        ({"user_id": [1.0, 2.0, 2.5]}, "column user_id is double"),
        ({"item_id": pa.array([2**63, 1, 2], pa.uint64())}, "column item_id"),
        ({"ts": ["a", "b", "c"]}, "column ts is string"),
        ({"ts": [-1, 2, 3]}, "no Unix seconds"),
        ({"ts": [1, 2, 1_700_000_000_000_000]}, "no Unix seconds"),
        ({"ts": [1_700_000_000, 2, 1_700_000_000_000]}, "both seconds and milliseconds"),
        ({"ts": [1.0, float("nan"), 2.0]}, "no number"),
        ({"weight": [1.0, -1.0, 1.0]}, "below 0"),
        ({"weight": [1.0, float("inf"), 1.0]}, "without end"),
        ({"weight": [1e39, 1.0, 1.0]}, "without end"),
        ({"positive": [1, 2, 0]}, "other values"),
        ({"user_id": [], "item_id": [], "ts": []}, "no rows"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path, broken, why):
    with pytest.raises(Unfit, match=why):
        one(a_file(tmp_path / "a", **broken))


def test_a_file_that_is_none_is_refused(tmp_path):
    (tmp_path / "text").write_text("user_id,item_id,ts\n")
    for path in (tmp_path / "text", tmp_path / "none", tmp_path):
        with pytest.raises(Unfit, match=str(path)):
            one(path)


def test_numbers_here_and_words_there_are_refused(tmp_path):
    with pytest.raises(Unfit, match="strings in another"):
        read({"train": a_file(tmp_path / "a"), "test": a_file(tmp_path / "b", user_id=["1", "1", "2"])})


@pytest.mark.parametrize(("bound", "why"), [("ROWS", "3 rows; at most 2"), ("USERS", "user_id"), ("ITEMS", "item_id")])
def test_more_than_the_bounds_is_refused(tmp_path, monkeypatch, bound, why):
    monkeypatch.setattr(columns, bound, 2)
    with pytest.raises(Unfit, match=why):
        one(a_file(tmp_path / "a", user_id=[1, 2, 3], item_id=[1, 2, 3] if bound == "ITEMS" else [1, 1, 1]))


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 20)), min_size=1, max_size=30))
def test_a_session_is_what_a_plain_loop_says(views):
    user, minute = (np.array(column) for column in zip(*views, strict=True))
    found = sessions.by_silence(user, minute * 600_000)
    expected: dict[int, int] = {}
    last: dict[int, tuple[int, int]] = {}
    for row in sorted(range(len(views)), key=lambda r: views[r][1]):
        viewer, at = views[row]
        known = last.get(viewer)
        number = known[1] if known and at - known[0] < 3 else len(expected) + 1000 * row
        last[viewer] = (at, number)
        expected[row] = number
    same = {(found[a] == found[b]) == (expected[a] == expected[b]) for a in expected for b in expected}
    assert same == {True}
