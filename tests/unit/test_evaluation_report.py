"""What is told of a measured model: the document for programs, and a page that needs nothing and believes no title."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import msgspec
import pytest

from recommender.evaluation.asked import asked
from recommender.evaluation.curves import Curve, drawing
from recommender.evaluation.kept import Plan
from recommender.evaluation.numbers import Numbers
from recommender.evaluation.report import page
from recommender.evaluation.run import Outcome, best_of
from recommender.evaluation.sitting import Sitting, curve, sit
from tests.fixed_scores import FixedScores
from tests.interaction_logs import a_log

EVIL = "<script>alert('x')</script>&"
WANTED = asked(["2"], ["recall", "coverage", "item-lists"], "recall@2")


def a_sitting(recall: float | None = 0.5, valid: float | None = None) -> Sitting:
    def told(value):
        return Numbers(
            {"recall@2": value, "coverage@2": 0.25}, {"recall@2": value and (value - 0.1, value + 0.1)}, {}, {}
        )

    on = {"test": told(recall)} | ({"valid": told(valid)} if valid is not None else {})
    return Sitting(on, 1.5, 2.5, 0.5, 77.0, [(1, 0.25), (4, 1.0)], [[1]])


def an_outcome(**models) -> Outcome:
    span = {"rows": 9, "from_ms": 0, "to_ms": 86_400_000}
    test = {**span, "users_asked": 3, "users_with_history": 2, "positives": 5, "exposures_besides": 1}
    return Outcome(
        best="good", best_by="recall@2", best_on="test", models=models or {"good": a_sitting(), EVIL: a_sitting(0.25)},
        failed={"large": EVIL}, log={"users": 3, "items": 4, "train": span, "test": test},
        curve=[(1, 0.5), (4, 1.0)], samples=[EVIL], named={"good": [[EVIL, "b"]]},
    )  # fmt: skip


def test_a_model_sits_its_exams_and_all_that_was_asked_is_told():
    train, test = a_log([(0, 0), (1, 1), (2, 0)]), a_log([(0, 1), (0, 2), (1, 2)])
    plan = Plan(WANTED, users=3, items=3, exams=("test",), most=0, seed=1, samples=(0, 2))
    found = sit(FixedScores([[1, 3, 2]]), plan, train, {"test": test})
    assert found.on["test"].values["recall@2"] == pytest.approx(1)
    assert set(found.on["test"].values) == set(WANTED.names)
    assert found.samples == [[1, 2], [1, 0]]
    assert found.curve[-1] == (3, 1)
    assert found.fit_seconds >= 0


def test_item_lists_are_measured_on_the_next_positive_of_a_session():
    train, test = a_log([(0, 0)]), a_log([(1, 0), (1, 1)], ts_ms=[0, 60_000])
    plan = Plan(WANTED, users=2, items=30, exams=("test",), most=0, seed=1)
    good, bad = ([2.0 + (n == 1) for n in range(30)], [2.0 - (n == 1) for n in range(30)])
    for scores, hit in ((good, 1), (bad, 0)):
        found = sit(FixedScores([scores]), plan, train, {"test": test}).on["test"]
        assert found.values["item-hit@10"] == found.values["item-ips-hit@10"] == hit
        assert found.intervals["item-hit@10"] == (hit, hit)
    without = sit(FixedScores([good]), plan, train, {"test": test.where(test.item == 1)}).on["test"]
    assert without.values["item-hit@10"] is None


def test_item_lists_count_each_item_alike_when_weighted_and_ask_only_who_is_asked():
    """Two were glad of the listed 1 after 0, one of 29, which is not listed: 2 of 3, and one of two items."""
    test = a_log([(u, i) for u, then in ((1, 1), (2, 1), (3, 29)) for i in (0, then)], ts_ms=[0, 1] * 3)
    model, train = FixedScores([[30.0 - n for n in range(30)]]), a_log([(0, 0)])
    plan = Plan(WANTED, users=4, items=30, exams=("test",), most=0, seed=1)
    values = sit(model, plan, train, {"test": test}).on["test"].values
    assert values["item-hit@10"] == pytest.approx(2 / 3)
    assert values["item-ips-hit@10"] == pytest.approx(1 / 2)
    few = sit(model, msgspec.structs.replace(plan, most=1), train, {"test": test}).on["test"]
    assert few.values["item-hit@10"] in (0, 1)


def test_the_best_is_chosen_on_the_part_that_it_says():
    models = {"a": a_sitting(0.9, 0.1), "b": a_sitting(0.1, 0.2), "c": a_sitting(None, None)}
    assert best_of(models, "test", "recall@2") == "a"
    models = {"a": a_sitting(0.9, 0.1), "b": a_sitting(0.1, 0.2)}
    assert best_of(models, "valid", "recall@2") == "b"
    assert best_of({}, "test", "recall@2") is None


def test_the_document_has_a_models_numbers_side_by_side():
    found = an_outcome(good=a_sitting(0.5, 0.4)).document()
    assert (found["best"], found["best_by"], found["best_on"]) == ("good", "recall@2", "test")
    good = found["models"]["good"]
    assert (good["recall@2"], good["fit_seconds"], good["cpu_seconds"], good["peak_mb"]) == (0.5, 1.5, 2.5, 77)
    assert good["intervals"]["recall@2"] == pytest.approx((0.4, 0.6))
    assert good["valid"]["recall@2"] == 0.4
    assert found["models"]["large"] == {"error": EVIL}
    msgspec.json.encode(found)


def test_the_page_shows_names_as_text():
    text = page(an_outcome(), WANTED)
    assert "<script" not in text
    assert text.count("&lt;script&gt;") >= 5  # model, legend, error, sample, its list
    text = page(an_outcome(), WANTED, {EVIL: "重生 <b>"})
    assert "重生 &lt;b&gt;" in text


def test_the_page_has_numbers_with_intervals_and_needs_nothing_else():
    text = page(an_outcome(), WANTED)
    assert "0.5000<small>0.4000–0.6000</small>" in text
    assert "0.2500" in text
    assert "77.0" in text
    assert not re.search(r"(src|href)=|@import|url\(|https?://(?!www\.w3\.org/2000/svg)", text)


def test_the_picture_is_well_formed_also_where_there_is_nothing_to_draw():
    for curves in ([], [Curve(EVIL, [])], [Curve("a", [(1, 1.0)])], [Curve("a", [(1, 0.2), (1000, 1.0)], dashed=True)]):
        root = ET.fromstring(drawing(curves))
        assert len(root.findall("{*}polyline")) == len(curves)


def test_a_curve_goes_up_to_all_of_it():
    assert curve(a_log([(0, 0)]).item * 0) == []
    found = curve(a_log([(0, 8), (0, 1), (0, 1)]).item)
    assert found == [(1, 0.8), (2, 0.9), (3, 1.0)]
