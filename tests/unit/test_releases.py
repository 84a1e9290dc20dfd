"""When episodes are out: at their very moment, in their order; and the schedules that a person asks for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.catalogue_import import EpisodeLine, read
from domain.feed import Stock
from domain.releases import (
    DAY_MS,
    MAX_MS,
    MIN_MS,
    BadSchedule,
    NeedsRecall,
    Schedule,
    Wanted,
    how_many_out,
    hurried,
    in_order,
    planned,
    scheduled,
)
from tests.builders import NOW_MS, a_catalogue, a_drama
from tests.catalogue import a_line, an_episode, raw
from tests.unit.test_catalogue_rules import reasons

moments = st.lists(st.one_of(st.just(0), st.integers(MIN_MS, MAX_MS)), max_size=30)


# -- their order -----------------------------------------------------------------------------------------------------


@given(moments, st.integers(MIN_MS, MAX_MS))
def test_what_is_out_is_always_from_the_first_on_and_never_before_its_own_moment(given_ms: list[int], now_ms: int):
    drama = a_drama(episodes=len(given_ms), releases=in_order(given_ms))
    out = [number for number, _ in enumerate(given_ms, 1) if max(given_ms[:number]) <= now_ms]
    assert out == list(range(1, drama.out(now_ms) + 1))
    assert all(drama.release_ms(number) >= given_ms[number - 1] for number in range(1, len(given_ms) + 1))
    assert len(drama.watchable(now_ms)) == drama.out(now_ms)


def test_a_drama_without_moments_is_out_and_holds_none():
    drama = a_drama(episodes=3)
    assert (in_order([0, 0, 0]), drama.releases) == ((), ())
    assert (drama.out(0), drama.release_ms(3), drama.next_release_ms(0)) == (3, 0, None)
    assert drama.watchable(0) is drama.durations


def test_each_episode_is_out_from_its_very_moment_on():
    drama = a_drama(episodes=4, releases=[0, NOW_MS, NOW_MS, NOW_MS + 5])
    assert [drama.out(NOW_MS + n) for n in (-1, 0, 4, 5)] == [1, 3, 3, 4]
    assert [drama.next_release_ms(NOW_MS + n) for n in (-1, 0, 5)] == [NOW_MS, NOW_MS + 5, None]
    assert [drama.release_ms(number) for number in range(-1, 6)] == [0, 0, 0, NOW_MS, NOW_MS, NOW_MS + 5, 0]


def test_a_drama_is_offered_from_its_first_episode_on():
    catalogue = a_catalogue(a_drama(7, releases=[NOW_MS] * 3), a_drama(9, 2, published=False))
    assert [catalogue.offered(7, NOW_MS - 1), catalogue.offered(7, NOW_MS)] == [False, True]
    assert catalogue.shown(7)
    assert not catalogue.offered(9, NOW_MS)
    assert not catalogue.offered(404, NOW_MS)
    assert not catalogue.with_takedowns([7]).offered(7, NOW_MS)
    assert [catalogue.release_ms(*episode) for episode in ((7, 2), (7, 9), (9, 1), (404, 1))] == [NOW_MS, 0, 0, 0]


def test_what_may_be_shown_stands_from_one_first_episode_to_the_next():
    whens = {7: [NOW_MS - 5] * 3, 9: [0, 0, NOW_MS + 1], 11: [NOW_MS + 3] * 3, 13: [NOW_MS + 9, NOW_MS + 9, NOW_MS + 9]}
    catalogue = a_catalogue(*(a_drama(no, no, releases=when) for no, when in whens.items()))
    stock = Stock(catalogue, NOW_MS)
    assert [stock.may_show(no) for no in whens] == [True, True, False, False]
    assert stock.coming == 2
    assert [stock.stands(catalogue, NOW_MS + n) for n in (-6, -5, 2, 3)] == [False, True, True, False]
    assert not stock.stands(a_catalogue(*catalogue), NOW_MS)
    later = Stock(catalogue, NOW_MS + 3)
    assert [later.may_show(no) for no in whens] == [True, True, True, False]
    assert [later.stands(catalogue, NOW_MS + n) for n in (2, 3, 8, 9)] == [False, True, True, False]


# -- schedules -------------------------------------------------------------------------------------------------------


def test_two_a_day_from_the_fourth_on():
    made = scheduled([0] * 8, Schedule(4, NOW_MS + 1, DAY_MS, 2), NOW_MS)
    assert [moment and (moment - NOW_MS - 1) / DAY_MS for moment in made] == [0, 0, 0, 0, 0, 1, 1, 2]


@given(moments.filter(bool), st.integers(1, 30), st.integers(0, 10 * DAY_MS), st.integers(1, 5))
def test_what_was_scheduled_is_in_order_and_leaves_what_is_before_it(given_ms, first, every_ms, episodes):
    before = list(in_order(given_ms) or given_ms)
    try:
        made = scheduled(before, Schedule(first, NOW_MS, every_ms, episodes), NOW_MS)
    except BadSchedule:
        assert first > len(before) or (first > 1 and before[first - 2] > NOW_MS)
        return
    assert made == sorted(made)
    assert (len(made), made[: first - 1]) == (len(before), before[: first - 1])
    assert how_many_out(made, NOW_MS - 1) <= first - 1


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (Schedule(1, NOW_MS - 1, DAY_MS, 1), "is over"),
        (Schedule(3, NOW_MS + 8, DAY_MS, 1), "episode 2 is released later"),
        (Schedule(0, NOW_MS, DAY_MS, 1), "no episode 0"),
        (Schedule(5, NOW_MS, DAY_MS, 1), "no episode 5"),
        (Schedule(1, MAX_MS, DAY_MS, 1), "2099"),
    ],
)
def test_what_cannot_be_is_said_so(asked: Schedule, words: str):
    with pytest.raises(BadSchedule, match=words):
        scheduled([0, NOW_MS + 9, NOW_MS + 9, NOW_MS + 9], asked, NOW_MS)


def test_some_are_brought_forward_and_the_others_stay():
    before = [0, NOW_MS + 1, NOW_MS + 1, NOW_MS + 2]
    made = hurried(before, 2, 2, NOW_MS)
    assert made == [0, NOW_MS, NOW_MS, NOW_MS + 2]
    assert hurried(made, 2, 2, NOW_MS + 1) == made  # asked for again
    assert hurried(before, 2, 99, NOW_MS) == [0, NOW_MS, NOW_MS, NOW_MS]
    with pytest.raises(BadSchedule, match="episode 3 is not released yet"):
        hurried(before, 4, 1, NOW_MS)
    with pytest.raises(BadSchedule, match="no episode 5"):
        hurried(before, 5, 1, NOW_MS)


# -- what people ask for ---------------------------------------------------------------------------------------------


def test_without_a_first_one_it_begins_with_what_is_not_out():
    assert planned([0, NOW_MS + 1], Wanted(from_ms=NOW_MS + 9), NOW_MS, shown=True) == (2, [0, NOW_MS + 9], range(2, 2))
    hidden = planned([0, 0], Wanted(from_ms=NOW_MS + 9, episodes=2), NOW_MS, shown=False)
    assert (hidden.first, hidden.moments, len(hidden.taken_back)) == (1, [NOW_MS + 9] * 2, 0)
    with pytest.raises(BadSchedule, match="all 2 episodes are out"):
        planned([0, 0], Wanted(from_ms=NOW_MS + 9), NOW_MS, shown=True)


def test_viewers_lose_nothing_unless_it_is_said():
    wanted = Wanted(2, from_ms=NOW_MS + 1)
    with pytest.raises(NeedsRecall, match="episodes 2 to 3 now"):
        planned([0, 0, 0], wanted, NOW_MS, shown=True)
    plan = planned([0, 0, 0], wanted._replace(recall=True), NOW_MS, shown=True)
    assert (plan.moments, plan.lost) == ([0, NOW_MS + 1, NOW_MS + 1 + DAY_MS], "2 to 3")
    assert not planned([0, 0, 0], wanted, NOW_MS, shown=False).taken_back


def test_nothing_is_taken_back_by_releasing():
    plan = planned([0, NOW_MS + 5, NOW_MS + 5], Wanted(2), NOW_MS, shown=True)
    assert (plan.first, plan.moments, len(plan.taken_back)) == (2, [0, NOW_MS, NOW_MS + 5], 0)


# -- a catalogue file ------------------------------------------------------------------------------------------------


def with_moments(*given_ms: object) -> dict[str, object]:
    """A line whose episodes have these moments; ... is none."""
    says = ({} if moment is ... else {"release_ms": moment} for moment in given_ms)
    return a_line(7, episodes=[an_episode(number, **said) for number, said in enumerate(says, 1)])


def test_a_line_says_when_each_episode_comes():
    drama = read(raw(with_moments(..., NOW_MS, None, NOW_MS + 1))).drama(1)
    assert list(drama.releases) == [0, NOW_MS, NOW_MS, NOW_MS + 1]
    assert read(raw(with_moments(..., None))).drama(1).releases == ()


@pytest.mark.parametrize("bad", [0, -1, NOW_MS // 1000, MIN_MS - 1, MAX_MS + 1, NOW_MS + 0.5, "2026-12-01", True])
def test_a_moment_that_cannot_be_meant_is_refused(bad: object):
    (reason,) = reasons(with_moments(bad))
    assert "release_ms" in reason


def test_moments_that_contradict_each_other_are_refused():
    (reason,) = reasons(with_moments(NOW_MS + 1, ..., NOW_MS, NOW_MS - 1))
    assert reason == "episode 3: release_ms is before that of episode 1"


def kept(line: dict[str, object], before: dict[str, object]) -> list[object]:
    """The moments of a line that is imported over another, as MySQL gets them."""
    over = read(raw(before)).with_kept_of(read(raw(with_moments(..., ..., ...))))
    episodes: tuple[EpisodeLine, ...] = read(raw(line)).with_kept_of(over).episodes
    return [episode.release_ms or None for episode in episodes]


def test_what_a_line_leaves_open_stays_and_null_takes_it_away():
    before = with_moments(NOW_MS, NOW_MS + 1, NOW_MS + 2)
    assert kept(with_moments(..., ..., ..., ...), before) == [NOW_MS, NOW_MS + 1, NOW_MS + 2, None]
    assert kept(with_moments(None, ..., NOW_MS + 9), before) == [None, NOW_MS + 1, NOW_MS + 9]
    assert kept(with_moments(..., None), with_moments(..., ...)) == [None, None]


def test_a_line_over_itself_is_the_same_however_it_says_at_once():
    line = read(raw(with_moments(..., ...)))
    assert line.with_kept_of(line) is line
    assert read(raw(with_moments(None, ...))).with_kept_of(line) == line
    timed = read(raw(with_moments(NOW_MS, ...)))
    assert line.with_kept_of(timed) == timed
