"""The counters fold: equal to an independent ledger, however the log is cut."""

from __future__ import annotations

import random
from collections import Counter

import msgspec
import pytest

from domain import events, handlers, keys, registers, state
from domain.fold import Fold, Unfoldable
from juliu.faults import expected
from tests.folding import START, VALID, an, fold_in, folded, heat, numbers
from tests.stream import Stream, shuffled
from tests.twin import Twin


@pytest.fixture(scope="module")
def log():
    """2,000 events with resends, swaps, some late ones and pulses, as records and as the ledger of it."""
    rnd, records = random.Random(5), []
    for event in shuffled(Stream(60, 20, seed=3), 2_000, resend=0.08, swap=0.05):
        late = rnd.random() < 0.01
        records.append(msgspec.structs.replace(event, late=True) if late else event)
        records += [None] if rnd.random() < 0.01 else []
    decoded = [record and events.decode(events.encode(record)) for record in records]
    return decoded, expected.fold(msgspec.json.decode(events.encode(record)) for record in records if record)


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
    for twin in twins:  # a like taken back in the next run leaves a 0, in the same run nothing
        counted = twin.hashes[keys.counters_part(1, 0)]
        twin.hashes[keys.counters_part(1, 0)] = {field: n for field, n in counted.items() if n}
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


def test_dirty_names_the_dramas_of_a_run_and_its_last_offset():
    twin = folded(an(events.Impression, 1), an(events.Impression, 2, drama_id=8), an(events.Impression, 2, drama_id=9))
    assert twin.zsets[keys.dirty(1, 0)] == {"7": 2, "8": 2}


def test_what_changes_no_number_makes_no_drama_dirty():
    liked = [an(events.Liked, 1), an(events.Unliked, 2)]
    assert keys.dirty(1, 0) not in folded(*liked).zsets
    assert folded(*liked, size=1).zsets[keys.dirty(1, 0)] == {"7": 1}


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


def test_every_event_has_needs_and_a_handler():
    assert handlers.NEEDS.keys() == handlers.HANDLERS.keys() == set(events.ALL)


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
    assert len(kinds) == len(events.ALL)
