"""What signals are worth, and the one configuration that says so."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recommender.learning import asked, signals
from recommender.learning.snapshot import Snapshot, Watches
from recommender.learning.weights import WEIGHTS, Weights
from tests.snapshots import NOW_MS, ignored, pairs, watches

amounts = st.floats(0, 60, width=32)
MORE = {
    "share": amounts, "completes": amounts, "unlocks": amounts, "liked": st.booleans(), "followed": st.booleans(),
}  # fmt: skip
MOMENTS = {
    "as_of_ms", "from_ms", "active_since_ms", "apart_ms", "cooling_ms", "day_from_ms", "day_to_ms", "since_ms", "days",
    "recent_ms", "dramas",
}  # fmt: skip
deeds = st.fixed_dictionaries({**MORE, "skips": st.integers(0, 9)})


def done(*viewers: dict[str, Any]) -> Watches:
    """One viewer each, of one drama."""
    types = {"liked": bool, "followed": bool}
    columns = {name: np.array([d[name] for d in viewers], types.get(name, np.float32)) for name in viewers[0]}
    return watches(*((user, 1) for user in range(len(viewers))), **columns)


@given(deeds, st.data())
def test_whoever_did_more_is_not_trusted_less(less, data):
    more = {name: max(less[name], data.draw(of)) for name, of in MORE.items()} | {"skips": less["skips"]}
    worth = signals.confidences(done(less, more), WEIGHTS)
    assert worth[0] <= worth[1]


@given(st.lists(deeds, min_size=1, max_size=20))
def test_confidence_is_above_nothing_and_stops_and_asks_for_nobody_else(viewers):
    worth = signals.confidences(done(*viewers), WEIGHTS)
    assert worth.dtype == np.float32
    assert ((worth > 0) & (worth <= WEIGHTS.most)).all()
    alone = [float(signals.confidences(done(viewer), WEIGHTS)[0]) for viewer in viewers]
    assert worth.tolist() == alone


@pytest.mark.parametrize("name", [*MORE])
def test_each_signal_counts(name):
    nothing = {"share": 0.0, "completes": 0.0, "unlocks": 0.0, "liked": False, "followed": False, "skips": 0}
    worth = signals.confidences(done(nothing, nothing | {name: True}), WEIGHTS)
    assert worth[0] == WEIGHTS.watched < worth[1]


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(1, 10**6))
def test_more_of_an_episode_counts_more_and_half_where_it_is_usual(one_ms, other_ms, duration_ms):
    watched_ms = np.minimum(sorted([one_ms, other_ms]), duration_ms)
    less, more = signals.beside_usual(watched_ms / duration_ms, np.full(2, duration_ms), WEIGHTS)
    assert 0 <= less <= more < 1
    bucket = sum(duration_ms >= edge for edge in WEIGHTS.share_edges_ms)
    usual = np.array([WEIGHTS.share_usual[bucket]])
    assert signals.beside_usual(usual, np.array([duration_ms]), WEIGHTS)[0] == pytest.approx(0.5)


def test_the_same_share_of_a_longer_episode_says_more():
    lengths = np.array([1, *WEIGHTS.share_edges_ms])
    assert (np.diff(signals.beside_usual(np.full(len(lengths), 0.3), lengths, WEIGHTS)) > 0).all()


def test_who_did_nothing_but_skip_is_weak_evidence():
    quick, proper = (signals.confidences(watches((1, 1), skips=np.array([n])), WEIGHTS)[0] for n in (2, 0))
    assert proper - quick == pytest.approx(WEIGHTS.watched - WEIGHTS.skip)
    assert 0 < WEIGHTS.skip < WEIGHTS.watched


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -0.1])
@pytest.mark.parametrize("name", ["like", "shrink", "alpha"])
def test_a_weight_that_is_no_amount_is_refused(name, value):
    with pytest.raises(ValueError, match=f"{name} = {value}"):
        msgspec.structs.replace(WEIGHTS, **{name: value})


@pytest.mark.parametrize(
    "wrong",
    [
        {"window_days": 0}, {"pair_dramas": -1}, {"factors": 0}, {"trend_half_life_hours": 0.0}, {"most": 0.0},
        {"trend_prior": 0.0}, {"also_few": 0.0}, {"ignored": 1.5}, {"cold_share": 1.1}, {"skip": 1.5},
        {"share_edges_ms": (7_000,)}, {"share_edges_ms": (2, 1), "share_usual": (0.1, 0.1, 0.1)},
        {"share_usual": (0.1,) * 7 + (float("nan"),)},
    ],
)  # fmt: skip
def test_numbers_that_make_no_sense_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Weights(**wrong)


def test_the_configuration_goes_through_json_and_is_checked_there_too():
    ours = msgspec.structs.replace(WEIGHTS, skip=0.25, seed=0)
    assert msgspec.json.decode(msgspec.json.encode(ours), type=Weights) == ours
    with pytest.raises(msgspec.ValidationError, match="like"):
        msgspec.json.decode(b'{"like":-1}', type=Weights)
    assert msgspec.json.decode(b'{"version":1}', type=Weights).version == 1  # one of before has no more to say


@pytest.mark.parametrize("query", sorted(path.name for path in asked.SQL.glob("*.sql")))
def test_a_query_names_numbers_as_the_configuration_does_and_spells_none_out(query):
    sql = (asked.SQL / query).read_text(encoding="utf-8")
    code = re.sub(r"--[^\n]*", "", sql)
    named = set(re.findall(r"\{(\w+):", code))
    assert named - MOMENTS <= {*Weights.__struct_fields__, *asked.RULE}
    plain = {float(n) for n in re.findall(r"(?<![\w.{])\d+\.?\d*", re.sub(r"\{[^}]*\}", "", code))}
    assert plain <= {0, 1, 2, 7, 1000}  # the first and the second of something, 7 days of the log, thousandths


def test_the_digest_of_a_snapshot_is_of_all_that_is_in_it():
    whole = Snapshot(NOW_MS, watches((1, 1), (1, 2)), pairs({(1, 2): 1.0}), ignored({(1, 3): 2}))
    others = [
        Snapshot(NOW_MS, watches((1, 1), (1, 2), skips=np.array([0, 1])), whole.pairs, whole.ignored),
        Snapshot(NOW_MS, watches((1, 1), (1, 2), unlocks=np.array([0, 1])), whole.pairs, whole.ignored),
        Snapshot(NOW_MS, whole.watches, pairs({(1, 2): 2.0}), whole.ignored),
        Snapshot(NOW_MS, whole.watches, whole.pairs, ignored({(1, 3): 1})),
        Snapshot(NOW_MS, whole.watches, whole.pairs),
    ]
    assert len({whole.digest(), *(other.digest() for other in others)}) == 6
    assert Snapshot(NOW_MS, watches((1, 1), (1, 2)), whole.pairs, whole.ignored).digest() == whole.digest()
