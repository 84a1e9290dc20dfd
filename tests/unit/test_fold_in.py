"""Fold-in: who was active gets a new list in place; who cannot be folded in is left as they are, and counted."""

from __future__ import annotations

import numpy as np
import pytest

from domain.recommendations import Version, block_of, encode_block, pack
from recommender.errors import Refused
from recommender.learning.snapshot import Cooling, Snapshot
from recommender.publication.roll_back import roll_back
from recommender.refresh import fold_in
from recommender.refresh.fold_in import BACK_MS, MOST_OF_A_BLOCK, OVERLAP_MS
from tests.fold_in_scene import AT_MS, STRANGER, VIEWERS, Scene, a_scene, odd, train
from tests.memory_recommendations import MemoryRecommendationStore
from tests.snapshots import NOW_MS, ignored, watches


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Scene:
    return a_scene(monkeypatch)


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
