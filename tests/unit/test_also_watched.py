"""What people also watched: no hubs, nothing of the same series, tags and content where watches are few."""

from __future__ import annotations

from collections import Counter

import msgspec
import numpy as np
import pytest

from domain.catalogue import EMPTY, Catalogue, Drama
from domain.recommendations import PER_DRAMA
from recommender.learning import also_watched
from recommender.learning.als import Factors
from recommender.learning.content import Content
from recommender.learning.model import train
from recommender.learning.snapshot import Snapshot
from recommender.learning.weights import WEIGHTS
from tests.snapshots import NOW_MS, pairs, two_tastes, watches

SMALL = msgspec.structs.replace(WEIGHTS, factors=8, iterations=4)
Lists = dict[int, list[int]]


def a_drama(index: int, **more: object) -> Drama:
    return Drama(**{"drama_id": 100 + index, "index": index, "durations": [60_000], **more})


def lists_of(known: Snapshot, catalogue: Catalogue = EMPTY, factors: Factors | None = None) -> Lists:
    factors = factors or train(known, SMALL).factors
    assert factors is not None
    found = also_watched.related(known, factors, WEIGHTS, Content.of(catalogue))
    return {index: best.tolist() for index, best in found.items()}


def with_one_that_all_watch(viewers: int = 120, dramas: int = 60) -> Snapshot:
    """Everybody watches drama 1 and two neighbours on a ring."""
    entries = [(u, d) for u in range(1, viewers + 1) for d in {1, 2 + u % (dramas - 1), 2 + (u + 1) % (dramas - 1)}]
    together: dict[tuple[int, int], float] = {}
    for user in range(1, viewers + 1):
        mine = sorted(drama for who, drama in entries if who == user)
        for at, a in enumerate(mine):
            for b in mine[at + 1 :]:
                together[a, b] = together.get((a, b), 0.0) + 1
    return Snapshot(NOW_MS, watches(*sorted(entries)), pairs(together))


def test_no_drama_is_at_the_head_of_more_lists_than_its_share():
    catalogue = Catalogue.of(a_drama(index, tags=("one",)) for index in range(1, 61))
    lists = lists_of(with_one_that_all_watch(), catalogue)
    assert len(lists) == 60
    heads = Counter(index for best in lists.values() for index in best[: WEIGHTS.hub_head])
    assert max(heads.values()) <= max(np.ceil(WEIGHTS.hub_share * len(lists)), 2 * WEIGHTS.hub_head)
    assert heads[1] > 0  # it is capped, not banned


def test_nothing_of_the_seeds_series_is_in_its_list_nor_the_seed():
    catalogue = Catalogue.of(a_drama(index, series=f"s{index % 5}" if index % 5 else "") for index in range(1, 41))
    lists = lists_of(two_tastes(), catalogue)
    assert len(lists) == 40
    for seed, best in lists.items():
        assert best, seed
        assert len(best) == len(set(best)) <= PER_DRAMA
        assert seed not in best
        assert not seed % 5 or all(index % 5 != seed % 5 for index in best)
    assert any(index % 5 == 0 for index in lists[5])  # those without a series are not one


def test_a_drama_that_nobody_watched_has_a_list_of_its_tags():
    tags = {True: ("even",), False: ("odd",)}
    catalogue = Catalogue.of(a_drama(index, tags=tags[index % 2 == 0]) for index in range(1, 51))
    lists = lists_of(two_tastes(), catalogue)
    for new in range(41, 51):
        assert lists[new]
        assert all(index <= 40 for index in lists[new])  # nothing that nobody watched
        assert sum(index % 2 == new % 2 for index in lists[new][:10]) >= 8


def test_a_category_is_a_tag_where_there_are_none_and_what_may_not_be_shown_has_no_list():
    catalogue = Catalogue.of(a_drama(index, category=f"c{index % 2}", published=index != 42) for index in range(1, 43))
    lists = lists_of(two_tastes(), catalogue)
    assert sum(index % 2 == 1 for index in lists[41][:10]) >= 8
    assert 42 not in lists


def test_without_a_catalogue_only_what_enough_have_watched_has_a_list():
    entries = [(user, drama) for user in range(1, 10) for drama in (1, 2)] + [(1, 3), (2, 3)]
    lists = lists_of(Snapshot(NOW_MS, watches(*entries), pairs({(1, 2): 9.0, (1, 3): 2.0})))
    assert set(lists) == {1, 2}


def test_what_came_after_the_training_is_listed_by_who_watched_it():
    known = two_tastes()
    factors = train(known, SMALL).factors
    entries = list(zip(known.watches.user_id.tolist(), known.watches.drama.tolist(), strict=True))
    entries += [(user, 60) for user in range(1, 60, 2)]
    both = {(int(a), int(b)): float(w) for a, b, w in zip(*vars(known.pairs).values(), strict=True) if a < b}
    lists = lists_of(Snapshot(NOW_MS, watches(*entries), pairs(both | {(1, 60): 30.0, (3, 60): 30.0})), EMPTY, factors)
    assert lists[60][:2] in ([1, 3], [3, 1])
    assert 60 in lists[1]


@pytest.mark.parametrize("at_once", [1, 90, 10_000_000])
def test_a_few_seeds_at_a_time_give_the_same_lists(at_once, monkeypatch):
    known = two_tastes()
    whole = lists_of(known)
    monkeypatch.setattr(also_watched, "AT_ONCE", at_once)
    assert lists_of(known) == whole


def test_nobody_watched_anything():
    nothing = Snapshot(NOW_MS, watches((1, 1)), pairs({(1, 2): 1.0}))
    factors = Factors.of(np.zeros((1, 4), np.float32), np.zeros((2, 4), np.float32), 1.0, 1.0)
    assert lists_of(nothing, EMPTY, factors) == {}
