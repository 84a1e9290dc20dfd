"""The counters fold: equal to an independent ledger however the log is cut, and right about each event."""

from __future__ import annotations

import random
from collections import Counter

import msgspec
import pytest

from domain import counters, events, handlers, hotness, keys, registers, state
from domain.fold import Fold, Unfoldable
from tests import ledger
from tests.stream import NOW_MS, Stream, shuffled
from tests.twin import Twin

UUID = "00000000-0000-4000-8000-00000000000{}"
HOUR_MS = 3_600_000


def an(kind, seq, **fields):
    """An event of viewer 5 about episode 1 (of a minute) of drama 7, one second after the one before it."""
    about = {
        "event_id": UUID.format(1), "user_id": 5, "session_id": UUID.format(2), "drama_id": 7, "drama_index": 3,
        "at_ms": 1, "ts_ms": NOW_MS + 1_000 * seq, "received_at_ms": NOW_MS + 1_000 * seq,
    }  # fmt: skip
    if issubclass(kind, events.EpisodeEvent):
        about["episode_no"] = 1
    if issubclass(kind, events.PlayEvent):
        about |= {"play_id": UUID.format(3), "duration_ms": 60_000}
    return kind(seq=seq, **(about | fields))


def fold_in(twin, records, size=1_000, cap=500, forget=lambda: False):
    """Fold the records into the twin, `size` at a time; the fold."""
    fold = Fold(0, 1)
    for at in range(0, len(records), size):
        if forget():
            fold.state.forget()
        prepared = fold.prepare(list(enumerate(records[at : at + size], at)))
        fold.state.fill(twin.read(fold.state.missing))
        assert all(twin.apply(run) for run in fold.effects(prepared, cap))
        fold.state.trim()
    assert twin.fence == len(records) - 1
    return fold


def folded(*records, **how):
    """A twin into which these records have been folded."""
    twin = Twin()
    fold_in(twin, list(records), **how)
    return twin


def numbers(twin):
    """(drama, counter) -> number, without zeros."""
    found = {counters.parse_field(f): n for f, n in twin.hashes.get(keys.counters_part(1, 0), {}).items()}
    return {(drama, counters.COUNTERS[i]): n for (drama, i), n in found.items() if n}


def heat(twin):
    """(decay, epoch, drama) -> weight."""
    return {
        (decay.name, epoch, int(drama)): score
        for decay in hotness.DECAYS
        for epoch in range(100)
        for drama, score in twin.zsets.get(keys.heat_part(decay.name, 1, 0, epoch), {}).items()
    }


@pytest.fixture(scope="module")
def log():
    """2,000 events with resends, swaps, some late ones and pulses, as records and as the ledger of it."""
    rnd, records = random.Random(5), []
    for event in shuffled(Stream(60, 20, seed=3), 2_000, resend=0.08, swap=0.05):
        late = rnd.random() < 0.01
        records.append(msgspec.structs.replace(event, late=True) if late else event)
        records += [None] if rnd.random() < 0.01 else []
    decoded = [record and events.decode(events.encode(record)) for record in records]
    return decoded, ledger.fold(msgspec.json.decode(events.encode(record)) for record in records if record)


CUTS = [(1, 500), (37, 500), (1_000, 500), (1_000, 40), (300, 10**9)]


@pytest.mark.parametrize(("size", "cap"), CUTS)
def test_any_cut_of_the_log_gives_what_the_ledger_gives(log, size, cap):
    records, want = log
    twin, rnd = Twin(), random.Random(size)
    fold = fold_in(twin, records, size, cap, forget=lambda: rnd.random() < 0.2)
    assert numbers(twin) == want.numbers()
    assert heat(twin) == pytest.approx(dict(want.heat), rel=1e-9)
    assert (fold.seen, fold.late, fold.too_old) == (want.duplicates, want.late, 0)
    assert want.duplicates > 100
    assert want.late > 10


def test_the_viewers_state_is_what_the_ledger_gives(log):
    records, want = log
    twin = folded(*records)
    for (user, drama), progress in want.progress.items():
        cell = twin.hashes[keys.user(1, 0, user)][state.progress_field(drama)]
        assert registers.decode(cell, registers.PROGRESS_WIDTH) == progress
    for (user, counter, drama, episode), (stamp, on) in want.reactions.items():
        fields = {"likes": f"rl{drama}.{episode}", "follows": f"rf{drama}", "dislikes": f"rd{drama}"}
        field = fields[counter]
        assert registers.decode(twin.hashes[keys.user(1, 0, user)][field], 1) == (stamp, (on,))
    assert twin.bitmaps == {keys.seen(1, 0, user): v for user, v in want.seen.items()}
    recent = {keys.recent(1, 0, user): {str(d): ts for d, ts in v.items()} for user, v in want.recent.items()}
    assert {k: v for k, v in twin.zsets.items() if k.startswith("recent:")} == recent


def test_any_cut_of_the_log_gives_the_same_state(log):
    records, _ = log
    twins = [folded(*records, size=size, cap=cap) for size, cap in CUTS]
    for twin in twins[1:]:
        assert twin.hashes == twins[0].hashes
        assert twin.bitmaps == twins[0].bitmaps
        assert twin.lives.keys() == twins[0].lives.keys()


def test_a_call_stays_about_its_cap(log):
    fold, twin = Fold(0, 1), Twin()
    prepared = fold.prepare(list(enumerate(log[0])))
    fold.state.fill(twin.read(fold.state.missing))
    runs = fold.effects(prepared, 100)
    assert len(runs) > 10
    for run in runs:
        assert sum(1 if verb in ("EXPIRE", "ZTRIM") else len(rest) // 2 for verb, _, *rest in run.commands) <= 300
    assert [run.first for run in runs[1:]] == [run.last + 1 for run in runs[:-1]]


def test_everything_kept_for_a_viewer_has_a_life(log):
    twin = folded(*log[0])
    kept = [key for family in (twin.hashes, twin.zsets, twin.bitmaps) for key in family]
    for key in kept:
        if key.startswith(("s:", "u:", "seen:", "recent:")):
            assert twin.lives[key] == (keys.SESSION_LIFE_S if key.startswith("s:") else keys.USER_LIFE_S)
        else:
            assert key not in twin.lives


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


def test_dirty_names_the_dramas_of_a_run_and_its_last_offset():
    twin = folded(an(events.Impression, 1), an(events.Impression, 2, drama_id=8), an(events.Impression, 2, drama_id=9))
    assert twin.zsets[keys.dirty(1, 0)] == {"7": 2, "8": 2}


def test_what_changes_no_number_makes_no_drama_dirty():
    liked = [an(events.Liked, 1), an(events.Unliked, 2)]
    assert keys.dirty(1, 0) not in folded(*liked).zsets
    assert folded(*liked, size=1).zsets[keys.dirty(1, 0)] == {"7": 1}


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


START = an(events.PlayStarted, 1, qualified=True)
VALID = an(events.Heartbeat, 2, from_ms=0, to_ms=8_000)


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


def test_late_events_are_not_counted_and_do_not_enter_the_window():
    late = an(events.Impression, 1, late=True)
    twin = Twin()
    fold = fold_in(twin, [late, late])
    assert (fold.late, twin.hashes) == (2, {})


def test_an_event_below_a_closed_gap_is_counted_as_too_old_only():
    seqs = [*range(2, 70, 2), 1]
    twin = Twin()
    fold = fold_in(twin, [an(events.Impression, seq) for seq in seqs])
    assert fold.too_old == 1
    assert numbers(twin) == {(7, "impressions"): len(seqs) - 1}


def test_a_record_that_cannot_be_folded_is_named_and_the_rest_goes_on_without_it():
    records = [START, an(events.Heartbeat, 2, from_ms=0, to_ms=8_000, drama_index=2**40), an(events.Impression, 3)]
    fold = Fold(0, 1)
    prepared = fold.prepare(list(enumerate(records)))
    fold.state.fill([[None] * len(fields) for fields in fold.state.missing.values()])
    with pytest.raises(Unfoldable) as poison:
        fold.effects(prepared)
    assert poison.value.offset == 1
    assert isinstance(poison.value.__cause__, ValueError)
    records[poison.value.offset] = None
    assert numbers(folded(*records)) == {(7, "starts"): 1, (7, "impressions"): 1}


def test_every_public_event_has_needs_and_a_handler():
    assert handlers.NEEDS.keys() == handlers.HANDLERS.keys() == set(events.PUBLIC)


def test_the_fields_spelled_for_speed_are_those_of_the_state():
    needs = handlers.NEEDS[events.Heartbeat](VALID)
    assert needs == ((state.WINDOW, state.play_field(VALID.play_id)), (state.progress_field(7), state.marks_field(7)))


def test_a_heartbeat_of_a_known_window_reads_nothing_again():
    twin, fold = Twin(), Fold(0, 1)
    for offset, event in enumerate([START, VALID]):
        prepared = fold.prepare([(offset, event)])
        assert bool(fold.state.missing) == (offset == 0)
        fold.state.fill(twin.read(fold.state.missing))
        assert all(twin.apply(run) for run in fold.effects(prepared))


def test_a_cell_that_two_records_need_is_read_once():
    held = state.State()
    for fields in (("w",), ("w", "pa"), ("pa", "w")):
        held.need("a", fields)
    assert held.missing == {"a": ["w", "pa"]}


def test_held_state_has_a_bound():
    held = state.State(max_held=2)
    for key in "abc":
        held.need(key, ("w",))
    held.fill([[None]] * 3)
    held.trim()
    assert list(held.hashes) == ["b", "c"]


def test_a_store_that_answers_nonsense_is_an_error():
    held = state.State()
    held.need("a", ("w",))
    with pytest.raises(ValueError, match="not a window"):
        held.fill([["1,2"]])


def test_counts_of_a_stream_are_plausible(log):
    kinds = Counter(type(record).__name__ for record in log[0] if record)
    assert kinds["Heartbeat"] > 1_000
    assert len(kinds) == len(events.PUBLIC)
