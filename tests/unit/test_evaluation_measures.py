"""Metrics are what their definitions say: worked out by hand, and by plain loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from recommender.evaluation import measures
from recommender.evaluation.exam import exam
from recommender.evaluation.measures import marks
from recommender.evaluation.numbers import numbers
from recommender.evaluation.ranking import NOTHING, best, chances
from tests.fixed_scores import FixedScores
from tests.interaction_logs import a_log, known

NAMES = [f"{name}@{k}" for name in ("recall", "ndcg", "hit", "micro-recall", "coverage", "novelty") for k in (1, 2, 5)]
NAMES.append("uauc")


def measured(train, test, scores, *, users, items, ks=(1, 2, 5), most=0):
    there = known(train, users, items)
    asked = exam(there, test, most, 3)
    return asked, numbers(marks(FixedScores(scores), there, asked, ks, 3), NAMES, 3)


def test_a_viewer_worked_out_by_hand():
    """Watched 0.  Then glad of 2 and 4, shown 1 and 3 besides.  The model's order without 0: 3, 2, 1, 4, 5."""
    train, test = a_log([(0, 0)]), a_log([(0, n) for n in (1, 2, 3, 4)], positive=[False, True, False, True])
    _, found = measured(train, test, [[9, 3, 4, 5, 2, 1]], users=1, items=6)
    ideal = 1 + 1 / math.log2(3)
    expected = {
        "recall@1": 0, "recall@2": 1 / 2, "recall@5": 1,
        "hit@1": 0, "hit@2": 1, "hit@5": 1,
        "micro-recall@1": 0, "micro-recall@2": 1 / 2, "micro-recall@5": 1,
        "ndcg@1": 0, "ndcg@2": 1 / math.log2(3) / ideal, "ndcg@5": (1 / math.log2(3) + 1 / math.log2(5)) / ideal,
        "coverage@1": 1 / 6, "coverage@2": 2 / 6, "coverage@5": 5 / 6,
        "novelty@1": 1, "novelty@2": 1, "novelty@5": 1,
        "uauc": 1 / 4,
    }  # fmt: skip
    assert found.values == pytest.approx(expected)


def test_a_stranger_is_a_miss_and_it_is_told_what_they_would_change():
    train, test = a_log([(0, 0)]), a_log([(0, 1), (1, 1), (1, 2)])
    _, found = measured(train, test, [[0, 2, 1]], users=2, items=3)
    assert found.values["recall@1"] == pytest.approx((1 + 0) / 2)
    assert found.strangers_served["recall@1"] == pytest.approx((1 + 1 / 2) / 2)
    assert found.with_history["recall@1"] == 1
    assert found.values["micro-recall@2"] == pytest.approx(1 / 3)
    assert found.strangers_served["micro-recall@2"] == 1


def test_what_was_watched_is_neither_asked_for_nor_an_answer():
    train, test = a_log([(0, 0), (0, 1)]), a_log([(0, 0), (0, 2)])
    asked, found = measured(train, test, [[3, 2, 1]], users=1, items=3)
    assert asked.wanted.toarray().tolist() == [[0, 0, 1]]
    assert found.values["recall@1"] == 1


def test_what_was_shown_but_not_watched_may_still_be_asked_for():
    train, test = a_log([(0, 0), (0, 1)], weight=[0, 1]), a_log([(0, 0)])
    asked, _ = measured(train, test, [[3, 2, 1]], users=1, items=3)
    assert asked.wanted.toarray().tolist() == [[1, 0, 0]]


def test_who_has_nothing_to_ask_for_is_not_asked():
    test = a_log([(0, 1), (1, 1), (2, 0)], positive=[True, False, True])
    asked, _ = measured(a_log([(2, 0)]), test, [[1, 2]], users=4, items=2)
    assert asked.users.tolist() == [0]


def test_so_many_viewers_are_drawn_and_the_same_ones_again():
    test = a_log([(n, 1) for n in range(50)])
    drawn = [measured(a_log([(0, 0)]), test, [[1, 2]], users=50, items=2, most=9)[0].users.tolist() for _ in range(2)]
    assert len(set(drawn[0])) == 9
    assert drawn[0] == drawn[1] == sorted(drawn[0])


def test_a_repeated_positive_counts_once_and_a_later_refusal_does_not_undo_it():
    test = a_log([(0, 1), (0, 1), (0, 1)], positive=[True, True, False])
    asked, _ = measured(a_log([(0, 0)]), test, [[1, 2]], users=1, items=2)
    assert asked.wanted.toarray().tolist() == [[0, 1]]
    assert asked.shown.nnz == 0


def test_one_item_one_viewer():
    _, found = measured(a_log([(0, 0)], weight=[0]), a_log([(0, 0)]), [[0]], users=1, items=1)
    assert found.strangers_served["recall@5"] == found.values["coverage@5"] == 1
    assert found.values["uauc"] is None
    assert found.intervals["uauc"] is None


def test_without_exposures_there_is_no_uauc_and_equal_scores_are_half_right():
    test = a_log([(0, 0), (0, 1), (0, 2)], positive=[True, False, False])
    _, found = measured(a_log([(1, 0)]), test, [[7, 7, 7]], users=2, items=3)
    assert found.values["uauc"] == 0.5
    _, found = measured(a_log([(1, 0)]), a_log([(0, 0)]), [[7, 7, 7]], users=2, items=3)
    assert found.values["uauc"] is None


def test_equal_scores_are_ordered_by_chance_not_by_number():
    items, viewers = 200, 40
    test = a_log([(user, user) for user in range(viewers)])  # the first items
    _, found = measured(
        a_log([(viewers, items - 1)]), test, [[1.0] * items], users=viewers + 1, items=items, ks=(1, 2, 5, 100)
    )
    assert found.values["coverage@5"] == 5 / items  # everybody gets the same
    lists = best(np.ones((1, items), np.float32), csr_matrix((1, items)), 100, chances(items, 3))
    assert 8 < (lists < viewers).sum() < 32


def test_lists_end_where_nothing_is_left():
    seen = csr_matrix(np.array([[1, 0, 1], [1, 1, 1]]))
    lists = best(np.array([[5, 1, 4], [1, 2, 3]], np.float32), seen, 7, chances(3, 1))
    assert lists.tolist() == [[1, NOTHING, NOTHING], [NOTHING] * 3]


def test_scores_below_nothing_and_without_sign_are_in_order():
    scores = np.array([[-1.0, -2.0, 0.5, -0.0, 0.0, -1e-30, 1e30, -1e30]], np.float32)
    order = best(scores, csr_matrix(scores.shape), 8, np.arange(8)).tolist()[0]
    assert order == [6, 2, 4, 3, 5, 0, 1, 7]


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), float("-inf")])
def test_a_score_that_is_no_number_is_refused(wrong):
    with pytest.raises(ValueError, match="finite"):
        measured(a_log([(0, 0)]), a_log([(0, 1)]), [[0, wrong]], users=1, items=2)


def test_only_so_many_scores_are_held_at_once(monkeypatch):
    monkeypatch.setattr(measures, "SCORES_AT_ONCE", 20)
    model, there = FixedScores([[1, 2, 3, 4]]), known(a_log([(0, 0)]), 30, 4)
    marks(model, there, exam(there, a_log([(n, 1) for n in range(30)]), 0, 1), (2,), 1)
    assert model.most_at_once == 5


views = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 7), st.booleans()), min_size=1, max_size=60)


@given(
    views,
    views,
    st.lists(st.lists(st.integers(-2, 2), min_size=8, max_size=8), min_size=6, max_size=6),
    st.integers(1, 8),
)
def test_numbers_are_those_of_plain_loops(before, after, scores, at_once):
    train = a_log([(u, i) for u, i, _ in before], weight=[float(watched) for *_, watched in before])
    test = a_log([(u, i) for u, i, _ in after], positive=[glad for *_, glad in after])
    there = known(train, 6, 8)
    asked = exam(there, test, 0, 3)
    if not len(asked.users):
        return
    held, measures.SCORES_AT_ONCE = measures.SCORES_AT_ONCE, at_once * 8
    found = numbers(marks(FixedScores(scores), there, asked, (1, 2, 5), 3), NAMES, 3)
    measures.SCORES_AT_ONCE = held
    expected, served = plainly(before, after, scores, chances(8, 3).tolist())
    assert found.values == pytest.approx(expected)
    assert found.strangers_served == pytest.approx(served)


def plainly(before, after, scores, chance):
    """(numbers, numbers with strangers served), one viewer, item and place after the other."""
    watched = {(u, i) for u, i, w in before if w}
    glad = {(u, i) for u, i, g in after if g} - watched
    other = {(u, i) for u, i, _ in after} - glad - watched
    viewers = sorted({u for u, _ in glad})
    with_history = {u for u, _ in watched}
    popular = [sum((u, i) in watched for u in range(6)) for i in range(8)]
    sums: dict[str, list[float]] = {name: [] for name in NAMES}
    wanted, hits, shown, known_hits = (
        0,
        dict.fromkeys((1, 2, 5), 0),
        {k: [] for k in (1, 2, 5)},
        dict.fromkeys((1, 2, 5), 0),
    )
    missed = {name: [] for name in NAMES}
    for u in viewers:
        left = [i for i in range(8) if (u, i) not in watched]
        order = sorted(left, key=lambda i: (-scores[u][i], -chance[i]))
        mine = {i for v, i in glad if v == u}
        wanted += len(mine)
        for k in (1, 2, 5):
            right = [n for n, i in enumerate(order[:k]) if i in mine]
            hits[k] += len(right)
            known_hits[k] += len(right) * (u in with_history)
            shown[k] += order[:k]
            dcg = sum(1 / math.log2(n + 2) for n in right)
            ideal = sum(1 / math.log2(n + 2) for n in range(min(k, len(mine))))
            for name, value in (("recall", len(right) / len(mine)), ("ndcg", dcg / ideal), ("hit", float(bool(right)))):
                sums[f"{name}@{k}"].append(value)
                missed[f"{name}@{k}"].append(value * (u in with_history))
        rest = [i for v, i in other if v == u]
        if rest:
            won = [(scores[u][a] > scores[u][b]) + 0.5 * (scores[u][a] == scores[u][b]) for a in mine for b in rest]
            sums["uauc"].append(sum(won) / len(won))
    served = {name: sum(values) / len(values) for name, values in sums.items() if values}
    served |= {} if sums["uauc"] else {"uauc": None}
    for k in (1, 2, 5):
        served[f"micro-recall@{k}"] = hits[k] / wanted
        bits = [math.log2((len(with_history) + 1) / (popular[i] + 1)) for i in shown[k]]
        served[f"novelty@{k}"] = sum(bits) / len(bits)
    main = served | {name: sum(values) / len(values) for name, values in missed.items() if values}
    main |= {f"micro-recall@{k}": known_hits[k] / wanted for k in (1, 2, 5)}
    main |= {f"coverage@{k}": len(set(shown[k])) / 8 for k in (1, 2, 5)}
    return main, served
