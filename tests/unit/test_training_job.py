"""A training as a whole, on memory twins: what is refused keeps the old version, and the registry tells why."""

from __future__ import annotations

import contextlib
from copy import deepcopy
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from clickhouse_connect.driver.exceptions import ClickHouseError

from domain.recommendations import Version
from recommender.errors import Busy, Raced, Refused
from recommender.learning.weights import Weights
from recommender.publication.publish import meta_of
from recommender.publication.roll_back import roll_back
from recommender.training import job
from recommender.training.order import Order
from recommender.training.outcome import Report
from recommender.training.registry import Decision, Entry
from tests.breaking import Crash
from tests.memory_recommendations import BreakingStore, MemoryRecommendationStore
from tests.training_twin import DAY_MS, MIDNIGHT_MS, QUICK, SMALL, Doings, MemoryRegistry, two_tastes_daily

DOINGS, FEW = two_tastes_daily(), two_tastes_daily(viewers=4, dramas=40)
# one fit of hardly anything, for tests of what happens around it
HASTY = msgspec.structs.replace(QUICK, factors=2, iterations=1, regularizations=(0.2,), frequency_regularization=0.0)
NOW_MS = MIDNIGHT_MS + 3_600_000


@pytest.fixture
def store() -> MemoryRecommendationStore:
    return MemoryRecommendationStore()


@pytest.fixture
def models() -> MemoryRegistry:
    return MemoryRegistry()


def trained(
    store, models, doings: Doings = DOINGS, overrule: str = "", weights: Weights = QUICK, **more: object
) -> Report:
    order = Order(limits=SMALL, overrule=overrule)
    return job.run(doings, store, models, NOW_MS, weights, order=order, wait_s=0, **more)


def hastily(store, models, doings: Doings = FEW) -> Report:
    """A training whose model is not what the test is about."""
    return trained(store, models, doings, weights=HASTY)


def scrambled(doings: Doings, seed: int = 1) -> Doings:
    """Learns from dramas under wrong numbers, as a slip in reading would make it; the days are read right."""

    class Scrambled(Doings):
        def snapshot(self, as_of_ms: int, weights: Weights):
            wrong = np.random.default_rng(seed).permutation(61)
            return replace(doings, drama=1 + wrong[doings.drama]).snapshot(as_of_ms, weights)

    return Scrambled(**vars(doings))


def served(store: MemoryRecommendationStore) -> Version:
    """The version that is served is whole."""
    version = Version.parse(store.current)
    assert meta_of(store, store.current) is not None
    assert all(store.block_sizes(version))
    return version


def test_a_training_is_measured_and_kept_with_all_it_needs_to_be_repeated(store, models):
    report = trained(store, models)
    (entry,) = models.entries
    assert (entry.decision, entry.version, entry.reason, entry.overruled) == ("published", store.current, "", "")
    assert entry.metrics == report.metrics
    assert entry.metrics["recall@50.low"] <= entry.metrics["recall@50"] <= entry.metrics["recall@50.high"]
    assert entry.metrics.keys() >= {"ndcg@20", "hit@10", "uauc", "item-hit@10", "coverage@20", "top-item@10", "listed",
                                    "volume", "trend.hit@10", "popularity.hit@10", "over_trend.hit@10"}  # fmt: skip
    assert entry.not_measured == {}
    assert msgspec.json.decode(entry.limits, type=type(SMALL)) == SMALL
    assert msgspec.json.decode(entry.weights, type=Weights) == QUICK
    assert len(entry.snapshot) == 64
    assert entry.since_ms < entry.as_of_ms == NOW_MS
    assert set(entry.seconds) == {"read", "learn", "examine", "publish"}
    assert "recall@50 of the last full day: personal lists" in report.sentence()


def test_the_same_rows_are_accepted_again_and_give_the_same_numbers(store, models):
    assert trained(store, models).metrics == trained(store, models).metrics


def test_a_worse_model_is_refused_and_the_old_version_served_on(store, models):
    before = trained(store, models).version
    with pytest.raises(Refused, match=r"ndcg@20 of the last full day is .* the last accepted one had"):
        trained(store, models, scrambled(DOINGS))
    assert str(served(store)) == before
    assert store.unread == ""
    refused = models.entries[-1]
    assert (refused.decision, refused.version, refused.before) == ("refused", "", before)
    assert "ndcg@20" in refused.reason
    assert refused.metrics["ndcg@20.high"] < models.entries[0].metrics["ndcg@20"]


def test_a_person_may_publish_what_the_gate_doubts_and_the_registry_tells_why(store, models):
    before = trained(store, models).version
    report = trained(store, models, scrambled(DOINGS), overrule="the numbers of dramas have changed")
    assert store.current == report.version != before
    entry = models.entries[-1]
    assert (entry.decision, entry.overruled) == (Decision.PUBLISHED, "the numbers of dramas have changed")
    assert "ndcg@20" in entry.reason
    assert "overruled: " in report.sentence()
    trained(store, models, scrambled(DOINGS))  # from then on that is what is usual
    assert models.entries[-1].overruled == ""


def test_who_overrules_where_nothing_is_doubted_overrules_nothing(store, models):
    trained(store, models, overrule="to be sure")
    assert (models.entries[-1].overruled, models.entries[-1].reason) == ("", "")


def test_nobody_overrules_what_is_no_number_or_empty(store, models, monkeypatch):
    before = trained(store, models).version
    with pytest.raises(Refused, match="nobody has watched"):
        trained(store, models, DOINGS.where(DOINGS.user < 0), overrule="all the same")
    monkeypatch.setattr(job, "train", lambda *_: replace(learnt, whole=False))
    learnt = trained_model()
    with pytest.raises(Refused, match="not a number"):
        trained(store, models, overrule="all the same")
    assert str(served(store)) == before
    assert [entry.decision for entry in models.entries] == ["published", "refused", "refused"]


def trained_model():
    from recommender.learning.model import train

    return train(DOINGS.snapshot(NOW_MS, QUICK), QUICK)


def test_half_of_the_viewers_and_a_day_of_little_are_refused(store, models):
    trained(store, models)
    with pytest.raises(Refused, match="30 viewers, fewer than half of the 80"):
        trained(store, models, DOINGS.where(DOINGS.user <= 30))
    little = DOINGS.where((DOINGS.at_ms < MIDNIGHT_MS - DAY_MS) | (DOINGS.user % 4 == 0))
    with pytest.raises(Refused, match="60 watches on the last full day; a usual one of the week before had 240"):
        trained(store, models, little)


@pytest.mark.parametrize("rows", [[(7, 3)], [(7, 1), (7, 2)], [(1, 5), (2, 5)], [(u, 9) for u in range(1, 30)]])
def test_hardly_anything_is_published_and_what_could_not_be_measured_is_told(store, models, rows):
    user, drama = (np.array(column) for column in zip(*rows, strict=True))
    tiny = Doings(user, drama, np.full(len(rows), NOW_MS - 5), np.ones(len(rows), bool))
    report = hastily(store, models, tiny)
    assert store.current == report.version
    assert models.entries[-1].not_measured.keys() >= {"lists", "coverage@20", "top-item@10", "volume"}
    assert "before 2026-09-21, the last full day" in models.entries[-1].not_measured["lists"]
    assert "not measured: volume" in report.sentence()
    hastily(store, models, tiny)


@pytest.mark.parametrize(("days", "measured"), [(1, False), (2, False), (3, True)])
def test_a_model_that_knows_one_day_is_not_held_against_the_crowds_list(store, models, days, measured):
    trained(store, models, DOINGS.where(DOINGS.at_ms >= MIDNIGHT_MS - days * DAY_MS))
    (entry,) = models.entries
    assert ("recall@50" in entry.metrics) is measured
    assert ("lists" in entry.not_measured) is not measured
    if days == 2:
        assert "goes back 2" in entry.not_measured["lists"]
        assert entry.not_measured["lists"].endswith("hours; 40 are needed")


def test_all_equal_scores_are_refused(store, models, monkeypatch):
    learnt = trained_model()
    alike = replace(learnt.vectors, viewers=learnt.vectors.viewers * 0 + 1, dramas=learnt.vectors.dramas * 0 + 1)
    monkeypatch.setattr(job, "train", lambda *_: replace(learnt, vectors=alike))
    with pytest.raises(Refused, match="all scores of a list are equal"):
        trained(store, models, overrule="all the same")


@pytest.mark.parametrize("after", [False, True])
def test_a_training_that_dies_at_any_write_leaves_a_whole_version_and_the_next_one_publishes(after):
    published = MemoryRecommendationStore()
    hastily(published, MemoryRegistry())
    at, done = 0, False
    while not done:
        at += 1
        twin, models = deepcopy(published), MemoryRegistry()
        breaking = BreakingStore(twin, at, after=after)
        with contextlib.suppress(Crash):
            hastily(breaking, models)
        done = not breaking.broke
        before = str(served(twin))
        twin.locks.clear()  # it runs out
        assert before != hastily(twin, models).version == twin.current
    assert at > 4


class Dies(MemoryRegistry):
    def latest(self, most: int = 0):
        raise Crash


def test_a_training_that_dies_in_its_exam_has_written_nothing(store, models):
    before = hastily(store, models).version
    with pytest.raises(Crash):
        hastily(store, Dies(models.entries))
    assert store.pointers() == (before, "", "")
    assert list(store.blocks) == [before]


def test_two_do_not_train_at_once(store, models):
    class Meanwhile(Doings):
        def day(self, span, weights):
            with pytest.raises(Busy):
                hastily(store, models)
            return super().day(span, weights)

    report = hastily(store, models, Meanwhile(**vars(FEW)))
    assert [entry.version for entry in models.entries] == [report.version]


def test_who_rolls_back_during_the_exam_wins(store, models):
    first, _ = hastily(store, models).version, hastily(store, models)

    class Meanwhile(Doings):
        def day(self, span, weights):
            roll_back(store, "worse")
            return super().day(span, weights)

    with pytest.raises(Raced):
        hastily(store, models, Meanwhile(**vars(FEW)))
    assert store.current == first


def test_a_registry_that_does_not_answer_stops_nobody_and_is_told(store):
    class Away(MemoryRegistry):
        def add(self, entry: Entry) -> None:
            raise ClickHouseError("away")

        def latest(self, most: int = 0):
            raise ClickHouseError("away")

    report = hastily(store, Away())
    assert report.not_measured["earlier versions"] == "the registry does not answer"
    assert store.current == report.version


def test_what_came_of_it_is_told_refused_or_not(store, models):
    told = []
    trained(store, models, tell=told.append)
    with pytest.raises(Refused):
        trained(store, models, scrambled(DOINGS), tell=told.append)
    with pytest.raises(Refused):
        trained(store, models, DOINGS.where(DOINGS.user < 0), tell=told.append)
    assert [(one.entry.decision, one.made is None) for one in told] == [
        ("published", False), ("refused", False), ("refused", True),
    ]  # fmt: skip
    assert [one.version for one in told[1].before] == [models.entries[0].version]
