"""Active viewers as matrices: each sign in its place, of nobody else, of no drama that the factors do not know."""

from __future__ import annotations

import numpy as np
import pytest
from redis.crc import key_slot

from domain import keys
from recommender.learning import signals
from recommender.learning.snapshot import Cooling, Snapshot
from recommender.learning.weights import WEIGHTS
from recommender.refresh.active import Active, of
from tests.snapshots import NOW_MS, ignored, pairs, watches

NOTHING = Cooling(np.zeros(0, np.int64), np.zeros(0, np.int32))
PAIRS = pairs({(1, 2): 1.0})


def active(known: Snapshot, *disliked: tuple[int, int], dramas: int = 10) -> Active:
    users, indexes = np.array(disliked, np.int64).reshape(-1, 2).T
    return of(known, (users, indexes.astype(np.int32)), NOTHING, WEIGHTS, dramas)


def cells(matrix) -> dict[tuple[int, int], float]:
    rows, columns = matrix.nonzero()
    return {(int(r), int(c)): pytest.approx(float(matrix[r, c])) for r, c in zip(rows, columns, strict=True)}


def test_what_viewers_watched_dislike_and_ignored_stands_in_their_rows():
    watched = watches((3, 1), (3, 9), (5, 1), (5, 10), seen=np.array([True, False, False, True]))
    found = active(
        Snapshot(NOW_MS, watched, PAIRS, ignored({(3, 4): 2, (5, 9): 1, (4, 4): 1, (3, 10): 1})),
        (3, 2), (4, 2), (99, 2), (5, 12),
    )  # fmt: skip
    worth = signals.confidences(watched, WEIGHTS)
    assert found.viewers.tolist() == [3, 5]
    assert cells(found.confidences) == {(0, 1): worth[0], (0, 9): worth[1], (1, 1): worth[2]}
    assert cells(found.never) == {(0, 1): 1, (0, 2): 1}
    assert cells(found.discount) == {(0, 4): 1 - WEIGHTS.ignored**2, (1, 9): 1 - WEIGHTS.ignored}


def test_nobody_active_is_an_empty_matrix():
    some = watches((3, 1))
    nobody = type(some)(**{name: column[:0] for name, column in vars(some).items()})
    found = active(Snapshot(NOW_MS, nobody, PAIRS, ignored({(3, 4): 2})), (3, 2))
    assert len(found) == 0
    assert found.confidences.shape == found.never.shape == found.discount.shape == (0, 10)


def test_keys_that_one_script_touches_share_a_slot_of_a_cluster():
    pointers = (keys.REC_CURRENT, keys.REC_PREVIOUS, keys.REC_UNREAD, keys.REC_FENCE, keys.REC_FOLDED)
    of_version = (make("1-2-0000000a") for make in (keys.rec_items, keys.rec_items_new, keys.rec_meta))
    locks = (keys.rec_lock(task) for task in ("train", "fold-in", "lists", "cold"))
    assert len({key_slot(key.encode()) for key in (*pointers, *of_version, *locks)}) == 1
    blocks = {key_slot(keys.rec_users("1-2-0000000a", number).encode()) for number in range(100)}
    assert len(blocks) > 50  # what is large lies everywhere
