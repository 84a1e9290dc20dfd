"""What people also watched is made anew between trainings: all lists of the version that is served at once, or none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest

from domain.catalogue import EMPTY
from domain.recommendations import Version, unpack
from recommender.errors import Busy, Raced, Refused
from recommender.learning import snapshot
from recommender.learning.snapshot import Pairs, Snapshot
from recommender.publication.publish import meta_of
from recommender.publication.roll_back import roll_back
from recommender.refresh import item_lists
from recommender.refresh.item_lists import Report
from tests.builders import a_catalogue
from tests.memory_recommendations import MemoryRecommendationStore
from tests.served_version import train
from tests.snapshots import NOW_MS, two_tastes, watches

NEW = 90  # came after the training


@pytest.fixture
def store() -> MemoryRecommendationStore:
    twin = MemoryRecommendationStore()
    train(twin, 1)
    return twin


@pytest.fixture(autouse=True)
def known(monkeypatch: pytest.MonkeyPatch) -> dict[str, Snapshot]:
    """What ClickHouse has; by now everybody watches NEW together with drama 1."""
    before = two_tastes()
    entries = list(zip(before.watches.user_id.tolist(), before.watches.drama.tolist(), strict=True))
    entries += [(user, NEW) for user in range(1, 61)] + [(user, 1) for user in range(1, 61) if (user, 1) not in entries]
    a, b, weight = before.pairs.a, before.pairs.b, before.pairs.weight
    pairs = Pairs(
        np.append(a, [1, NEW]).astype(np.int32),
        np.append(b, [NEW, 1]).astype(np.int32),
        np.append(weight, [60, 60]).astype(np.float32),
    )
    found = {"now": Snapshot(NOW_MS, watches(*entries), pairs)}
    monkeypatch.setattr(snapshot, "read", lambda *_: found["now"])
    return found


def run(store: Any) -> Report:
    return item_lists.run(Mock(), store, a_catalogue(), NOW_MS)


def list_of(store: MemoryRecommendationStore, index: int, version: str = "") -> tuple[int, ...]:
    (packed,) = store.lists(Version.parse(version or store.current), [index])
    return unpack(packed or b"")


def test_what_is_watched_together_by_now_is_listed_together(store):
    assert NEW not in list_of(store, 1)
    assert list_of(store, NEW) == ()
    report = run(store)
    assert NEW in list_of(store, 1)
    assert list_of(store, NEW)[0] == 1
    meta = meta_of(store, store.current)
    assert meta is not None
    assert meta.lists == report.lists == store.list_count(Version.parse(store.current)) == report.before + 1
    assert store.locks == {}


def test_a_version_with_new_lists_is_still_whole(store):
    first = store.current
    run(store)
    train(store, 2)
    assert NEW not in list_of(store, 1)
    assert roll_back(store, "").version == first
    assert NEW in list_of(store, 1)


@pytest.mark.parametrize("what", ["another version", "lock"])
def test_who_is_overtaken_replaces_nothing(store, what):
    class Overtaken(MemoryRecommendationStore):
        def relist(self, version, lists, meta, hold):
            if what == "lock":
                self.locks.clear()
            else:
                train(self, 2)
            return super().relist(version, lists, meta, hold)

    first = store.current
    twin = Overtaken(**vars(store))
    with pytest.raises(Raced):
        run(twin)
    assert NEW not in list_of(twin, 1)
    assert NEW not in list_of(twin, 1, first)


def test_far_fewer_lists_than_before_are_refused(store, known):
    before = dict(store.items[store.current])
    few = known["now"].watches
    kept = few.drama == 1
    known["now"] = replace(
        known["now"], watches=type(few)(**{name: column[kept] for name, column in vars(few).items()})
    )
    with pytest.raises(Refused, match="fewer than half"):
        run(store)
    known["now"] = replace(known["now"], watches=type(few)(**{name: column[:0] for name, column in vars(few).items()}))
    with pytest.raises(Refused, match="0 lists"):
        run(store)
    assert store.items[store.current] == before


def test_without_a_catalogue_the_lists_that_are_there_stay(store):
    before = dict(store.items[store.current])
    with pytest.raises(Refused, match="juliu catalogue import"):
        item_lists.run(Mock(), store, EMPTY, NOW_MS)
    assert store.items[store.current] == before


def test_nothing_is_made_for_nobody_or_twice_at_once(store):
    with pytest.raises(Refused, match="train first"):
        run(MemoryRecommendationStore())
    hold = store.lock("lists", "another", 60)
    with pytest.raises(Busy):
        run(store)
    store.unlock(hold)
    assert run(store).lists
