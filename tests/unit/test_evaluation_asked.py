"""What may be typed for --k, --metrics and --best-by."""

from __future__ import annotations

import pytest

from recommender.evaluation.asked import asked
from recommender.evaluation.unfit import Unfit


def test_a_metric_is_asked_for_at_each_length_or_at_its_own():
    found = asked(["5,10"], ["recall", "hit@1,uauc"], "recall@5")
    assert found.names == ("recall@5", "recall@10", "hit@1", "uauc")
    assert found.ks == (1, 5, 10)
    assert not found.lists


def test_nothing_typed_is_everything():
    found = asked()
    assert found.ks == (10, 20, 50)
    assert found.lists
    assert {
        "recall@20",
        "ndcg@20",
        "hit@10",
        "micro-recall@50",
        "coverage@20",
        "novelty@20",
        "uauc",
        "item-hit@10",
    } <= set(found.names)


def test_what_says_who_is_best_is_always_measured():
    assert asked(["20"], ["coverage"]).names == ("coverage@20", "ndcg@20")
    assert asked(["5,7"]).best_by == "ndcg@7"
    assert asked(["5"], ["hit"], "recall@30").ks == (5, 30)
    assert asked([], [], "uauc").best_by == "uauc"


@pytest.mark.parametrize(
    ("ks", "metrics", "best_by", "why"),
    [
        (["0"], [], "", "k is a whole number"),
        (["ten"], [], "", "k is a whole number"),
        (["1001"], [], "", "1 to 1,000"),
        ([], ["precision"], "", "no metric 'precision'"),
        ([], ["uauc@10"], "", "no metric"),
        ([], ["recall@"], "", "k is a whole number"),
        ([], [], "novelty@10", "cannot say who is best"),
        (["5,7"], [], "recall", "with one @k"),
    ],
)
def test_what_there_is_not_is_refused(ks, metrics, best_by, why):
    with pytest.raises(Unfit, match=why):
        asked(ks, metrics, best_by)
