"""The log in Kafka: one idempotent producer, one thread that polls it, one future a batch.

The thread hands all delivery reports of one poll to the event loop with one call; the loop alone counts and answers.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer

from domain.topics import DEAD, EVENTS
from infra import logs
from infra.metrics import LOG_ACK_SECONDS, LOG_FAILURES, LOG_WAITING, LOG_WAITING_BYTES
from infra.settings import Settings
from ingest_api.errors import LogUnavailable, WrongPartitions
from ingest_api.events.log import Headers, Waiting

POLL_S = 0.1
CHECK_S = 2.0
CHECK_EVERY_S = 1.0
LINGER_MS = 5
SCAN_MS = 1_000  # librdkafka looks for messages that are too old once a second

log = logs.get(__name__)


def producer_config(settings: Settings) -> dict[str, Any]:
    """librdkafka's settings: idempotent, and every message reported before the ack deadline."""
    return {
        "bootstrap.servers": settings.kafka,
        "client.id": "juliu-api",
        "enable.idempotence": True,
        "acks": "all",
        "linger.ms": LINGER_MS,
        "message.timeout.ms": max(settings.ack_timeout_ms - SCAN_MS - 500, settings.ack_timeout_ms // 2),
        "queue.buffering.max.messages": 2 * settings.queue_high_water,
        "queue.buffering.max.kbytes": 2 * settings.queue_high_water_bytes // 1024,
        "reconnect.backoff.max.ms": 1_000,
        "socket.keepalive.enable": True,
        "socket.nagle.disable": True,
        "log.connection.close": False,
        "allow.auto.create.topics": False,
        "logger": logging.getLogger("librdkafka"),
    }


Written = Callable[[], Awaitable[int | None]]  # P as the installation was made with; None: nobody knows


async def _nobody_knows() -> int | None:
    return None


class _Batch:
    """One call of `append`: the callback of each of its messages (poll thread), then its settlement (loop)."""

    __slots__ = ("bytes", "error", "future", "messages", "refused", "reports", "settled", "unreported")

    def __init__(self, reports: deque[_Batch], future: asyncio.Future[KafkaError | None], values: list[bytes]) -> None:
        self.reports = reports
        self.future = future
        self.messages = self.unreported = len(values)
        self.bytes = sum(map(len, values))
        self.error: KafkaError | None = None
        self.refused = 0  # never queued, so never reported
        self.settled = False

    def __call__(self, error: KafkaError | None, _message: object) -> None:
        if error is not None:
            self.error = error
        self.unreported -= 1
        if self.unreported == self.refused:
            self.reports.append(self)


class KafkaLog:
    """Keeps the promises of `Log` with one librdkafka producer; another takes its place after a fatal error."""

    def __init__(
        self,
        settings: Settings,
        topic: str = EVENTS.name,
        dead: str = DEAD.name,
        make: Callable[[dict[str, Any]], Producer] = Producer,
        check_every_s: float = CHECK_EVERY_S,
        *,
        written: Written = _nobody_knows,
    ) -> None:
        self._topic = topic
        self._dead = dead
        self._partitions = settings.partitions
        self._ack_s = settings.ack_timeout_ms / 1000
        self._make = make
        self._check_every_s = check_every_s
        self._written = written
        self._config = producer_config(settings) | {"error_cb": self._on_error}
        self._producer: Producer  # made by start
        self._reports: deque[_Batch] = deque()
        self._messages = self._bytes = 0
        self._fatal = False
        self._right = False
        self._checking: asyncio.Task[None] | None = None
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._poll, name="kafka-poll", daemon=True)
        self._loop: asyncio.AbstractEventLoop

    # -- life -------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Begin polling and connect, so that no viewer waits for that.  A log that is away is no error yet.

        Raises WrongPartitions.  Until the partitions were seen to be right, nothing is appended.
        """
        self._loop = asyncio.get_running_loop()
        self._producer = self._make(self._config)
        self._thread.start()
        try:
            await self.check()
        except WrongPartitions as error:
            log.error("does not start", reason=error.message)  # a trace is cut before it comes to this
            await self.close()
            raise
        except LogUnavailable as error:
            log.warning("log not ready", reason=error.message)
            self._checking = asyncio.create_task(self._check_until_right(), name="kafka-check")

    async def close(self) -> None:
        """Wait for what is on its way, at most the ack deadline, and stop."""
        if self._checking is not None:
            self._checking.cancel()
        await asyncio.to_thread(self._stop)
        self._settle()

    @property
    def alive(self) -> bool:
        """The thread without which no batch is ever answered is running."""
        return self._thread.is_alive()

    # -- Log ----------------------------------------------------------------------------------------------------------

    async def append(self, partition: int, key: bytes, values: list[bytes]) -> None:
        if not self._right:
            raise _failed("not_checked")
        batch = _Batch(self._reports, self._loop.create_future(), values)
        began = self._loop.time()
        self._count(batch.messages, batch.bytes)
        self._produce(batch, partition, [{"value": value, "key": key} for value in values])
        try:
            async with asyncio.timeout(self._ack_s):
                error = await batch.future
        except TimeoutError as late:
            raise _failed("ack_timeout") from late
        if error is not None:
            raise _failed(error.name())
        LOG_ACK_SECONDS.observe(self._loop.time() - began)

    def waiting(self) -> Waiting:
        return Waiting(self._messages, self._bytes)

    def set_aside(self, key: bytes, value: bytes, headers: Headers) -> None:
        try:
            self._producer.produce(self._dead, value, key, headers=headers)
        except (BufferError, KafkaException) as error:
            log.warning("sample not kept", reason=str(error))

    async def check(self) -> None:
        try:
            metadata = await asyncio.to_thread(self._producer.list_topics, self._topic, CHECK_S)
        except KafkaException as error:
            raise LogUnavailable(f"Kafka does not answer: {error.args[0].name()}") from error
        found = len(metadata.topics[self._topic].partitions)
        if not found:
            raise LogUnavailable(f"Kafka has no {self._topic}: run `juliu migrate`")
        if found != self._partitions and not await self._were_added(found):
            raise WrongPartitions(f"{self._topic} has {found} partitions, JULIU_PARTITIONS says {self._partitions}")
        self._right = True

    async def _were_added(self, found: int) -> bool:
        """Whether the installation was made with our number of partitions, and somebody has added some since."""
        if found < self._partitions or await self._written() != self._partitions:
            return False
        log.error("partitions were added by hand: nothing is written there", there=found, used=self._partitions)
        return True

    async def _check_until_right(self) -> None:
        while not self._right:
            await asyncio.sleep(self._check_every_s)
            with suppress(LogUnavailable):
                await self.check()

    # -- on the loop --------------------------------------------------------------------------------------------------

    def _produce(self, batch: _Batch, partition: int, messages: list[dict[str, Any]]) -> None:
        try:
            queued = self._producer.produce_batch(self._topic, messages, partition=partition, on_delivery=batch)
        except (BufferError, KafkaException) as error:
            self._settle_one(batch)
            raise _failed("not_queued") from error
        if queued < len(messages):
            batch.refused = len(messages) - queued  # before `unreported` is read: see _Batch.__call__
            if batch.unreported == batch.refused:
                self._settle_one(batch)
            raise _failed("queue_full")

    def _settle(self) -> None:
        while self._reports:
            self._settle_one(self._reports.popleft())

    def _settle_one(self, batch: _Batch) -> None:
        if batch.settled:
            return
        batch.settled = True
        self._count(-batch.messages, -batch.bytes)
        if not batch.future.done():
            batch.future.set_result(batch.error)

    def _count(self, messages: int, size: int) -> None:
        self._messages += messages
        self._bytes += size
        LOG_WAITING.set(self._messages)
        LOG_WAITING_BYTES.set(self._bytes)

    # -- in the thread ------------------------------------------------------------------------------------------------

    def _poll(self) -> None:
        try:
            while not self._stopping.is_set():
                self._producer.poll(POLL_S)
                if self._fatal:
                    self._renew()
                if self._reports:
                    self._loop.call_soon_threadsafe(self._settle)
        except Exception:  # without this thread every request would wait in vain: end in order, be started again
            log.exception("kafka poll thread failed")
            os.kill(os.getpid(), signal.SIGTERM)

    def _renew(self) -> None:
        """An idempotent producer is of no more use after a fatal error: fail what waits, begin anew."""
        self._fatal, old = False, self._producer
        self._producer = self._make(self._config)
        old.purge()
        until = time.monotonic() + self._ack_s
        while old.flush(POLL_S) and time.monotonic() < until:  # a report that is lost would count as waiting for ever
            pass

    def _on_error(self, error: KafkaError) -> None:
        self._fatal = self._fatal or error.fatal()
        log.log(logging.ERROR if error.fatal() else logging.WARNING, "kafka", code=error.name(), reason=error.str())

    def _stop(self) -> None:
        self._stopping.set()
        self._thread.join()
        self._producer.flush(self._ack_s)


def _failed(cause: str) -> LogUnavailable:
    LOG_FAILURES.labels(cause.lower()).inc()
    return LogUnavailable()
