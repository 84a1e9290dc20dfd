"""What became of each step, from MySQL into juliu.media: in the order it was written, at least once.

    Records(jobs, sender).run(stop, poll_s=1.0)    # in a thread of its own: a step may take half an hour

Every worker does it; two of them at once send copies, which have one record_id (domain.media.record).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from confluent_kafka import Producer

from domain.media.steps import Step
from domain.topics import MEDIA
from infra import failpoints, logs, metrics
from infra.fold_store import Wait
from infra.log_sender import Letter, LogSender, Make
from infra.media.job import Record
from infra.media.port import Jobs
from infra.settings import Settings

BATCH = 200
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


class KafkaSender:
    """Keeps the promises of Sender."""

    def __init__(self, settings: Settings, make: Make = Producer) -> None:
        self._log = LogSender(settings, "media", MEDIA.name, BATCH, make)

    def send(self, records: Sequence[Record]) -> None:
        """See Sender.  The key is the job: Kafka's own hashing would keep its records in order over partitions too."""
        self._log.send([Letter(str(record.job_id).encode(), record.value) for record in records])

    def close(self) -> None:
        """See Sender."""
        self._log.close()
