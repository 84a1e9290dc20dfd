"""What the watchdog sees of a real log: where it begins, where it ends, and how old what waits is."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import Producer, TopicPartition

from domain.topics import PULSE_KEY
from infra.settings import Settings
from streams import probe
from streams.probe import ServersProbe
from streams.watchdog import First, Silent

pytestmark = pytest.mark.servers


@pytest.fixture
def watched(stack: Settings, topic: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[ServersProbe]:
    """A probe of a topic whose partition 0 has records of 100, 200, ... 500 s; the last is a pulse."""
    monkeypatch.setattr(probe, "EVENTS", SimpleNamespace(name=topic))
    producer = Producer({"bootstrap.servers": stack.kafka, "log_level": 2})
    for n in range(1, 6):
        producer.produce(topic, b"x", PULSE_KEY if n == 5 else b"7", 0, timestamp=n * 100_000)
    assert producer.flush(20) == 0
    made = ServersProbe(stack, "counters")
    yield made
    made.close()


def test_it_tells_how_old_what_waits_and_what_is_kept_is(watched: ServersProbe, topic: str, kafka_admin: Any) -> None:
    assert watched.end(0) == 5
    assert watched.first_event(0, 1) == First(300_000)
    assert watched.first_event(0, 3) is None  # a pulse
    assert watched.oldest(0) is None  # retention has taken nothing
    taken = TopicPartition(topic, 0, 2)
    next(iter(kafka_admin.delete_records([taken]).values())).result(20)
    assert watched.oldest(0) == First(300_000)
    next(iter(kafka_admin.delete_records([TopicPartition(topic, 0, 5)]).values())).result(20)
    assert watched.oldest(0) is None  # nothing is left
    with pytest.raises(Silent):
        watched.first_event(0, 1)
