"""Letters into a topic: all of a batch are in the log when send() returns, in order in each partition."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from infra.fold_store import Wait
from infra.settings import Settings

DELIVERY_S = 8.0  # longest wait for a report; then Kafka is waited for
FLUSH_S = DELIVERY_S + 2.0  # librdkafka looks for messages that are too old once a second
BY_KEY = -1  # librdkafka's: the key says which partition

Make = Callable[..., Producer]


class Letter(NamedTuple):
    """One message; `partition` BY_KEY or a number."""

    key: bytes
    value: bytes
    partition: int = BY_KEY


class LogSender:
    """One producer for a topic; another takes its place after any failure.  `held`: letters of the largest batch."""

    def __init__(self, settings: Settings, client: str, topic: str, held: int, make: Make = Producer) -> None:
        self._topic, self._config, self._make = topic, _config(settings, client, held), make
        self._producer: Producer | None = None

    def send(self, letters: Sequence[Letter]) -> None:
        """Return when all are in the log.  Raises Wait where one may not be: send all of them again, before others."""
        reports = _Reports()
        producer = self._producer = self._producer or self._make(self._config)
        try:
            for letter in letters:
                producer.produce(self._topic, letter.value, letter.key, letter.partition, reports)
            producer.flush(FLUSH_S)
        except (BufferError, KafkaException) as error:
            self.close()
            raise Wait("kafka", error) from error
        if reports.written < len(letters):
            self.close()
            raise Wait("kafka", reports.failure or f"{reports.written} of {len(letters)} reported")

    def close(self) -> None:
        """Nothing is sent any more, until `send`."""
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.purge()  # what it still holds is sent again from MySQL, by the next one
            producer.flush(0)


def _config(settings: Settings, client: str, held: int) -> dict[str, Any]:
    """librdkafka's settings: idempotent, and no message overtakes one of its partition that failed."""
    return {
        "bootstrap.servers": settings.kafka,
        "client.id": f"juliu-{client}-{settings.worker_id}",
        "acks": "all",
        "enable.idempotence": True,
        "enable.gapless.guarantee": True,  # a failure is fatal: what was queued behind it does not go out before it
        "linger.ms": 5,
        "delivery.timeout.ms": int(DELIVERY_S * 1000),
        "queue.buffering.max.messages": 2 * held,
        "reconnect.backoff.max.ms": 1_000,
        "log.connection.close": False,
        "allow.auto.create.topics": False,
        "logger": logging.getLogger("librdkafka"),
    }


class _Reports:
    """The delivery reports of one batch."""

    def __init__(self) -> None:
        self.written, self.failure = 0, ""

    def __call__(self, error: KafkaError | None, _message: Message) -> None:
        if error is None:
            self.written += 1
        else:
            self.failure = self.failure or error.str()
