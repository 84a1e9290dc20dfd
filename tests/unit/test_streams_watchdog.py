"""What the watchdog ends, and what it lets be."""

from __future__ import annotations

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import REGISTRY

from infra import exits
from streams.watchdog import FAR_BEHIND_S, IDLE_STALLS, SESSION_S, STALL_S, STOP_S, First, Silent, Watchdog
from tests.ended import Ended, ends


class Servers:
    """A store and a log of two partitions."""

    def __init__(self) -> None:
        self.at: dict[int, int] = {0: 5, 1: 5}
        self.ends: dict[int, int] = {0: 6, 1: 6}
        self.pulses: set[tuple[int, int]] = set()
        self.oldest_ms: int | None = None
        self.silent = False

    def fences(self) -> Mapping[int, int]:
        """See Probe."""
        if self.silent:
            raise Silent("nobody")
        return dict(self.at)

    def end(self, p: int) -> int:
        """See Probe."""
        return self.ends[p]

    def oldest(self, p: int) -> First | None:
        """See Probe."""
        return None if self.oldest_ms is None else First(self.oldest_ms)

    def first_event(self, p: int, after: int) -> First | None:
        """See Probe."""
        found = [o for o in range(after + 1, self.ends[p]) if (p, o) not in self.pulses]
        return First(990_000) if found else None

    def close(self) -> None:
        """See Probe."""


class Rig:
    """A watchdog over a worker that holds both partitions, and a clock."""

    def __init__(self) -> None:
        self.servers, self.time = Servers(), 1000.0
        self.waiting: dict[int, Any] = {}
        self.went_back: list[int] = []
        self.known = {0: 5, 1: 5}
        self.group = SimpleNamespace(
            assigned=frozenset({0, 1}),
            fences=lambda: dict(self.known),
            waits=SimpleNamespace(now=lambda: self.waiting),
            work=SimpleNamespace(group="counters"),
        )
        self.dog = Watchdog(
            self.group,  # type: ignore[arg-type]
            self.servers, self.went_back.append, ends, lambda: self.time, lambda: self.time,
        )  # fmt: skip

    def later(self, seconds: float) -> None:
        """Look every 5 seconds for so long."""
        for _ in range(int(seconds / 5)):
            self.dog.look()
            self.time += 5
        self.dog.look()


@pytest.fixture
def rig() -> Rig:
    """A calm worker."""
    return Rig()


def test_a_worker_that_has_nothing_to_do_may_stand_still(rig: Rig) -> None:
    rig.later(STALL_S * 5)
    assert rig.dog.healthy()


def test_events_behind_a_fence_that_does_not_move_end_the_process(rig: Rig) -> None:
    rig.servers.ends[1] = 9
    rig.later(STALL_S - 5)
    with pytest.raises(Ended, match=str(exits.STANDS_STILL)):
        rig.later(10)


def test_an_event_after_a_long_calm_has_time_to_be_taken(rig: Rig) -> None:
    rig.later(STALL_S * 5)
    rig.servers.ends[1] = 9
    rig.later(STALL_S - 10)
    with pytest.raises(Ended):
        rig.later(20)


def test_pulses_behind_a_fence_are_nothing_to_do(rig: Rig) -> None:
    rig.servers.ends[1] = 8
    rig.servers.pulses = {(1, 6), (1, 7)}
    rig.later(STALL_S * 5)
    assert rig.dog.partitions[1].lag_records == 2
    assert rig.dog.partitions[1].lag_seconds == 0.0


def test_a_fence_that_moves_is_no_standstill(rig: Rig) -> None:
    rig.servers.ends[1] = 1000
    for _ in range(20):
        rig.servers.at[1] += 1
        rig.later(STALL_S - 10)
    assert rig.dog.partitions[1].lag_records == 1000 - 1 - 25


def test_a_store_that_goes_back_again_and_again_is_no_standstill(rig: Rig) -> None:
    rig.servers.ends[1] = 1000
    for known in range(100, 120):
        rig.known[1] = known
        rig.later(STALL_S / 4)
    assert set(rig.went_back) == {1}


def test_a_partition_that_waits_for_a_store_is_let_wait(rig: Rig) -> None:
    rig.servers.ends[1] = 9
    rig.waiting = {1: SimpleNamespace(store="redis")}
    rig.later(STALL_S * 5)
    rig.waiting = {}
    rig.later(STALL_S - 5)
    with pytest.raises(Ended):
        rig.later(10)


def test_what_nobody_can_see_is_not_known_to_stand_still(rig: Rig) -> None:
    rig.servers.ends[1] = 9
    rig.dog.look()
    rig.servers.silent = True
    rig.later(STALL_S * 5)
    assert not rig.dog.healthy()
    rig.servers.silent = False
    rig.later(STALL_S - 10)
    assert rig.dog.healthy()


def test_a_fence_behind_what_the_worker_knows_is_told(rig: Rig) -> None:
    rig.dog.look()
    assert rig.went_back == []
    rig.servers.at[1] = 2
    rig.dog.look()
    assert rig.went_back == [1]
    rig.known[1] = 2
    rig.servers.at[1] = 9
    rig.dog.look()
    assert rig.went_back == [1]


def test_another_workers_partition_is_not_ours_to_judge(rig: Rig) -> None:
    rig.group.assigned = frozenset({0})
    rig.servers.ends[1] = 9
    rig.later(STALL_S * 10)


def test_a_worker_without_partitions_does_not_watch_them_stand_still_for_ever(rig: Rig) -> None:
    rig.group.assigned = frozenset()
    rig.servers.ends[1] = 9
    rig.later(STALL_S * IDLE_STALLS - 5)
    with pytest.raises(Ended, match=str(exits.STANDS_STILL)):
        rig.later(10)


def test_lag_is_measured_from_the_fence(rig: Rig) -> None:
    rig.servers.ends[0] = 106
    rig.dog.look()
    assert rig.dog.partitions[0].lag_records == 100
    assert rig.dog.partitions[0].lag_seconds == pytest.approx(10.0)


def sample(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, {"group": "counters", **labels})


def test_lag_and_fence_are_told_for_partitions_that_are_ours(rig: Rig) -> None:
    rig.servers.ends[0] = 106
    rig.dog.look()
    assert (sample("juliu_stream_fence", partition="0"), sample("juliu_stream_lag_records", partition="0")) == (5, 100)
    assert sample("juliu_stream_looked_at_seconds") == rig.time
    rig.group.assigned = frozenset({1})
    rig.dog.look()
    assert sample("juliu_stream_fence", partition="0") is None
    assert sample("juliu_stream_fence", partition="1") == 5


@pytest.mark.parametrize(
    ("behind_s", "oldest_s_before", "kept_s"),
    [
        (FAR_BEHIND_S + 60, 3_600, 3_600.0),
        (FAR_BEHIND_S + 60, 0, 0.0),
        (FAR_BEHIND_S - 60, 3_600, float("inf")),  # not worth a read
        (FAR_BEHIND_S + 60, None, float("inf")),  # retention has taken nothing
    ],
)
def test_how_near_retention_is_to_the_fence_is_told(
    rig: Rig, behind_s: float, oldest_s_before: float | None, kept_s: float
) -> None:
    rig.servers.ends[0] = 106
    rig.time = 990 + behind_s  # the first event behind a fence is of 990 s
    rig.servers.oldest_ms = None if oldest_s_before is None else int((990 - oldest_s_before) * 1000)
    rig.dog.look()
    assert sample("juliu_stream_kept_seconds", partition="0") == kept_s
    assert sample("juliu_stream_kept_seconds", partition="1") == float("inf")


def test_what_the_partitions_wait_for_is_told_also_while_nothing_can_be_seen(rig: Rig) -> None:
    rig.waiting = {1: SimpleNamespace(store="redis")}
    rig.servers.silent = True
    rig.dog.look()
    assert sample("juliu_stream_waiting_partitions", store="redis") == 1
    rig.waiting, rig.servers.silent = {}, False
    rig.dog.look()
    assert sample("juliu_stream_waiting_partitions", store="redis") == 0


def test_a_process_that_slept_through_its_session_ends(rig: Rig) -> None:
    rig.dog.tick(SESSION_S - 1)
    with pytest.raises(Ended, match=str(exits.SLEPT)):
        rig.dog.tick(SESSION_S + 1)


def test_an_orderly_stop_has_an_end(rig: Rig) -> None:
    rig.dog.stopping()
    rig.time += STOP_S - 1
    rig.dog.tick(0.25)
    rig.time += 2
    with pytest.raises(Ended, match=str(exits.UNFORESEEN)):
        rig.dog.tick(0.25)


def test_a_watchdog_that_fails_ends_the_process(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    def garbage() -> Mapping[int, int]:
        raise ValueError("a fence that is no number")

    monkeypatch.setattr(rig.servers, "fences", garbage)
    with pytest.raises(Ended, match=str(exits.UNFORESEEN)):
        rig.dog._looks()
