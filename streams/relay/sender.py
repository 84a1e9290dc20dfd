"""Rows into juliu.events: all of a batch are in the log when send() returns, in order in each partition."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from domain.topics import EVENTS, partition_of
from infra.fold_store import Wait
from infra.settings import Settings
from streams.relay.outbox import Row

DELIVERY_S = 8.0  # longest wait for a report; then Kafka is waited for
FLUSH_S = DELIVERY_S + 2.0  # librdkafka looks for messages that are too old once a second


class Sender(Protocol):
    """Where rows go."""

    def send(self, rows: Sequence[Row]) -> None:
        """Return when all are in the log.

        Raises Wait where one may not be: send all of them again, in the same order, before any later row.
        """

    def close(self) -> None:
        """Nothing is sent any more."""


def producer_config(settings: Settings) -> dict[str, Any]:
    """librdkafka's settings: idempotent, and no message overtakes one of its partition that failed."""
    return {
        "bootstrap.servers": settings.kafka,
        "client.id": f"juliu-relay-{settings.worker_id}",
        "acks": "all",
        "enable.idempotence": True,
        "enable.gapless.guarantee": True,  # a failure is fatal: what was queued behind it does not go out before it
        "linger.ms": 5,
        "delivery.timeout.ms": int(DELIVERY_S * 1000),
        "queue.buffering.max.messages": 2 * settings.relay_batch,
        "reconnect.backoff.max.ms": 1_000,
        "log.connection.close": False,
        "allow.auto.create.topics": False,
        "logger": logging.getLogger("librdkafka"),
    }


class KafkaSender:
    """Keeps the promises of Sender with one producer; another takes its place after any failure."""

    def __init__(self, settings: Settings, topic: str = EVENTS.name, make: Callable[..., Producer] = Producer) -> None:
        self._topic, self._partitions = topic, settings.partitions
        self._config, self._make = producer_config(settings), make
        self._producer: Producer | None = None

    def send(self, rows: Sequence[Row]) -> None:
        """See Sender."""
        reports = _Reports()
        producer = self._producer = self._producer or self._make(self._config)
        try:
            for row in rows:
                self._produce(producer, row, reports)
            producer.flush(FLUSH_S)
        except (BufferError, KafkaException) as error:
            self.close()
            raise Wait("kafka", error) from error
        if reports.written < len(rows):
            self.close()
            raise Wait("kafka", reports.failure or f"{reports.written} of {len(rows)} reported")

    def close(self) -> None:
        """See Sender."""
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.purge()  # what it still holds is sent again from MySQL, by the next one
            producer.flush(0)

    def _produce(self, producer: Producer, row: Row, reports: _Reports) -> None:
        partition = partition_of(row.user_id, self._partitions)
        producer.produce(self._topic, row.value, str(row.user_id).encode(), partition, reports)


class _Reports:
    """The delivery reports of one batch."""

    def __init__(self) -> None:
        self.written, self.failure = 0, ""

    def __call__(self, error: KafkaError | None, _message: Message) -> None:
        if error is None:
            self.written += 1
        else:
            self.failure = self.failure or error.str()
