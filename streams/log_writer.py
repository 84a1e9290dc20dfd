"""Writing into the log, rarely and surely: dead letters and pulses.  Every write returns after its delivery report."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from domain.topics import MAX_MESSAGE_BYTES
from infra.fold_store import Wait

DELIVERY_S = 10.0  # longest wait for a report: then it is a wait for Kafka like any other


@dataclass(frozen=True)
class Letter:
    """A message to be written; `partition` -1 lets Kafka choose by the key."""

    topic: str
    key: bytes | None
    value: bytes
    partition: int = -1
    headers: Sequence[tuple[str, bytes]] = field(default=())


class LogWriter:
    """A producer with acks=all, idempotent.  Connects at its first write."""

    def __init__(self, bootstrap: str, client_id: str) -> None:
        self._bootstrap, self._client_id = bootstrap, client_id
        self._producer: Producer | None = None

    async def write(self, letters: Sequence[Letter]) -> None:
        """Return when all are in the log.  Raises Wait when one is not, DELIVERY_S later; send all again then."""
        await asyncio.to_thread(self._write, letters)

    def close(self) -> None:
        """Nothing is in flight between writes; let go of the connections."""
        self._producer = None

    def _write(self, letters: Sequence[Letter]) -> None:
        producer = self._producer = self._producer or self._connect()  # another write may let go of it meanwhile
        failed: list[KafkaError] = []
        written: list[None] = []  # counted: a report of ours may be with another flush when ours returns

        def report(error: KafkaError | None, _message: Message) -> None:
            if error is not None:
                failed.append(error)
            else:
                written.append(None)

        try:
            for letter in letters:
                producer.produce(
                    letter.topic, letter.value, letter.key, letter.partition, report, headers=list(letter.headers)
                )
            producer.flush(DELIVERY_S + 1.0)
        except (BufferError, KafkaException) as error:
            raise Wait("kafka", error) from error
        if len(written) < len(letters):
            self._producer = None  # with whatever it still holds, and whatever is wrong with it
            raise Wait("kafka", failed[0] if failed else f"{len(written)} of {len(letters)} reported")

    def _connect(self) -> Producer:
        return Producer(
            {
                "bootstrap.servers": self._bootstrap,
                "client.id": self._client_id,
                "acks": "all",
                "enable.idempotence": True,
                "linger.ms": 0,
                "delivery.timeout.ms": int(DELIVERY_S * 1000),
                "message.max.bytes": 2 * MAX_MESSAGE_BYTES,  # headers come on top of what the log took
                "queue.buffering.max.messages": 20_000,
            }
        )
