"""What each event does to the viewer's state and to the drama's numbers."""

from __future__ import annotations

import random

import pytest

from domain import events, handlers, hotness, keys, registers, state
from domain.fold import Fold
from tests.folding import HOUR_MS, START, UUID, VALID, an, folded, heat, numbers
from tests.stream import NOW_MS
from tests.twin import Twin


@pytest.mark.parametrize(("later_ms", "renewed"), [(60_000, False), (24 * HOUR_MS, True)])
def test_the_viewers_life_is_renewed_by_progress_on_another_day(later_ms, renewed):
    twin, fold, life = Twin(), Fold(0, 1), []
    for offset, event in enumerate([VALID, an(events.Heartbeat, 3, from_ms=0, to_ms=1, ts_ms=NOW_MS + later_ms)]):
        prepared = fold.prepare([(offset, event)])
        fold.state.fill(twin.read(fold.state.missing))
        (run,) = fold.effects(prepared)
        life.append(["EXPIRE", keys.user(1, 0, 5), keys.USER_LIFE_S] in run.commands)
    assert life == [True, renewed]


@pytest.mark.parametrize("kind", [events.Liked, events.Followed, events.Disliked])
def test_a_viewer_who_only_reacts_has_a_life_too(kind):
    assert folded(an(kind, 1)).lives[keys.user(1, 0, 5)] == keys.USER_LIFE_S


def test_likes_are_counted_per_drama_over_its_episodes():
    liked = [
        an(events.Liked, 1),
        an(events.Liked, 2, episode_no=2),
        an(events.Liked, 3),
        an(events.Unliked, 4, episode_no=2),
    ]
    assert numbers(folded(*liked)) == {(7, "likes"): 1}


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_an_unlike_that_overtakes_its_like_wins(order):
    both = {1: an(events.Liked, 1), 2: an(events.Unliked, 2)}
    assert numbers(folded(*(both[i] for i in order), size=1)) == {}


def test_a_dislike_counts_once_and_shares_count_each():
    twin = folded(*(an(events.Disliked, i) for i in (1, 2)), *(an(events.Shared, i) for i in (3, 4)))
    assert numbers(twin) == {(7, "dislikes"): 1, (7, "shares"): 2}


@pytest.mark.parametrize("records", [(START, VALID), (VALID, START)])
def test_a_qualified_valid_play_heats_in_either_order(records):
    last = records[-1].ts_ms
    want = {(d.name, hotness.weight(last, d)[0], 7): hotness.weight(last, d)[1] for d in hotness.DECAYS}
    assert heat(folded(*records, size=1)) == pytest.approx(want)


def test_a_valid_play_that_is_not_qualified_heats_nothing_but_counts():
    twin = folded(an(events.PlayStarted, 1), VALID)
    assert heat(twin) == {}
    assert numbers(twin)[7, "valid_plays"] == 1


@pytest.mark.parametrize("again", [{"ts_ms": NOW_MS}, {"ts_ms": NOW_MS + 20_000}])
def test_a_second_playback_in_the_same_half_hour_heats_nothing(again):
    other = {"play_id": UUID.format(9), **again}
    twice = [START, VALID, an(events.PlayStarted, 3, qualified=True, **other)]
    twice.append(an(events.Heartbeat, 4, from_ms=0, to_ms=8_000, **other))
    assert heat(folded(*twice)) == heat(folded(START, VALID))


def test_a_playback_that_starts_twice_heats_once():
    again = an(events.PlayStarted, 3, qualified=True, ts_ms=NOW_MS + HOUR_MS)
    assert heat(folded(START, VALID, again)) == heat(folded(START, VALID))


@pytest.mark.parametrize("again", [{"ts_ms": NOW_MS + HOUR_MS}, {"episode_no": 2}, {"user_id": 6}])
def test_another_half_hour_episode_or_viewer_heats_again(again):
    other = {"play_id": UUID.format(9), **again}
    second = [
        an(events.PlayStarted, 3, qualified=True, **other),
        an(events.Heartbeat, 4, from_ms=0, to_ms=8_000, **other),
    ]
    once, twice = heat(folded(START, VALID)), heat(folded(START, VALID, *second))
    assert all(twice[at] > 1.9 * once[at] for at in once)


def test_marks_of_heat_have_a_bound_past_which_nothing_heats():
    later = [START, VALID]
    for i in range(handlers.MAX_MARKS + 20):
        other = {"play_id": f"play {i}", "episode_no": 2 + i}
        later.append(an(events.PlayStarted, 3 + 2 * i, qualified=True, **other))
        later.append(an(events.Heartbeat, 4 + 2 * i, from_ms=0, to_ms=8_000, **other))
    marks = folded(*later).hashes[keys.user(1, 0, 5)][state.marks_field(7)].split(",")
    assert len(marks) == handlers.MAX_MARKS
    assert heat(folded(*later)) == pytest.approx(heat(folded(*later[: 2 * handlers.MAX_MARKS])))


def test_marks_of_heat_go_when_no_event_can_fall_on_them():
    new = NOW_MS + 9 * 24 * HOUR_MS
    other = {"ts_ms": new, "received_at_ms": new, "play_id": UUID.format(9)}
    start = an(events.PlayStarted, 3, qualified=True, **other)
    valid = an(events.Heartbeat, 4, from_ms=0, to_ms=8_000, **other)
    marks = folded(START, VALID, start, valid).hashes[keys.user(1, 0, 5)][state.marks_field(7)].split(",")
    assert [int(mark) >> 17 for mark in marks] == [new // hotness.HALF_HOUR_MS]


def test_the_interval_of_play_ended_counts_like_a_heartbeat():
    ended = an(events.PlayEnded, 1, from_ms=0, to_ms=8_000)
    assert numbers(folded(ended)) == {(7, "ends"): 1, (7, "views"): 1, (7, "valid_plays"): 1, (7, "content_ms"): 8_000}


def test_progress_is_the_newest_position_whatever_comes_when():
    beats = [an(events.Heartbeat, seq, from_ms=0, to_ms=1_000 * seq) for seq in (2, 4, 3)]
    twin = folded(*beats, START, size=1)
    cell = twin.hashes[keys.user(1, 0, 5)][state.progress_field(7)]
    assert registers.decode(cell, registers.PROGRESS_WIDTH) == ((NOW_MS + 4_000, UUID.format(2), 4), (1, 4_000))


def test_the_history_keeps_the_latest_dramas():
    dramas = random.Random(1).sample(range(1, keys.RECENT_KEPT + 50), keys.RECENT_KEPT + 49)
    starts = [an(events.PlayStarted, seq, drama_id=d, ts_ms=NOW_MS + d) for seq, d in enumerate(dramas, 1)]
    recent = folded(*starts, size=20).zsets[keys.recent(1, 0, 5)]
    assert sorted(map(int, recent)) == list(range(50, keys.RECENT_KEPT + 50))
