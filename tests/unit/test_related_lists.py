""" "People also watched": co-watches, the blend, its hubs, series, tags and edges."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from recommender.models import cowatch, hubs
from recommender.models.cowatch import Near, latest
from recommender.models.fsals import FrequencyScaledALS
from recommender.models.lists import NAMES, ItemLists
from tests.interaction_logs import DAY_MS, EDGES, NOW_MS, a_log, known, two_tastes


def small(**settings):
    """All parts, little vectors."""
    vectors = partial(FrequencyScaledALS, factors=3, iterations=3, buckets=2, threads=1)
    return ItemLists(**{"parts": dict.fromkeys(NAMES, 1.0), "factors": vectors} | settings)


def fitted(log, items=None, **settings):
    model = ItemLists(**{"parts": {"cosine": 1.0}} | settings)
    model.fit(known(log, items=items))
    return model


@pytest.mark.parametrize("tagged", [False, True])
@pytest.mark.parametrize("edge", EDGES)
def test_any_log_will_do(edge, tagged):
    some = EDGES[edge]
    model = small(tags=np.zeros(some.items, np.int64)) if tagged else small()
    model.fit(some)
    histories = csr_matrix(np.eye(3, some.items, dtype=np.float32))
    found = [model.scores(np.arange(some.users)), model.fold_in(histories), model.related(np.arange(some.items))]
    assert [scores.shape for scores in found] == [(rows, some.items) for rows in (some.users, 3, some.items)]
    assert all(scores.dtype == np.float32 and np.isfinite(scores).all() for scores in found)
    assert (found[2] >= 0).all()
    assert not np.diag(found[2]).any()


def test_lists_are_of_the_seeds_taste():
    model = small()
    model.fit(known(a_log(two_tastes())))
    found = model.related(np.arange(40))
    assert found[::2, ::2].sum() > 5 * found[::2, 1::2].sum()
    scores = model.scores(np.arange(60))
    assert scores[::2, ::2].mean() > 3 * scores[::2, 1::2].mean()


def test_an_item_that_nobody_watched_is_in_no_list_and_has_none():
    model = small()
    model.fit(known(a_log(two_tastes(items=12, each=4)), items=14))
    found = model.related(np.arange(14))
    assert not found[:, 12:].any()
    assert not found[12:].any()
    assert found[:12].any(axis=1).all()


class Ones:
    """Vectors that are all alike, also of what nobody watched."""

    def fit(self, known):
        self.items = known.items

    def related(self, items):
        return np.ones((len(items), self.items), np.float32)

    def arrays(self):
        return {"items": np.ones((self.items, 2), np.float32)}


def test_vectors_of_what_nobody_watched_bring_it_into_no_list():
    found = fitted(a_log([(0, 0), (0, 1)]), items=3, parts={"folded": 1.0, "alike": 1.0}, factors=Ones)
    assert (found.related(np.arange(3)) > 0).tolist() == [
        [False, True, False],
        [True, False, False],
        [True, True, False],
    ]


def test_shrunk_cosine_is_how_often_together_of_how_often_at_all():
    log = a_log([(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (3, 2)])
    watches = latest(known(log), 10, 1.0)
    found = cowatch.cosine(watches, np.array([0]), shrink=20)[0]
    assert found[1] == pytest.approx(2 / (np.sqrt(3 * 2) + 20))
    assert found[2] == 0


def test_a_watch_that_did_not_please_counts_less():
    log = a_log([(0, 0), (0, 1), (1, 0), (1, 2)], positive=[True, True, True, False])
    found = cowatch.cosine(latest(known(log), 10, 0.5), np.array([0]), shrink=1e6)[0]
    assert found[2] == pytest.approx(found[1] / 2, rel=1e-3)


def test_rp3beta_is_a_walk_over_viewers_divided_by_popularity():
    log = a_log([(0, 0), (0, 1), (1, 0), (1, 2), (2, 2), (3, 2)])
    found = cowatch.rp3beta(latest(known(log), 10, 1.0), np.array([0]), beta=0.5)[0]
    assert found[1] == pytest.approx(1 / 4)
    assert found[2] == pytest.approx(1 / 4 / np.sqrt(3))


def near(log, rows=(0,), **settings):
    chosen = {"steps": 5, "days": 7.0, "session": 0.0, "back": 1.0} | settings
    return Near(latest(known(log), 10, 1.0), **chosen).rows(np.array(rows), shrink=1e6) * 1e6


def test_what_is_closer_counts_more_and_beyond_the_window_nothing():
    found = near(a_log([(0, item) for item in range(4)]), steps=2)[0]
    assert found.tolist() == pytest.approx([0, 1, 1 / 2, 0], rel=1e-4)


def test_what_is_a_week_apart_is_not_near():
    log = a_log([(0, 0), (0, 1), (0, 2)], ts_ms=[NOW_MS, NOW_MS + 6 * DAY_MS, NOW_MS + 8 * DAY_MS])
    assert near(log)[0].tolist() == pytest.approx([0, 1, 0], rel=1e-4)


def test_a_direction_can_be_kept():
    log = a_log([(0, 0), (0, 1), (0, 2)])
    assert near(log, rows=[1], back=0.0)[0].tolist() == pytest.approx([0, 0, 1], rel=1e-4)


def test_the_same_session_counts_more():
    minutes = [NOW_MS, NOW_MS + 60_000, NOW_MS + 2 * DAY_MS]
    found = near(a_log([(0, 0), (0, 1), (0, 2)], ts_ms=minutes), session=2.0)[0]
    assert found.tolist() == pytest.approx([0, 1 + 2, 1 / 2], rel=1e-4)


def test_viewers_are_kept_apart():
    assert not near(a_log([(0, 0), (1, 1)])).any()


def test_a_viewer_counts_with_their_latest_watches_only():
    log = a_log([(0, item) for item in range(6)])
    assert latest(known(log), 2, 1.0).item.tolist() == [4, 5]


def test_an_item_stands_where_it_was_watched_last_and_what_was_only_shown_nowhere():
    log = a_log(
        [(1, 7), (1, 5), (0, 3), (1, 7), (1, 6)], weight=[1, 1, 1, 1, 0], positive=[True, True, True, False, False]
    )
    watches = latest(known(log), 10, 0.5)
    assert list(zip(watches.user.tolist(), watches.item.tolist(), strict=True)) == [(0, 3), (1, 5), (1, 7)]
    assert watches.worth.tolist() == [1, 1, 1]  # once it pleased


def test_other_cuts_of_the_seeds_drama_are_left_out():
    log = a_log([(user, item) for user in range(6) for item in range(4)])
    found = fitted(log, series=np.array([7, 7, -1, -1])).related(np.arange(4)) > 0
    assert found.astype(int).tolist() == [[0, 0, 1, 1], [0, 0, 1, 1], [1, 1, 0, 1], [1, 1, 1, 0]]


def test_a_seed_that_few_watched_gets_what_is_popular_of_its_tag():
    log = a_log([(user, item) for user in range(9) for item in (0, 1)] + [(9, 2), (9, 0), (10, 3)])
    plain, tagged = fitted(log, items=5), fitted(log, items=5, tags=np.array([0, 1, 1, 1, 1]))
    assert not plain.related(np.array([4])).any()
    assert tagged.related(np.array([4]))[0].argmax() == 1  # nobody watched 4
    assert plain.related(np.array([2]))[0].argmax() == 0
    assert tagged.related(np.array([2]))[0].argmax() == 1
    assert tagged.related(np.array([0]))[0].argmax() == 1  # many watched 0


def test_no_tag_is_not_a_tag_in_common():
    found = fitted(a_log([(0, 0), (1, 1)]), tags=np.array([-1, -1])).related(np.arange(2))
    assert not found.any()


def test_no_item_is_in_the_head_of_more_lists_than_it_may():
    random = np.random.default_rng(5)
    pairs = [(user, int(item)) for user in range(400) for item in random.choice(1_500, 4)]
    pairs += [(user, 0) for user in range(400)]
    free, held = (fitted(a_log(pairs), items=1_500, hub=hub) for hub in (1.0, 0.02))
    assert _heads(free).max() > 0.5
    assert 0 < _heads(held).max() <= 0.02 + 1 / 1_000
    most = int(held.related(np.arange(1_500))[:, 0].argmax())
    assert free.related(np.array([most]))[0, 0] > 0  # it stays where it scores best


def _heads(model, head=10):
    found = model.related(np.arange(1_500))
    lists = found.any(axis=1)
    top = np.argsort(-found[lists], axis=1, kind="stable")[:, :head]
    top = np.where(np.take_along_axis(found[lists], top, axis=1) > 0, top, 1_500)
    return np.bincount(top.ravel(), minlength=1_501)[:1_500] / lists.sum()


def test_where_a_hub_goes_the_next_one_comes_up():
    items, scores = np.array([[5, 6], [5, 7], [5, -1]]), np.array([[0.9, 0.8], [1.0, 0.2], [0.7, 0.0]])
    assert hubs.capped(items, scores, head=1, most=1).tolist() == [[False, True], [True, True], [False, False]]


def test_a_bound_that_what_came_up_breaks_is_kept_too():
    items, scores = np.array([[5, 6, 7]] * 3), np.array([[0.9, 0.5, 0.1]] * 3)
    kept = hubs.capped(items, scores, head=1, most=1)
    first = [int(line[0]) for line in (items[row][kept[row]] for row in range(3)) if len(line)]
    assert sorted(first) == [5, 6, 7]


def test_the_best_are_in_order_and_nothing_is_listed_below_zero():
    items, scores = hubs.best(np.array([[0.0, 0.5, 0.5, 2.0, -1.0]], np.float32), 4)
    assert items.tolist() == [[3, 1, 2, -1]]
    assert scores.tolist() == [[2.0, 0.5, 0.5, 0]]


def test_of_equal_ones_at_the_cut_the_first_numbers_are_in_the_list():
    scores = np.full((3, 1_000), 0.5, np.float32)
    scores[1, 700], scores[2] = 1, np.arange(1_000) % 10 == 9
    items, _ = hubs.best(scores, 3)
    assert items.tolist() == [[0, 1, 2], [700, 0, 1], [9, 19, 29]]


def test_the_length_of_a_list_is_held():
    found = fitted(a_log([(user, item) for user in range(6) for item in range(9)]), length=3).related(np.arange(9))
    assert ((found > 0).sum(axis=1) == 3).all()


def test_the_same_log_gives_the_same_lists():
    some, found = known(a_log(two_tastes(viewers=20, items=12, each=4))), []
    for _ in range(2):
        model = small()
        model.fit(some)
        found.append(model.related(np.arange(12)))
    assert np.array_equal(*found)


def test_who_has_no_history_gets_what_everybody_gets():
    model = fitted(a_log([(user, item) for user in range(6) for item in (0, user % 3)]))
    assert np.allclose(model.fold_in(csr_matrix((1, 3)))[0], model.scores(np.arange(6)).mean(0), atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_each_part_alone_makes_lists_of_the_seeds_taste(name):
    model = small(parts={name: 1.0})
    model.fit(known(a_log(two_tastes())))
    found = model.related(np.arange(40))
    assert found[::2, ::2].sum() > 3 * found[::2, 1::2].sum()


def test_lists_without_vectors_need_no_model_that_makes_them():
    def vectors():
        raise AssertionError("made in vain")

    found = fitted(a_log([(0, 0), (0, 1)]), parts={"cosine": 1.0, "rp3beta": 1.0, "near": 1.0}, factors=vectors)
    assert found.related(np.array([0])).tolist() == [[0, 1]]


def test_a_part_that_there_is_not_is_refused():
    with pytest.raises(ValueError, match="no such part: luck"):
        fitted(a_log([(0, 0)]), parts={"luck": 1.0})


@pytest.mark.parametrize("name", ["series", "tags"])
def test_columns_that_are_not_of_the_items_are_refused(name):
    with pytest.raises(ValueError, match=f"2 {name} of 1 items"):
        fitted(a_log([(0, 0)]), **{name: np.array([1, 2])})
