"""A version of recommendations that is served, in memory; learnt once of two tastes."""

from __future__ import annotations

from functools import cache

from recommender.learning import model
from recommender.learning.model import Recommendations
from recommender.learning.snapshot import Snapshot
from recommender.publication.publish import content, publish
from tests.memory_recommendations import MemoryRecommendationStore
from tests.snapshots import two_tastes
from tests.training_twin import QUICK


@cache
def learnt(viewers: int, dramas: int) -> tuple[Snapshot, Recommendations]:
    """Once for all tests: learning takes longer than all that is done with it."""
    known = two_tastes(viewers, dramas)
    return known, model.train(known, QUICK)


def train(store: MemoryRecommendationStore, number: int, viewers: int = 60, dramas: int = 40) -> str:
    """Publish what was learnt of so many as version `number`; its name."""
    known, made = learnt(viewers, dramas)
    hold = store.lock("train", "me", 60)
    assert hold
    stored = content(made, len(known.watches), f"{number:08x}", 5, QUICK)
    publish(store, made, stored, hold, store.current)
    store.unlock(hold)
    return str(stored.version)
