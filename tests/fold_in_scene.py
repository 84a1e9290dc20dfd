"""A version that is served and viewers who were active since, for tests of the fold-in."""

from __future__ import annotations

from dataclasses import dataclass
from unittest.mock import Mock

import numpy as np
import pytest

from domain.recommendations import Version, block_of, find
from recommender.learning.snapshot import Cooling, Snapshot
from recommender.refresh import active, fold_in
from recommender.refresh.fold_in import Report
from tests import served_version
from tests.memory_cooling import MemoryCoolingStore
from tests.memory_recommendations import MemoryRecommendationStore
from tests.snapshots import NOW_MS, pairs, watches
from tests.training_twin import QUICK

VIEWERS = 100
NONE = np.zeros(0, np.int64)
NOTHING_COOLS = Cooling(NONE, NONE.astype(np.int32))
STRANGER = 7_777
AT_MS = NOW_MS + 7_200_000  # of a run: two hours after the training


@dataclass
class Scene:
    """A version that is served, and viewers who were active since."""

    store: MemoryRecommendationStore
    known: Snapshot
    hidden: MemoryCoolingStore
    disliked: active.Cells = (NONE, NONE.astype(np.int32))
    cooling: Cooling = NOTHING_COOLS
    until_ms: int = AT_MS - 5  # the latest that was received

    def run(self, **over: object) -> Report:
        scene = {**vars(self), **over}
        return fold_in.run(Mock(), scene["store"], scene["hidden"], AT_MS)

    def list_of(self, user: int, version: str = "") -> tuple[int, ...] | None:
        at = Version.parse(version or self.store.current)
        return find(self.store.blocks[str(at)][block_of(user, at.blocks)], user)


def train(store: MemoryRecommendationStore, number: int) -> str:
    """Publish a version of VIEWERS; its name."""
    return served_version.train(store, number, VIEWERS, 60)


def odd(indexes: tuple[int, ...] | None) -> int:
    """Of the first ten."""
    assert indexes is not None
    return sum(index % 2 for index in indexes[:10])


def a_scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    """Viewer 2 (of even tastes) has turned to odd dramas, and so has a stranger."""
    entries = [(user, index) for user in (2, STRANGER) for index in (1, 3, 5, 7, 9, 11, 13)]
    known = Snapshot(NOW_MS, watches(*entries, seen=np.ones(len(entries), bool)), pairs({(1, 2): 1.0}))
    scene = Scene(MemoryRecommendationStore(), known, MemoryCoolingStore())
    train(scene.store, 1)

    def read(client: object, as_of_ms: int, weights: object, since_ms: int, dramas: int) -> active.Active:
        return active.of(scene.known, scene.disliked, scene.cooling, QUICK, dramas, until_ms=scene.until_ms)

    monkeypatch.setattr(active, "read", read)
    return scene
