"""Fold-in: who was active gets a new list in place, whatever happens to the one who writes it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from functools import cache
from unittest.mock import Mock

import numpy as np
import pytest

from domain.recommendations import Version, block_of, encode_block, find, pack
from recommender.errors import Busy, Raced, Refused
from recommender.learning import model
from recommender.learning.model import Recommendations
from recommender.learning.snapshot import Cooling, Snapshot
from recommender.publication.publish import content, publish
from recommender.publication.roll_back import roll_back
from recommender.refresh import active, fold_in
from recommender.refresh.fold_in import BACK_MS, MOST_OF_A_BLOCK, OVERLAP_MS, Report
from tests.breaking import Breaking, Crash
from tests.memory_cooling import MemoryCoolingStore
from tests.memory_recommendations import MemoryRecommendationStore
from tests.snapshots import NOW_MS, ignored, pairs, two_tastes, watches
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


@cache
def learnt() -> tuple[Snapshot, Recommendations]:
    """Once for all tests: learning takes longer than all that is done here."""
    known = two_tastes(VIEWERS, 60)
    return known, model.train(known, QUICK)


def train(store: MemoryRecommendationStore, number: int) -> str:
    known, made = learnt()
    hold = store.lock("train", "me", 60)
    assert hold
    stored = content(made, len(known.watches), f"{number:08x}", 5, QUICK)
    publish(store, made, stored, hold, store.current)
    store.unlock(hold)
    return str(stored.version)


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    """Viewer 2 (of even tastes) has turned to odd dramas, and so has a stranger."""
    entries = [(user, index) for user in (2, STRANGER) for index in (1, 3, 5, 7, 9, 11, 13)]
    known = Snapshot(NOW_MS, watches(*entries, seen=np.ones(len(entries), bool)), pairs({(1, 2): 1.0}))
    scene = Scene(MemoryRecommendationStore(), known, MemoryCoolingStore())
    train(scene.store, 1)

    def read(client: object, as_of_ms: int, weights: object, since_ms: int, dramas: int) -> active.Active:
        return active.of(scene.known, scene.disliked, scene.cooling, QUICK, dramas, until_ms=scene.until_ms)

    monkeypatch.setattr(active, "read", read)
    return scene


def odd(indexes: tuple[int, ...] | None) -> int:
    """Of the first ten."""
    assert indexes is not None
    return sum(index % 2 for index in indexes[:10])


def test_who_was_active_gets_another_list_and_nobody_else_does(scene):
    before = {user: scene.list_of(user) for user in range(1, VIEWERS + 1)}
    assert odd(before[2]) <= 2
    assert scene.list_of(STRANGER) is None
    report = scene.run()
    after = {user: scene.list_of(user) for user in range(1, VIEWERS + 1)}
    assert odd(after[2]) >= 8
    assert scene.list_of(STRANGER) == after[2]  # the same watches
    assert not set(after[2]) & {1, 3, 5, 7, 9, 11, 13}
    assert {user for user in before if before[user] != after[user]} == {2}
    assert (report.viewers, report.new, report.left) == (2, 1, 0)
    assert report.version == scene.store.current


def test_what_a_viewer_dislikes_is_not_listed_and_what_they_ignored_comes_later(scene):
    scene.run()
    first, second, third = scene.list_of(2)[:3]
    scene.disliked = (np.array([2]), np.array([second], np.int32))
    scene.known = Snapshot(NOW_MS, scene.known.watches, scene.known.pairs, ignored({(2, first): 9, (4, third): 9}))
    scene.run()
    assert scene.list_of(2)[0] == third
    assert second not in scene.list_of(2)
    assert first in scene.list_of(2)
    assert second in scene.list_of(STRANGER)


def test_a_drama_that_came_after_the_training_is_passed_over(scene):
    with_new = watches((2, 1), (2, 3), (2, 60_000), seen=np.ones(3, bool))
    scene.known = Snapshot(NOW_MS, with_new, scene.known.pairs)
    assert scene.run().viewers == 1
    assert scene.list_of(2)


def test_a_version_with_folded_viewers_is_still_whole(scene):
    first = scene.store.current
    scene.run()
    train(scene.store, 2)
    assert roll_back(scene.store, "").version == first
    assert odd(scene.list_of(2)) >= 8


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


def test_nobody_is_folded_into_what_cannot_be_folded_into(scene):
    with pytest.raises(Refused, match="nothing is served"):
        scene.run(store=MemoryRecommendationStore())
    scene.store.models[scene.store.current] = []
    with pytest.raises(Refused, match="factors"):
        scene.run()
    scene.store.metas.clear()
    with pytest.raises(Refused, match="train first"):
        scene.run()
    assert scene.store.locks == {}


def test_a_block_that_is_full_or_damaged_is_left_as_it_is(scene):
    version = Version.parse(scene.store.current)
    blocks = scene.store.blocks[str(version)]
    number = block_of(STRANGER, version.blocks)
    full = encode_block([(10**9 + user, pack([1])) for user in range(MOST_OF_A_BLOCK)])
    blocks[number] = full
    scene.known = Snapshot(NOW_MS, watches((STRANGER, 1), (STRANGER, 3)), scene.known.pairs)
    report = scene.run()
    assert (report.viewers, report.left) == (0, 1)
    assert blocks[number] == full
    blocks[number] = b"nonsense"
    assert scene.run().left == 1
    assert blocks[number] == b"nonsense"


def test_nobody_active_is_no_trouble(scene):
    scene.known = Snapshot(NOW_MS, watches((2, 1)), scene.known.pairs)
    empty = {name: column[:0] for name, column in vars(scene.known.watches).items()}
    scene.known = Snapshot(NOW_MS, type(scene.known.watches)(**empty), scene.known.pairs)
    assert scene.run().viewers == 0
    assert scene.store.mark == f"{scene.store.current} {AT_MS - 5}"


def test_what_is_hidden_for_a_while_is_said_of_everybody_who_was_active(scene):
    scene.hidden.put({2: [4], 3: [5]})
    scene.cooling = Cooling(np.array([STRANGER, STRANGER, 9_999]), np.array([8, 6, 3]))
    assert scene.run().cooling == 2
    assert scene.hidden.lists == {3: (5,), STRANGER: (8, 6), 9_999: (3,)}


def test_two_do_not_run_at_once(scene):
    hold = scene.store.lock("fold-in", "another", 60)
    with pytest.raises(Busy):
        scene.run()
    scene.store.unlock(hold)
    assert scene.run().viewers == 2


V = Version(NOW_MS - 3_600_000, 4, "0000000a")


@pytest.mark.parametrize(
    ("folded", "expected"),
    [
        ("", V.as_of_ms - OVERLAP_MS),
        (f"{V} {NOW_MS - 300_000}", NOW_MS - 300_000 - OVERLAP_MS),
        (f"{V._replace(run='0000000b')} {NOW_MS - 300_000}", V.as_of_ms - OVERLAP_MS),  # another version's
        (f"{V} {NOW_MS - 3 * BACK_MS}", NOW_MS - BACK_MS),
        (f"{V} {NOW_MS + 99}", NOW_MS - OVERLAP_MS),  # the clock was set back
        (f"{V} nonsense", V.as_of_ms - OVERLAP_MS),
        ("nonsense", V.as_of_ms - OVERLAP_MS),
    ],
)
def test_activity_counts_from_the_last_run_of_this_version_or_from_its_training(folded, expected):
    assert fold_in._since(fold_in._last(folded, V), NOW_MS) == expected


def test_what_reaches_clickhouse_late_is_folded_in_when_it_is_there(scene):
    scene.until_ms = AT_MS - 3_600_000
    scene.run()
    assert scene.store.mark == f"{scene.store.current} {AT_MS - 3_600_000}"
    assert scene.run().since_ms == AT_MS - 3_600_000 - OVERLAP_MS
    scene.until_ms = 0  # nothing came in
    scene.run()
    assert scene.store.mark == f"{scene.store.current} {AT_MS - 3_600_000}"
    scene.until_ms = AT_MS + 99
    scene.run()
    assert scene.store.mark == f"{scene.store.current} {AT_MS}"
