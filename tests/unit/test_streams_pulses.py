"""The pulse clock: when a block is closed from outside, and when it is left alone."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from domain.topics import EVENTS, PULSE_KEY
from infra.fold_store import Wait
from streams.log_writer import Letter
from streams.pulses import LONGEST_S, Clock, Open, Pulses, interval_s
from streams.watchdog import STALL_S


class Blocks:
    """streams.pulses.OpenBlocks."""

    def __init__(self, **blocks: Open) -> None:
        self.open = {int(p[1:]): block for p, block in blocks.items()}

    def open_blocks(self) -> dict[int, Open]:
        return self.open


class Written:
    """streams.dead.Letters that remembers, or is away."""

    def __init__(self, away: bool = False) -> None:
        self.letters: list[Letter] = []
        self.away = away

    async def write(self, letters: Sequence[Letter]) -> None:
        if self.away:
            raise Wait("kafka", "away")
        self.letters += letters


def test_the_interval_is_the_setting_or_what_keeps_all_partitions_at_four_blocks_a_second():
    assert [interval_s(1_000, p) for p in (1, 4, 5, 64)] == [1.0, 1.0, 1.25, 16.0]
    assert interval_s(3_000, 4) == 3.0


def test_no_block_stays_open_for_so_long_that_the_watchdog_takes_it_for_a_stall():
    assert 2 * interval_s(60_000, 1_024) < STALL_S


def test_a_block_is_due_once_it_is_old_enough():
    clock, blocks = Clock(1.0), {0: Open(10, 5.0), 1: Open(7, 5.9)}
    assert clock.due(blocks, 5.9) == []
    assert clock.due(blocks, 6.0) == [0]
    assert clock.due(blocks, 6.5) == []
    assert clock.due(blocks, 6.9) == [1]


def test_the_next_block_of_a_partition_is_due_in_its_own_time():
    clock = Clock(1.0)
    assert clock.due({0: Open(10, 5.0)}, 6.0) == [0]
    assert clock.due({0: Open(30, 6.1)}, 7.0) == []
    assert clock.due({0: Open(30, 6.1)}, 7.1) == [0]


def test_a_worker_that_catches_up_with_old_blocks_pulses_once_an_interval():
    clock = Clock(1.0)
    at = [tick / 10 for tick in range(100) if clock.due({0: Open(tick * 20_000, -50.0)}, tick / 10)]
    assert at == [float(second) for second in range(10)]


def test_a_block_that_does_not_close_is_pulsed_more_and_more_rarely():
    clock = Clock(1.0)
    at = [tick / 10 for tick in range(4_000) if clock.due({0: Open(10, 0.0)}, tick / 10)]
    assert at[:6] == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0]
    assert at[-1] - at[-2] == pytest.approx(LONGEST_S)


async def test_pulses_go_into_the_partitions_that_are_held_and_due():
    log = Written()
    pulses = Pulses(Blocks(p0=Open(1, 0.0), p1=Open(1, 0.0), p2=Open(1, 99.5)), log, Clock(1.0), now=lambda: 100.0)
    await pulses.beat(frozenset({0, 2, 3}))
    assert [(each.topic, each.key, each.value, each.partition) for each in log.letters] == [
        (EVENTS.name, PULSE_KEY, b"", 0)
    ]


async def test_a_pulse_that_kafka_does_not_take_is_no_error():
    pulses = Pulses(Blocks(p0=Open(1, 0.0)), Written(away=True), Clock(1.0), now=lambda: 100.0)
    await pulses.beat(frozenset({0}))
