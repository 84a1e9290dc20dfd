"""The measure of "people also watched": the next positive of the session, in the list or not."""

from __future__ import annotations

import time

import numpy as np
import pytest

from recommender.evaluation.item_lists import measure, pairs
from recommender.interactions import Known
from tests.interaction_logs import HOUR_MS, NOW_MS, a_log, known

MINUTE_MS = 60_000


class Lists:
    """A model that relates what it is told to."""

    def __init__(self, items: int, **scores: float) -> None:
        self._scores = np.zeros((items, items), np.float32)
        for name, score in scores.items():
            self._scores[tuple(map(int, name[1:].split("_")))] = score

    def related(self, items):
        return self._scores[items]


def watched(*items: int, minutes: list[float] | None = None, **columns):
    """One viewer's, a minute apart unless told."""
    after = minutes or list(range(len(items)))
    return a_log([(0, item) for item in items], ts_ms=[NOW_MS + int(m * MINUTE_MS) for m in after], **columns)


def asked(log):
    found = pairs(log)
    return list(zip(found.seed.tolist(), found.following.tolist(), strict=True))


def test_each_positive_asks_for_the_next_positive():
    assert asked(watched(4, 5, 6)) == [(4, 5), (5, 6)]


def test_what_was_not_positive_neither_asks_nor_is_asked_for():
    assert asked(watched(4, 5, 6, positive=[True, False, True])) == [(4, 6)]


def test_the_same_item_again_is_no_answer():
    assert asked(watched(4, 4, 4, 6)) == [(4, 6)] * 3
    assert asked(watched(4, 4)) == []


def next_other(log):
    """One after the other, as anybody would: (seed, following) of a log of one viewer in the order of time."""
    glad = [entry for entry in zip(log.session, log.item, log.positive, strict=True) if entry[2]]
    glad.sort(key=lambda entry: entry[0])
    found = []
    for place, (session, item, _) in enumerate(glad):
        later = (other for of, other, _ in glad[place + 1 :] if of == session and other != item)
        found += [(item, other) for other in later][:1]
    return found


@pytest.mark.parametrize("seed", range(20))
def test_pairs_are_what_looking_on_one_by_one_finds(seed):
    random = np.random.default_rng(seed)
    count = int(random.integers(0, 60))
    log = watched(*random.integers(0, 1 + seed % 4, count).tolist(), positive=random.random(count) < 0.8)
    log.session[:] = random.integers(0, 3, count)
    assert asked(log) == next_other(log)


def test_one_item_again_and_again_does_not_take_the_square_of_the_time():
    count = 200_000  # minutes, if each repeat went over the log
    log = watched(*[4] * count, 6, minutes=[n / 1_000 for n in range(count + 1)])
    began = time.process_time()
    assert set(asked(log)) == {(4, 6)}
    assert time.process_time() - began < 10


def test_half_an_hour_of_silence_ends_a_session():
    assert asked(watched(4, 5, 6, minutes=[0, 29, 60])) == [(4, 5)]


def test_what_was_watched_without_joy_in_between_is_no_silence():
    assert asked(watched(4, 5, 6, minutes=[0, 20, 40], positive=[True, False, True])) == [(4, 6)]


def test_sessions_of_the_log_go_before_silence():
    log = watched(4, 5, 6, minutes=[0, 1, 200])
    log.session[:] = [7, 8, 8]
    assert asked(log) == [(5, 6)]


def test_viewers_with_the_same_session_number_are_kept_apart():
    log = a_log([(0, 4), (1, 5)])
    log.session[:] = 3
    assert asked(log) == []


def test_the_order_of_the_log_does_not_matter():
    log = watched(4, 5, 6)
    assert asked(log.where(np.array([2, 0, 1]))) == asked(log)


def test_hits_are_counted_by_place():
    test = watched(0, 1, 2)
    found = measure(Lists(4, s0_3=2.0, s0_1=1.0, s1_3=1.0), known(test, items=4), test)
    assert found.hit.tolist() == [True, False]
    assert found.hit_rate == 0.5
    assert found.mrr == pytest.approx((1 / 2 + 0) / 2)
    assert measure(Lists(4, s0_3=2.0, s0_1=1.0), known(test, items=4), test, k=1).hit_rate == 0


def test_a_popular_target_is_worth_less():
    test = a_log([(0, 0), (0, 1), (1, 2), (1, 3), (2, 1), (3, 1)], ts_ms=[NOW_MS + n for n in range(6)])
    found = measure(Lists(4, s2_3=1.0), known(test), test)
    assert found.hit.tolist() == [False, True]
    assert found.worth.tolist() == pytest.approx([1 / 3, 1])
    assert found.ips_hit_rate == pytest.approx(3 / 4)
    assert found.user.tolist() == [0, 1]


def test_what_is_not_related_is_in_no_list():
    test = watched(0, 1)
    found = measure(Lists(3), known(test, items=3), test)
    assert (found.hit_rate, found.coverage, found.hub) == (0, 0, 0)


def test_coverage_and_hubs_are_of_all_lists():
    test = watched(0, 1)
    found = measure(Lists(4, s0_3=1, s1_3=1, s2_3=1, s3_0=1), known(test, items=4), test)
    assert found.coverage == 2 / 4
    assert found.hub == 3 / 4


def test_of_a_large_catalogue_some_of_the_seeds_are_asked(monkeypatch):
    test = watched(0, 1, 2, 3)
    monkeypatch.setattr("recommender.evaluation.item_lists.MOST_LISTS", 2)
    found = measure(Lists(5, s0_1=1, s1_2=1, s2_3=1), known(test, items=5), test)
    assert found.hit.tolist() == [True, True]
    assert found.hub == 1 / 2
    assert found.coverage == 2 / 5


def test_a_score_that_is_no_number_is_refused():
    test = watched(0, 1)
    with pytest.raises(ValueError, match="finite"):
        measure(Lists(3, s0_1=float("nan")), known(test, items=3), test)


@pytest.mark.parametrize("items", [0, 1, 3])
def test_nothing_asked_is_nothing_found(items):
    found = measure(Lists(items), Known(a_log([]), 0, items, NOW_MS + HOUR_MS), a_log([]))
    assert (found.hit_rate, found.ips_hit_rate, found.mrr, found.hub) == (0, 0, 0, 0)
    assert len(found.user) == len(found.hit) == len(found.worth) == 0
