"""The gate: what nobody may publish, what a person may overrule, what the last accepted ones are."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import numpy as np
import pytest

from recommender.errors import Refused
from recommender.learning.als import Factors
from recommender.learning.model import Recommendations
from recommender.learning.personal import Vectors
from recommender.training.gate import HANDFUL, Served, check, doubts
from recommender.training.history import History, history
from recommender.training.limits import LIMITS
from recommender.training.measured import Measured
from recommender.training.registry import Decision, Entry
from tests.snapshots import NOW_MS
from tests.training_twin import DAY_MS

NOBODY = Served()


def made_of(viewers: int, **more: object) -> Recommendations:
    """Every list is 1, 2; 2 is worth half of 1."""
    values = {
        "as_of_ms": NOW_MS, "viewers": np.arange(1, viewers + 1), "dramas": 3, "whole": True, "also_watched": {},
        "personal": np.tile(np.array([1, 2, 0], np.uint16), (viewers, 1)),
        "vectors": Vectors(np.ones((viewers, 1), np.float32), np.array([[0], [1], [0.5]], np.float32)),
    }  # fmt: skip
    return Recommendations(**(values | more))


def measured(name: str, value: float, low: float | None = None, high: float | None = None) -> Measured:
    ends = {} if low is None else {name: (low, high)}
    return Measured({name: value}, ends)


def past(**values: float) -> History:
    """Seven accepted ones, all alike."""
    return History([Measured({name.replace("_at_", "@"): value for name, value in values.items()})] * 7)


def found(one: Measured, before: History | None = None, served: Served = Served(10, 3)) -> list[str]:  # noqa: B008
    return doubts(made_of(10), served, one, before or History([]), LIMITS)


@pytest.mark.parametrize("served", [NOBODY, Served(20, 6)])
def test_what_is_sound_passes(served):
    check(made_of(10), 10)
    assert found(Measured(), served=served) == []


@pytest.mark.parametrize(
    ("made", "left", "why"),
    [
        (made_of(0), 0, "no viewers"),
        (made_of(9, whole=False), 0, "not a number"),
        (made_of(30, personal=np.zeros((30, 3), np.uint16)), HANDFUL, "nobody's list"),
        (
            made_of(9, vectors=Vectors(np.eye(9, 2, dtype=np.float32), np.ones((3, 2), np.float32))),
            0,
            "7 of 9 viewers have a vector of nothing but 0",
        ),
        (
            made_of(HANDFUL, vectors=Vectors(np.ones((HANDFUL, 1)), np.ones((3, 1)))),
            0,
            "all scores of a list are equal",
        ),
    ],
)
def test_nobody_may_publish_nothing_or_nonsense(made, left, why):
    with pytest.raises(Refused, match=why):
        check(made, left)


@pytest.mark.parametrize(("of_nothing", "well"), [(9, False), (5, False), (4, True)])
def test_who_only_has_the_crowds_list_is_known_for_nothing_and_most_viewers_must_not_be(of_nothing, well):
    own = np.ones((9, 1), np.float32)
    own[:of_nothing] = 0
    crowd = np.ones(
        (9, 1), np.float32
    )  # as recommender.learning.personal.leaning puts it beside what is a viewer's own
    vectors = Vectors(np.hstack([own, crowd]), np.array([[0, 0], [1, 1], [0.5, 0.5]], np.float32))
    made = made_of(9, vectors=vectors, factors=Factors.of(own, vectors.dramas[:, :1], 1.0, 1.0))
    with contextlib.nullcontext() if well else pytest.raises(Refused, match=f"{of_nothing} of 9 viewers"):
        check(made)


def test_all_may_have_been_seen_and_a_few_lists_may_be_of_equals():
    check(made_of(30, personal=np.zeros((30, 3), np.uint16)), HANDFUL - 1)
    check(made_of(HANDFUL - 1, vectors=Vectors(np.ones((HANDFUL - 1, 1)), np.ones((3, 1)))))
    one_drama = np.tile(np.array([1, 0, 0], np.uint16), (HANDFUL, 1))
    check(made_of(HANDFUL, personal=one_drama))


@pytest.mark.parametrize(("served", "why"), [(Served(21, 3), "10 viewers, fewer"), (Served(10, 7), "3 dramas with")])
def test_far_less_than_what_is_served_is_doubted(served, why):
    (sentence,) = found(Measured(), served=served)
    assert why in sentence


@pytest.mark.parametrize("name", ["recall@50", "ndcg@20", "item-hit@10"])
def test_quality_fell_only_when_its_whole_interval_lies_below(name):
    before = History([measured(name, value) for value in (0.1, 0.2, 0.3)])  # the median is 0.2, its limit .194
    (sentence,) = found(measured(name, 0.18, 0.17, 0.193), before)
    assert sentence.startswith(f"{name} of the last full day is 0.1800 (0.1700 to 0.1930)")
    assert found(measured(name, 0.18, 0.17, 0.195), before) == []
    assert found(measured(name, 0.18), before) == []  # no interval: not known
    assert found(measured(name, 0.18, 0.17, 0.193)) == []  # nothing accepted before


def test_a_day_that_is_hard_for_the_trend_list_too_is_no_fall_but_by_half_at_most():
    before = past(**{"recall@50": 0.2, "trend.recall@50": 0.1})
    one = measured("recall@50", 0.16, 0.15, 0.17)
    assert found(one | measured("trend.recall@50", 0.1), before)
    assert found(one | measured("trend.recall@50", 0.12), before)  # an easy day asks for no more
    assert found(one | measured("trend.recall@50", 0.085), before) == []
    assert found(measured("recall@50", 0.08, 0.07, 0.09) | measured("trend.recall@50", 0.01), before)


def test_uauc_may_fall_by_two_hundredths():
    assert "uauc" in found(measured("uauc", 0.57, 0.56, 0.579), past(uauc=0.6))[0]
    assert found(measured("uauc", 0.57, 0.56, 0.581), past(uauc=0.6)) == []


@pytest.mark.parametrize("name", ["recall@50", "ndcg@20"])
def test_who_is_surely_below_the_trend_list_is_doubted(name):
    def one(low: float, high: float) -> Measured:
        return measured(f"over_trend.{name}", (low + high) / 2, low, high) | measured(name, 0.2)

    assert "0.2000, that of the trend list" in found(one(-0.02, -0.01))[0]
    assert found(one(-0.02, 0.01)) == []


def test_lists_that_show_much_less_of_the_catalogue_are_doubted():
    assert "19.0% of the dramas" in found(measured("coverage@20", 0.19), past(**{"coverage@20": 0.5}))[0]
    assert found(measured("coverage@20", 0.21), past(**{"coverage@20": 0.5})) == []
    assert found(measured("coverage@20", 0.01)) == []


def test_one_drama_in_far_more_lists_than_before_is_doubted_and_in_first_days_it_may_be_in_all():
    assert "one drama" in found(measured("top-item@10", 0.91), past(**{"top-item@10": 0.72}))[0]
    assert found(measured("top-item@10", 0.91), past(**{"top-item@10": 0.74})) == []
    assert found(measured("top-item@10", 0.89), past(**{"top-item@10": 0.2})) == []
    assert found(measured("top-item@10", 1.0)) == []


def test_active_viewers_without_a_list_are_doubted():
    assert "90.0% of the active viewers" in found(measured("listed", 0.9))[0]
    assert found(measured("listed", 0.96)) == []


@pytest.mark.parametrize(("watches", "well"), [(499, False), (500, True), (2000, True), (2001, False), (0, False)])
def test_a_day_of_half_or_double_the_usual_is_doubted(watches, well):
    one = Measured({"volume": watches, "volume.usual": 1000})
    assert (found(one) == []) is well


def test_what_a_person_called_right_is_usual_from_then_on():
    one = Measured({"volume": 4000, "volume.usual": 1000})
    assert found(one) != []
    assert found(one, History([], overruled=Measured({"volume": 5000}))) == []
    assert found(one, History([], overruled=Measured({"volume": 9000}))) != []


def test_where_nothing_is_served_only_what_stands_by_itself_is_doubted():
    """The servers of the lists were lost: what is worse than before is better than nothing."""
    worse = measured("recall@50", 0.1, 0.09, 0.11) | Measured({"volume": 1, "volume.usual": 1000, "coverage@20": 0.01})
    before = past(**{"recall@50": 0.2, "coverage@20": 0.5})
    assert len(found(worse, before)) == 3
    assert found(worse, before, NOBODY) == []
    assert len(found(worse | measured("over_trend.recall@50", -0.1, -0.2, -0.01), before, NOBODY)) == 1
    assert len(found(measured("listed", 0.1), before, NOBODY)) == 1


def entry(day: int, recall: float = 0.0, decision: Decision = Decision.PUBLISHED, **more: object) -> Entry:
    return Entry(
        decision=decision, as_of_ms=NOW_MS + day * DAY_MS, metrics={"recall@50": recall} if recall else {},
        **({"at_ms": day, "version": f"v{day}"} | more),
    )  # fmt: skip


def test_the_last_accepted_are_one_a_day_the_latest_first():
    entries = [entry(9, 0.9), entry(9, 0.1), entry(8, decision=Decision.REFUSED), entry(7, 0.7), entry(6, 0.6)]
    assert history(entries, 2).usual("recall@50") == (0.8, 2)
    assert history(entries, 7).usual("recall@50") == (0.7, 3)
    assert history(entries, 7).usual("uauc") is None


def test_what_was_rolled_back_is_no_measure_unless_somebody_went_back_to_it():
    back = entry(3, decision=Decision.ROLLED_BACK, version="v1", before="v2")
    again = entry(4, decision=Decision.ROLLED_BACK, version="v2", before="v1")
    assert history([back, entry(2, 0.2), entry(1, 0.1)], 7).usual("recall@50") == (0.1, 1)
    assert history([again, back, entry(2, 0.2), entry(1, 0.1)], 7).usual("recall@50") == (0.2, 1)


def test_what_was_published_when_nothing_was_served_any_more_is_a_new_measure():
    """Refused for a week for being worse than what was, then out: from then on it is what it is."""
    day_8, day_1 = (round(day * DAY_MS) for day in (8.5, 1))
    late = entry(8, 0.2, at_ms=day_8, before="v1")
    old = entry(1, 0.9, at_ms=day_1)
    assert history([late, old], 7).usual("recall@50") == (0.2, 1)
    in_time = entry(8, 0.2, at_ms=day_1 + 6 * DAY_MS, before="v1")
    assert history([in_time, old], 7).usual("recall@50") == (0.55, 2)


def test_after_what_a_person_overruled_only_that_and_what_came_since_counts():
    found = history([entry(4, 0.4), entry(3, 0.3, overruled="a campaign"), entry(2, 0.9), entry(1, 0.9)], 7)
    assert found.usual("recall@50") == (pytest.approx(0.35), 2)
    assert found.overruled == Measured({"recall@50": 0.3})
    assert history([entry(2, 0.9)], 7).overruled is None


def test_numbers_go_into_the_registry_and_come_back_as_they_were():
    one = replace(measured("recall@50", 0.2, 0.1, 0.3) | Measured({"volume": 9.0}), missing={"uauc": "nobody"})
    assert one.flat() == {"recall@50": 0.2, "recall@50.low": 0.1, "recall@50.high": 0.3, "volume": 9.0}
    assert Measured.of_flat(one.flat(), one.missing) == one
