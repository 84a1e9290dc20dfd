"""Publishing: whatever happens to the publisher, what is served is one whole version."""

from __future__ import annotations

import contextlib
import tracemalloc
from dataclasses import replace
from typing import ClassVar
from unittest.mock import Mock

import numpy as np
import pytest
from redis.exceptions import RedisError

from domain.recommendations import PER_VIEWER, Version, block_of, find, unpack
from recommender.errors import NotWhole, Raced, Refused
from recommender.learning import model
from recommender.learning.folding import Folding
from recommender.learning.model import Recommendations
from recommender.learning.weights import WEIGHTS
from recommender.publication.publish import Content, content, meta_of, publish
from recommender.publication.roll_back import roll_back
from recommender.publication.store import Hold, RecommendationStore
from recommender.training.registry import Decision
from tests.breaking import Crash
from tests.memory_recommendations import BreakingStore, MemoryRecommendationStore
from tests.snapshots import two_tastes

HOLD = Hold("train", 1, "me")  # of the first who takes the lock
VIEWERS = 100


def learnt(number: int, viewers: int = VIEWERS) -> Recommendations:
    """Version `number`: every list begins with that dense index."""
    personal = np.zeros((viewers, 5), np.uint16)
    personal[:, 0], personal[:, 1] = number, np.arange(1, viewers + 1)
    also = {index: np.array([number, index + 1], np.uint16) for index in range(1, 30)}
    return Recommendations(number, np.arange(1, viewers + 1), personal, also, 30, True)


def stored(number: int, viewers: int = VIEWERS) -> Content:
    return content(learnt(number, viewers), 1_000, f"{number:08x}", 5, WEIGHTS)


def put(store: RecommendationStore, number: int, viewers: int = VIEWERS) -> None:
    publish(store, learnt(number, viewers), stored(number, viewers), HOLD, store.pointers().current)


def served(store: RecommendationStore, viewers: int = VIEWERS) -> int:
    """The number of the version that is served, after reading all of it as the feed does."""
    version = Version.parse(store.pointers().current)
    numbers = set()
    for user in range(1, viewers + 1):
        block = store.block(version, block_of(user, version.blocks))
        assert block is not None
        number, own = find(block, user)
        assert own == user
        numbers.add(number)
    for index, packed in zip(range(1, 30), store.lists(version, range(1, 30)), strict=True):
        assert packed is not None
        number, other = unpack(packed)
        assert other == index + 1
        numbers.add(number)
    meta = meta_of(store, str(version))
    assert meta is not None
    assert meta.viewers == viewers
    (number,) = numbers
    return number


@pytest.fixture
def store() -> MemoryRecommendationStore:
    twin = MemoryRecommendationStore()
    assert twin.lock(HOLD.task, HOLD.owner, 60) == HOLD
    return twin


def test_every_viewer_and_drama_is_served_the_new_version_and_the_one_before_is_kept(store):
    for number in (1, 2, 3):
        put(store, number)
        assert served(store) == number
    assert store.pointers().previous == str(stored(2).version)
    assert set(store.blocks) == {str(stored(2).version), str(stored(3).version)}
    assert set(store.metas) == set(store.blocks) == set(store.items)


@pytest.mark.parametrize("after", [False, True])
def test_a_publisher_that_dies_anywhere_leaves_a_whole_version_and_the_next_one_clears_up(after):
    at = 0
    while True:
        at += 1
        twin = MemoryRecommendationStore()
        assert twin.lock(HOLD.task, HOLD.owner, 60) == HOLD
        put(twin, 1)
        put(twin, 2)
        breaking = BreakingStore(twin, at, after=after)
        with contextlib.suppress(Crash):
            put(breaking, 3)
        assert served(twin) in (2, 3)
        put(twin, 4)
        assert served(twin) == 4
        assert len(twin.blocks) <= 3
        put(twin, 5)
        put(twin, 6)
        assert set(twin.blocks) == set(twin.items) == set(twin.metas) == {str(stored(n).version) for n in (5, 6)}
        if not breaking.broke:
            break
    assert at > 5


def test_who_was_overtaken_publishes_nothing(store):
    put(store, 1)

    class Overtaken(MemoryRecommendationStore):
        def put_meta(self, version, meta):
            super().put_meta(version, meta)
            self.current = "somebody-else's"

    twin = Overtaken(**vars(store))
    with pytest.raises(Raced):
        put(twin, 2)
    assert twin.current == "somebody-else's"


def test_who_lost_the_lock_publishes_nothing(store):
    put(store, 1)
    store.unlock(HOLD)
    assert store.lock(HOLD.task, "another", 60)
    with pytest.raises(Raced):
        put(store, 2)
    assert served(store) == 1


@pytest.mark.parametrize("family", ["blocks", "items"])
def test_what_is_read_back_wrong_is_not_served(store, family):
    put(store, 1)

    class Forgetful(MemoryRecommendationStore):
        def put_meta(self, version, meta):
            super().put_meta(version, meta)
            kept = getattr(self, family)[str(version)]
            kept.pop(max(kept))

    with pytest.raises(NotWhole):
        put(Forgetful(**vars(store)), 2)
    assert served(store) == 1


@pytest.mark.parametrize("spoil", [lambda chunks: chunks[:-1], lambda chunks: [b"x" + chunks[0][1:], *chunks[1:]]])
def test_factors_that_are_read_back_wrong_are_not_served(store, spoil):
    class Damaging(MemoryRecommendationStore):
        def put_model(self, version, chunks):
            super().put_model(version, spoil(chunks))

    made = model.train(two_tastes(), WEIGHTS)
    wanted = content(made, 1_000, "00000001", 5, WEIGHTS)
    assert Folding.unpack(wanted.model).dramas.shape == made.vectors.dramas[:, :-1].shape
    with pytest.raises(NotWhole, match="factors"):
        publish(Damaging(**vars(store)), made, wanted, HOLD, "")
    publish(store, made, wanted, HOLD, "")
    assert store.model(wanted.version) == wanted.model


def test_a_block_of_the_right_size_with_other_bytes_is_noticed(store):
    class Damaging(MemoryRecommendationStore):
        def put_blocks(self, version, blocks):
            super().put_blocks(version, {number: block[:-1] + b"\xff" for number, block in blocks.items()})

    with pytest.raises(NotWhole):
        put(Damaging(**vars(store)), 2)


def test_what_is_no_number_is_refused_before_anything_is_written(store):
    put(store, 1)
    over = store.pointers().current
    with pytest.raises(Refused, match="not a number"):
        publish(store, replace(learnt(2), whole=False), stored(2), HOLD, over)
    assert served(store) == 1
    assert list(store.blocks) == [str(stored(1).version)]


def test_a_pointer_that_is_no_version_does_not_stop_publishing(store):
    store.current, store.previous, store.unread = "nonsense", "more nonsense", "and more"
    put(store, 1)
    assert served(store) == 1


def test_a_roll_back_serves_the_version_before_whole_and_doing_it_again_undoes_it(store):
    put(store, 1)
    put(store, 2)
    entry = roll_back(store, "worse")
    assert served(store) == 1
    assert (entry.version, entry.decision, entry.reason) == (store.pointers().current, Decision.ROLLED_BACK, "worse")
    assert roll_back(store, "not worse").before == entry.version
    assert served(store) == 2


def test_after_a_roll_back_the_next_version_is_published_and_the_bad_one_goes(store):
    put(store, 1)
    put(store, 2)
    bad = roll_back(store, "").before
    put(store, 3)
    assert served(store) == 3
    assert store.meta(Version.parse(bad)) is None
    roll_back(store, "")
    assert served(store) == 1


def test_there_is_no_way_back_to_nothing_or_to_what_has_expired(store):
    with pytest.raises(Refused, match="no version before"):
        roll_back(store, "")
    put(store, 1)
    with pytest.raises(Refused, match="no version before"):
        roll_back(store, "")
    put(store, 2)
    before = store.pointers()
    store.drop(Version.parse(before.previous))
    with pytest.raises(Refused, match="not whole any more"):
        roll_back(store, "")
    assert store.pointers() == before


def test_a_training_that_began_before_a_roll_back_publishes_nothing(store):
    put(store, 1)
    put(store, 2)
    over = store.pointers().current  # a training begins, and learns for minutes
    back = roll_back(store, "worse")
    with pytest.raises(Raced, match="served by now"):
        publish(store, learnt(3), stored(3), HOLD, over)
    assert served(store) == 1
    assert store.pointers().current == back.version


def test_what_could_not_be_cleared_up_is_published_all_the_same(store, monkeypatch):
    put(store, 1)
    put(store, 2)
    monkeypatch.setattr(store, "drop", Mock(side_effect=RedisError("away")))
    put(store, 3)
    assert served(store) == 3


def test_publishing_holds_a_batch_at_a_time_and_not_all_lists_twice():
    class Elsewhere(MemoryRecommendationStore):
        """Blocks are another machine's memory: here only their sizes are noted."""

        sizes: ClassVar[list[int]] = []

        def put_blocks(self, version, blocks):
            self.sizes.extend(map(len, blocks.values()))

        def block_sizes(self, version):
            return self.sizes

        def block(self, version, number):
            return many.blocks[number]

    rng = np.random.default_rng(1)
    lists = rng.integers(1, 1_000, (100_000, PER_VIEWER), np.uint16)
    made = Recommendations(1, np.arange(100_000), lists, {1: np.ones(1, np.uint16)}, 1_000, True)
    store = Elsewhere()
    assert store.lock(HOLD.task, HOLD.owner, 60) == HOLD
    tracemalloc.start()
    try:
        many = content(made, 1_000, "00000001", 5, WEIGHTS)
        publish(store, made, many, HOLD, "")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert sum(store.sizes) > lists.nbytes
    assert peak < lists.nbytes / 2


def test_who_lost_the_lock_takes_nothing_away_from_who_is_about_to_publish(store):
    put(store, 1)
    over = store.current
    store.locks.clear()  # ours ran out: we were frozen, or learnt for too long
    other = store.lock("train", "other", 60)

    class AboutToSwitch(MemoryRecommendationStore):
        def switch(self, expected, new, hold):
            with pytest.raises(Raced):
                publish(store, learnt(2), stored(2), HOLD, over)
            return super().switch(expected, new, hold)

    twin = AboutToSwitch()
    twin.__dict__ = vars(store)  # one and the same store
    publish(twin, learnt(3), stored(3), other, over)
    assert served(twin) == 3
