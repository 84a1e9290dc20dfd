"""Writes what nobody can decode straight into the log, as a broken writer would, and notes where it went."""

from __future__ import annotations

import asyncio
from typing import Any

from confluent_kafka import Producer

from domain.topics import EVENTS, partition_of
from infra.settings import Settings
from juliu.faults.ledger import Ledger
from juliu.faults.traffic import Poison

TAKEN_MS = 120_000
FLUSH_S = 150.0
QUIET = 2  # librdkafka's log level: else each try to connect is a line on stderr


class Poisoner:
    """Puts poison into the partition of its viewer."""

    def __init__(self, settings: Settings, ledger: Ledger) -> None:
        self._partitions, self._ledger = settings.partitions, ledger
        self._producer = Producer({
            "bootstrap.servers": settings.kafka, "enable.idempotence": True, "acks": "all", "linger.ms": 5,
            "message.timeout.ms": TAKEN_MS, "log_level": QUIET,
        })  # fmt: skip

    def put(self, one: Poison) -> None:
        """Hand it over; the ledger hears of it when it is in the log, or may be."""
        p = partition_of(one.user_id, self._partitions)

        def reported(error: Any, message: Any) -> None:
            self._ledger.poisoned(p, -1 if error else message.offset(), one.value)

        while True:
            try:
                self._producer.produce(EVENTS.name, one.value, str(one.user_id), p, on_delivery=reported)
                break
            except BufferError:  # the queue is full
                self._producer.poll(0.1)
        self._producer.poll(0)

    async def close(self) -> None:
        """Wait for the reports."""
        await asyncio.to_thread(self._producer.flush, FLUSH_S)
