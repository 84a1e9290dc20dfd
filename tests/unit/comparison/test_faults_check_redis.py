"""The comparison of Redis: content with what the product leaves there, and with nothing else."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from domain import keys
from domain.rows import RowFold
from juliu.faults import check_keys
from juliu.faults.check_truth import Problems, Truth
from tests.faults_run import Fake
from tests.folding import fold_in
from tests.twin import Twin


@pytest.fixture(scope="module")
def redis_of_the_run(run, truth) -> Fake:
    records = run.decoded(truth)
    counters, windows = Twin(), Twin()
    fold_in(counters, records)
    fold = RowFold(0, 1)
    prepared = fold.prepare(enumerate(records))
    fold.state.fill(windows.read(fold.state.missing))
    fold.judge(prepared)
    assert windows.apply(fold.effects(prepared, 20_000))
    return Fake(counters, windows)


@pytest.fixture
def store(redis_of_the_run) -> Fake:
    return deepcopy(redis_of_the_run)


def compared(store: Fake, truth: Truth) -> tuple[int, list[str]]:
    found = Problems()
    return check_keys.check_partition(store, truth, store.names(), found), found.told()  # type: ignore[arg-type]


def test_redis_as_the_product_leaves_it_is_right(store, truth):
    assert compared(store, truth) == (0, [])


def first(family: dict[str, Any], prefix: str, field: str = "") -> tuple[str, str]:
    """A key of a family, and a field of it that begins with `field`."""
    return next(
        (key, name)
        for key in family
        if key.startswith(prefix)
        for name in map(str, family[key])
        if name.startswith(field)
    )


def a_counter_off_by_one(store):
    key, field = first(store.hashes, keys.counters_part(1, 0))
    store.hashes[key][field] += 1


def a_counter_of_nothing(store):
    store.hashes[keys.counters_part(1, 0)]["7001:unlocks"] = 1


def a_stale_progress(store):
    key, field = first(store.hashes, "u:", "g")
    at, rest = store.hashes[key][field].split(",", 1)
    store.hashes[key][field] = f"{int(at) - 1},{rest}"


def a_reaction_the_other_way(store):
    key, field = first(store.hashes, "u:", "r")
    ts, seq, on, session = store.hashes[key][field].split(",")
    store.hashes[key][field] = f"{ts},{seq},{1 - int(on)},{session}"


def a_mark_too_few(store):
    key, field = first(store.hashes, "u:", "v")
    del store.hashes[key][field]


def a_window_that_forgot(store):
    key, _ = first(store.hashes, "s:counters:", "w")
    hour, floor, high, *gaps = store.hashes[key]["w"].split(",")
    store.hashes[key]["w"] = ",".join([hour, floor, str(int(high) - 1), *gaps])


def a_window_of_the_store_that_is_gone(store):
    del store.hashes[first(store.hashes, "s:store:")[0]]


def a_playback_with_more_content(store):
    key, field = first(store.hashes, "s:counters:", "p")
    store.hashes[key][field] += ",7000,1000"


def a_bit_too_many(store):
    store.bitmaps[first(store.bitmaps, "seen:")[0]].add(1_000)


def an_older_history(store):
    key, member = first(store.zsets, "recent:")
    store.zsets[key][member] -= 1


def heat_that_was_added_twice(store):
    key, member = first(store.zsets, "heat:")
    store.zsets[key][member] *= 1 + 1e-7


def a_key_of_another_namespace(store):
    store.hashes[keys.user(2, 0, 5)] = {"g7": "1,1,1,1,x"}


def a_key_for_ever(store):
    del store.lives[first(store.hashes, "u:")[0]]


def a_window_of_a_minute(store):
    store.lives[first(store.hashes, "s:counters:", "w")[0]] = 60


def a_counter_that_will_be_gone(store):
    store.lives[keys.counters_part(1, 0)] = 10**9


def a_fence_behind(store):
    store.texts[keys.fence("store", 1, 0)] = "100"


NO_CELLS = (a_key_for_ever, a_fence_behind, a_window_of_a_minute, a_counter_that_will_be_gone)
SPOILS = [
    a_counter_off_by_one, a_counter_of_nothing, a_stale_progress, a_reaction_the_other_way, a_mark_too_few,
    a_window_that_forgot, a_window_of_the_store_that_is_gone, a_playback_with_more_content, a_bit_too_many,
    an_older_history, heat_that_was_added_twice, a_key_of_another_namespace, a_key_for_ever, a_fence_behind,
    a_window_of_a_minute, a_counter_that_will_be_gone,
]  # fmt: skip


@pytest.mark.parametrize("spoil", SPOILS, ids=lambda spoil: spoil.__name__)
def test_anything_wrong_in_redis_is_noticed(store, truth, spoil):
    spoil(store)
    wrong, told = compared(store, truth)
    assert told
    assert wrong == (spoil not in NO_CELLS)


def test_a_key_that_belongs_to_no_partition_must_be_known():
    found = Problems()
    check_keys.check_global([keys.HOT, keys.poison_budget("store", "1", 5), keys.TAKEDOWNS, keys.rec_items("1")], found)
    assert found.told() == []
    check_keys.check_global(["forgotten"], found)
    assert found.count("a key that nobody can explain") == 1
