"""Reading a log by offsets: what is there, no more, and what is last."""

from __future__ import annotations

import time

import pytest
from confluent_kafka import KafkaException

from infra.log_reader import LogReader
from tests.operator_world import World

pytestmark = pytest.mark.servers


def test_a_stretch_of_the_log_is_read_and_what_comes_last_is_known(world: World) -> None:
    with LogReader(world.settings, world.log) as log:
        assert log.bounds(1) == (0, 0)
        assert log.last_event(1) == -1
        assert list(log.records(1, 0, 0)) == []
        for n in range(450):
            world.put_raw(1, b"k", b"%d" % n)
        middle_ms = int(time.time() * 1000) + 1
        for _ in range(250):
            world.pulse_one(1)
        world.flush()
        assert log.bounds(1) == (0, 700)
        assert log.last_event(1) == 449
        assert [entry.value for entry in log.records(1, 10, 13)] == [b"10", b"11", b"12"]
        first = log.first_event(1, 440, 700)
        assert first is not None
        assert (first.offset, first.key) == (440, b"k")
        assert log.first_event(1, 450, 700) is None
        assert log.first_record(1, 700, 700) is None
        assert log.first_since(1, middle_ms + 60_000) == 700
        assert log.first_since(1, 0) == 0
        assert log.retention_ms() == 7 * 86_400_000
        with pytest.raises(KafkaException):
            list(log.records(1, 900, 901))
