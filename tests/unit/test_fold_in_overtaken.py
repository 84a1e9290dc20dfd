"""Fold-in: whatever others do meanwhile, and wherever it dies, nothing is lost or written over."""

from __future__ import annotations

import contextlib

import pytest

from domain.recommendations import Version, block_of, encode_block, find, pack
from recommender.errors import Busy, Raced
from recommender.learning.snapshot import Snapshot
from recommender.refresh import fold_in
from tests.breaking import Breaking, Crash
from tests.fold_in_scene import STRANGER, Scene, a_scene, odd, train
from tests.memory_recommendations import MemoryRecommendationStore
from tests.snapshots import NOW_MS, watches


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    return a_scene(monkeypatch)


def test_what_somebody_else_writes_meanwhile_is_kept(scene):
    version = Version.parse(scene.store.current)
    other = STRANGER + version.blocks * 2**32  # in nobody's way

    class Meanwhile(MemoryRecommendationStore):
        left = 2

        def blocks_of(self, version, numbers):
            found = super().blocks_of(version, numbers)
            if self.left:
                self.left -= 1
                number = block_of(2, version.blocks)
                rows = {user: pack([9]) for user in (other, other + self.left)}
                self.blocks[str(version)][number] = fold_in.with_rows(self.blocks[str(version)][number], rows)
            return found

    report = scene.run(store=Meanwhile(**vars(scene.store)))
    block = scene.store.blocks[str(version)][block_of(2, version.blocks)]
    assert (find(block, other), find(block, other + 1)) == ((9,), (9,))
    assert odd(scene.list_of(2)) >= 8
    assert report.viewers == 2


@pytest.mark.parametrize("what", ["block", "lock", "lock at the end"])
def test_who_is_overtaken_for_good_notes_nothing_and_says_so(scene, what):
    class Overtaken(MemoryRecommendationStore):
        times = 0

        def blocks_of(self, version, numbers):
            found = super().blocks_of(version, numbers)
            if what == "block":
                self.times += 1
                for number in numbers:
                    self.put_blocks(version, {number: encode_block([(10**9 + self.times, pack([1]))])})
            if what == "lock":
                self.locks.clear()
            return found

        def mark_folded(self, text, hold):
            if what == "lock at the end":
                self.locks.clear()
            return super().mark_folded(text, hold)

    before = scene.list_of(2)
    store = Overtaken(**vars(scene.store))
    with pytest.raises(Raced):
        scene.run(store=store)
    assert store.mark == ""
    if what == "lock":
        assert scene.list_of(2) == before


def test_a_version_that_is_published_meanwhile_is_left_alone(scene):
    first = scene.store.current

    class Published(MemoryRecommendationStore):
        def blocks_of(self, version, numbers):
            found = super().blocks_of(version, numbers)
            if self.current == first:
                train(self, 2)
            return found

    store = Published(**vars(scene.store))
    report = scene.run(store=store)
    assert report.version == first != store.current
    assert odd(scene.list_of(2, first)) >= 8
    scene.store = store
    assert odd(scene.list_of(2)) <= 2
    scene.run()  # the next run begins where that training's knowledge ends
    assert odd(scene.list_of(2)) >= 8


def test_versions_that_vanish_under_it_do_no_harm(scene):
    class Gone(MemoryRecommendationStore):
        def blocks_of(self, version, numbers):
            self.blocks.pop(str(version), None)
            return super().blocks_of(version, numbers)

    report = scene.run(store=Gone(**vars(scene.store)))
    assert (report.viewers, report.left) == (0, 2)
    assert not any(scene.store.blocks.values())  # and nothing came back


class BreakingFoldIn(Breaking):
    """A store on which the fold-in dies."""

    WRITES = frozenset({"refold", "mark_folded"})


@pytest.mark.parametrize("after", [False, True])
def test_a_run_that_dies_anywhere_is_done_again_by_the_next(scene, after, monkeypatch):
    monkeypatch.setattr(fold_in, "KEYS_AT_ONCE", 1)
    entries = [(user, index) for user in range(2, 80, 2) for index in (1, 3, 5)]
    scene.known = Snapshot(NOW_MS, watches(*entries), scene.known.pairs)
    undisturbed = MemoryRecommendationStore(
        **{**vars(scene.store), "blocks": {k: dict(v) for k, v in scene.store.blocks.items()}}
    )
    scene.run(store=undisturbed)
    at = 0
    while True:
        at += 1
        blocks = {version: dict(blocks) for version, blocks in scene.store.blocks.items()}
        store = MemoryRecommendationStore(**{**vars(scene.store), "blocks": blocks, "mark": ""})
        breaking = BreakingFoldIn(store, at, after=after)
        with contextlib.suppress(Crash):
            scene.run(store=breaking)
        store.locks.clear()
        scene.run(store=store)
        assert store.blocks == undisturbed.blocks
        assert store.mark == undisturbed.mark
        if not breaking.broke:
            break
    assert at > 3


def test_two_do_not_run_at_once(scene):
    hold = scene.store.lock("fold-in", "another", 60)
    with pytest.raises(Busy):
        scene.run()
    scene.store.unlock(hold)
    assert scene.run().viewers == 2
