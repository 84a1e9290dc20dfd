"""The exactly-once core, explored: exact in every schedule, and whatever rule is taken away is missed in some."""

from __future__ import annotations

import pytest

from tests.model.explore import Schedule, explore, explore_all, first_wrong, trace_of
from tests.model.relay import RelaySchedule
from tests.model.variants import (
    BASE,
    FEW_TOKENS,
    GOES_BACK,
    LOUD,
    MENDED,
    REBUILT,
    RELAY,
    RELAY_TAKEN_AWAY,
    TAKEN_AWAY,
)

FAULTS = (
    "applied", "refused", "answer lost", "crash", "sent again", "redis went back", "limit changed", "inserted", "block",
    "dropped by token", "found by its key", "insert came too late", "block came too late",
)  # fmt: skip
RELAYS = ("committed", "rolled back", "sent", "failed", "report lost", "marked", "crash", "mysql killed", "pruned")
REBUILDS = (
    "redis was emptied", "redis went back", "keys written", "fences written", "switched", "rebuilt", "abandoned",
    "differs", "fences are gone", "dropped", "mended", "elsewhere",
)  # fmt: skip


def exact(explored, rules):
    """Nothing is wrong in any schedule; else the first that is, step by step."""
    if explored.wrong:
        pytest.fail("\n".join(trace_of(explored.wrong[0][0], rules)))


def test_the_design_is_exact_in_20_000_schedules():
    explored = explore_all(BASE, 20_000)
    exact(explored, BASE)
    assert explored.schedules == 20_000
    assert explored.steps > 1_900_000
    assert {what for what, n in explored.happened.items() if n >= 100} >= set(FAULTS), "nothing was vacuous"


@pytest.mark.slow
@pytest.mark.timeout(3_600)
def test_the_design_is_exact_in_200_000_schedules():
    exact(explore_all(BASE, 200_000), BASE)


def test_it_is_exact_with_few_tokens_too():
    exact(explore(FEW_TOKENS, range(2_000)), FEW_TOKENS)


def test_when_clickhouse_goes_back_a_worker_stops_or_verify_notices():
    explored = explore(GOES_BACK, range(2_000))
    assert {wrong.kind for _, wrong in explored.wrong} == LOUD


@pytest.mark.parametrize("name", TAKEN_AWAY)
def test_a_rule_that_is_taken_away_is_missed(name):
    variant = TAKEN_AWAY[name]
    seed = first_wrong(variant.rules, range(variant.begin, variant.begin + variant.within), variant.shows)
    assert seed is not None, variant.what
    with_it = Schedule(seed, variant.world).run()
    assert with_it is None or (with_it.kind in LOUD and variant.world is GOES_BACK)


def test_redis_emptied_and_rebuilt_beside_everybody_is_exact_in_4_000_schedules():
    explored = explore_all(REBUILT, 4_000)
    exact(explored, REBUILT)
    assert {what for what, n in explored.happened.items() if n >= 100} >= set(REBUILDS), "nothing was vacuous"


def test_a_rebuild_is_the_way_out_when_clickhouse_goes_back():
    explored = explore(MENDED, range(1_000))
    assert {wrong.kind for _, wrong in explored.wrong} <= LOUD
    assert explored.happened["mended"] > 500


def test_two_relays_and_a_log_that_fails_are_exact_in_10_000_schedules():
    explored = explore_all(RELAY, 10_000)
    exact(explored, RELAY)
    assert {what for what, n in explored.happened.items() if n >= 100} >= set(RELAYS), "nothing was vacuous"


@pytest.mark.parametrize("name", RELAY_TAKEN_AWAY)
def test_a_rule_of_the_relay_that_is_taken_away_is_missed(name):
    rules, kind = RELAY_TAKEN_AWAY[name]
    seed = first_wrong(rules, range(300), frozenset({kind}))
    assert seed is not None
    assert RelaySchedule(seed, RELAY).run() is None


def test_a_schedule_is_a_function_of_its_seed():
    first, second = (trace_of(11, BASE) for _ in range(2))
    assert first == second
    assert len(first) > 20
    assert first != trace_of(12, BASE)
    assert Schedule(11, BASE).run() is None
