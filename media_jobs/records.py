"""What became of each step, from MySQL into juliu.media: in the order it was written, at least once.

    Records(jobs, sender).run(stop, poll_s=1.0)    # in a thread of its own: a step may take half an hour

Every worker does it; two of them at once send copies, which have one record_id (domain.media.record).
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from domain.media.steps import Step
from domain.topics import MEDIA
from infra import failpoints, logs, metrics
from infra.fold_store import Wait
from infra.media.job import Record
from infra.media.port import Jobs
from infra.settings import Settings

BATCH = 200
DELIVERY_S = 8.0  # longest wait for a report; then Kafka is waited for
FLUSH_S = DELIVERY_S + 2.0  # librdkafka looks for messages that are too old once a second
FIRST_S, LONGEST_S = 0.2, 5.0
LOG_EVERY_S = 10.0

log = logs.get(__name__)


class Sender(Protocol):
    """Where records go."""

    def send(self, records: Sequence[Record]) -> None:
        """Return when all are in the log.  Raises Wait where one may not be: send all of them again."""

    def close(self) -> None:
        """Nothing is sent any more."""


@dataclass
class Records:
    """The loop.  `wall_ms` is Unix time in ms; `waits` is what is waited for."""

    jobs: Jobs
    sender: Sender
    clock: Callable[[], float] = time.monotonic
    wall_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000
    waits: str = ""
    _logged: float = float("-inf")

    def run(self, stop: threading.Event, poll_s: float) -> None:
        """Turn until `stop`; a server that is away is waited for, with back-off."""
        pause_s = FIRST_S
        while not stop.is_set():
            try:
                wait_s, pause_s = 0.0 if self.turn() else poll_s, FIRST_S
            except Wait as error:
                wait_s, pause_s = pause_s, min(LONGEST_S, 2 * pause_s)
                self._waiting(error)
            stop.wait(wait_s)
        self.sender.close()

    def turn(self) -> bool:
        """Send a batch; whether more may wait.  Raises Wait: what is in doubt is sent again."""
        self.look()
        records = self.jobs.records(BATCH)
        if records:
            failpoints.reached("media.before_send")
            self.sender.send(records)
            failpoints.reached("media.after_send")
            self.jobs.records_sent([record.record_id for record in records])
            metrics.MEDIA_RECORDS_SENT.inc(len(records))
        self.waits = ""
        return len(records) == BATCH

    def look(self) -> None:
        """Tell the metrics how much there is to do.  Raises Wait."""
        depth, now_ms = self.jobs.depth(), self.wall_ms()
        for step in Step:
            metrics.MEDIA_READY.labels(step).set(depth.ready.get(step, 0))
        oldest_ms = now_ms if depth.oldest_due_ms is None else depth.oldest_due_ms
        metrics.MEDIA_READY_SECONDS.set(max(0, now_ms - oldest_ms) / 1000)
        metrics.MEDIA_LEASED.set(depth.leased)
        metrics.MEDIA_RECORDS_WAITING.set(depth.records)
        metrics.MEDIA_LOOKED_AT.set(now_ms / 1000)

    def _waiting(self, error: Wait) -> None:
        self.waits = error.store
        metrics.MEDIA_WAITS.labels(error.store).inc()
        if self.clock() - self._logged >= LOG_EVERY_S:
            self._logged = self.clock()
            log.warning("records wait", store=error.store, error=str(error)[:300])


def producer_config(settings: Settings) -> dict[str, Any]:
    """librdkafka's settings."""
    return {
        "bootstrap.servers": settings.kafka,
        "client.id": f"juliu-media-{settings.worker_id}",
        "acks": "all",
        "enable.idempotence": True,
        "linger.ms": 5,
        "delivery.timeout.ms": int(DELIVERY_S * 1000),
        "queue.buffering.max.messages": 2 * BATCH,
        "reconnect.backoff.max.ms": 1_000,
        "log.connection.close": False,
        "allow.auto.create.topics": False,
        "logger": logging.getLogger("librdkafka"),
    }


class KafkaSender:
    """Keeps the promises of Sender with one producer; another takes its place after any failure."""

    def __init__(self, settings: Settings, make: Callable[..., Producer] = Producer) -> None:
        self._config, self._make = producer_config(settings), make
        self._producer: Producer | None = None

    def send(self, records: Sequence[Record]) -> None:
        """See Sender.  The key is the job: Kafka's own hashing would keep its records in order over partitions too."""
        written, failures = [0], list[str]()

        def report(error: KafkaError | None, _message: Message) -> None:
            if error is None:
                written[0] += 1
            else:
                failures.append(error.str())

        producer = self._producer = self._producer or self._make(self._config)
        try:
            for record in records:
                producer.produce(MEDIA.name, record.value, str(record.job_id).encode(), on_delivery=report)
            producer.flush(FLUSH_S)
        except (BufferError, KafkaException) as error:
            self.close()
            raise Wait("kafka", error) from error
        if written[0] < len(records):
            self.close()
            raise Wait("kafka", failures[0] if failures else f"{written[0]} of {len(records)} reported")

    def close(self) -> None:
        """See Sender."""
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.purge()  # what it still holds is sent again from MySQL, by the next one
            producer.flush(0)
