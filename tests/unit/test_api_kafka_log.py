"""The log in Kafka where Kafka itself cannot be made to fail on demand: a producer that does as it is told."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from infra.settings import Settings
from ingest_api.errors import LogUnavailable, WrongPartitions
from ingest_api.events.kafka_log import KafkaLog, producer_config
from ingest_api.events.log import Waiting

SETTINGS = Settings(ack_timeout_ms=200, partitions=4)


class Obedient:
    """A producer: takes `room` messages, reports them when told, and knows fatal errors."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.error_cb: Callable[[KafkaError], None] = config["error_cb"]
        self.room = 1_000
        self.fatal = False
        self.purged = self.slow = False
        self.queue: list[Any] = []
        self.to_report: list[tuple[Any, KafkaError | None]] = []
        self.told = threading.Event()

    def produce_batch(self, _topic: str, messages: list[Any], partition: int, on_delivery: Any) -> int:
        if self.fatal:
            raise KafkaException(KafkaError(KafkaError._FATAL, "fatal", True))
        taken = min(len(messages), self.room)
        self.queue += [on_delivery] * taken
        return taken

    def report(self, error: KafkaError | None = None, count: int = 1_000) -> None:
        self.to_report += [(callback, error) for callback in self.queue[:count]]
        del self.queue[:count]
        self.told.set()

    def break_down(self) -> None:
        self.fatal = True
        self.told.set()

    def poll(self, timeout: float) -> int:
        self.told.wait(min(timeout, 0.005))  # what is not woken looks again soon
        self.told.clear()
        now = 1 if self.slow else len(self.to_report)
        reports, self.to_report = self.to_report[:now], self.to_report[now:]
        for callback, error in reports:
            callback(error, None)
        if self.fatal and not self.purged:
            self.error_cb(KafkaError(KafkaError._FATAL, "out of order sequence", True))
        return len(reports)

    def purge(self) -> None:
        self.purged = True
        self.to_report += [(callback, KafkaError(KafkaError._PURGE_QUEUE)) for callback in self.queue]
        self.queue = []

    def flush(self, _timeout: float) -> int:
        self.told.set()
        self.poll(0)
        return len(self.to_report)

    partitions: int | None = 4  # None: Kafka is away

    def list_topics(self, topic: str, *_: Any) -> Any:
        if self.partitions is None:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT, "away"))
        return SimpleNamespace(topics={topic: SimpleNamespace(partitions=dict.fromkeys(range(self.partitions)))})


@pytest.fixture
async def made() -> Any:
    """A log, and the producers that it made so far."""
    producers: list[Obedient] = []

    def make(config: dict[str, Any]) -> Any:
        producers.append(Obedient(config))
        return producers[-1]

    log = KafkaLog(SETTINGS, make=make)
    await log.start()
    yield log, producers
    await log.close()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110  another thread makes it true
            await asyncio.sleep(0.001)


async def test_all_reports_and_not_fewer_make_an_answer(made: Any) -> None:
    log, (producer,) = made
    appended = asyncio.create_task(log.append(0, b"7", [b"a", b"bc", b"d"]))
    await until(lambda: len(producer.queue) == 3)
    assert log.waiting() == Waiting(3, 4)
    producer.report(count=2)
    await until(lambda: not producer.to_report)
    assert not appended.done()
    producer.report()
    await appended
    assert log.waiting() == Waiting(0, 0)


async def test_one_failed_message_fails_its_batch_and_no_other(made: Any) -> None:
    log, (producer,) = made
    one = asyncio.create_task(log.append(0, b"7", [b"a", b"b"]))
    await until(lambda: len(producer.queue) == 2)
    other = asyncio.create_task(log.append(0, b"8", [b"c"]))
    await until(lambda: len(producer.queue) == 3)
    producer.report(KafkaError(KafkaError._MSG_TIMED_OUT), count=1)
    producer.report()
    with pytest.raises(LogUnavailable):
        await one
    await other


async def test_without_reports_the_deadline_answers_and_the_count_stays(made: Any) -> None:
    log, (producer,) = made
    with pytest.raises(LogUnavailable):
        await log.append(0, b"7", [b"a", b"b"])
    assert log.waiting() == Waiting(2, 2)
    producer.report()
    await until(lambda: log.waiting() == Waiting(0, 0))


async def test_a_full_queue_refuses_the_batch_and_counts_what_it_took(made: Any) -> None:
    log, (producer,) = made
    producer.room = 2
    with pytest.raises(LogUnavailable):
        await log.append(0, b"7", [b"a", b"b", b"c"])
    assert log.waiting().messages == 3
    producer.report()
    await until(lambda: log.waiting() == Waiting(0, 0))
    producer.room = 0
    with pytest.raises(LogUnavailable):
        await log.append(0, b"7", [b"a"])
    assert log.waiting() == Waiting(0, 0)


async def test_after_a_fatal_error_another_producer_takes_its_place(made: Any) -> None:
    log, producers = made
    waiting = asyncio.create_task(log.append(0, b"7", [b"a"]))
    await until(lambda: len(producers[0].queue) == 1)
    producers[0].break_down()
    with pytest.raises(LogUnavailable):
        await waiting
    await until(lambda: len(producers) == 2)
    again = asyncio.create_task(log.append(0, b"7", [b"a"]))
    await until(lambda: len(producers[1].queue) == 1)
    producers[1].report()
    await again
    assert producers[0].purged
    assert log.waiting() == Waiting(0, 0)


async def test_a_producer_that_broke_down_has_all_its_reports_heard(made: Any) -> None:
    log, producers = made
    batches = [asyncio.create_task(log.append(0, b"7", [b"a"])) for _ in range(5)]
    await until(lambda: len(producers[0].queue) == 5)
    producers[0].slow = True
    producers[0].break_down()
    for batch in batches:
        with pytest.raises(LogUnavailable):
            await batch
    await until(lambda: log.waiting() == Waiting(0, 0))


@pytest.mark.parametrize("partitions", [1, 8])
async def test_it_does_not_start_on_another_number_of_partitions(partitions: int) -> None:
    class Other(Obedient):
        def __init__(self, config: dict[str, Any]) -> None:
            super().__init__(config)
            self.partitions = partitions

    with pytest.raises(WrongPartitions):
        await KafkaLog(SETTINGS, make=Other).start()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("written", "right"), [(SETTINGS.partitions, True), (SETTINGS.partitions + 1, False), (None, False)]
)
async def test_partitions_that_were_added_by_hand_are_left_alone(written: int | None, right: bool) -> None:
    class More(Obedient):
        def __init__(self, config: dict[str, Any]) -> None:
            super().__init__(config)
            self.partitions = SETTINGS.partitions + 1

    async def says() -> int | None:
        return written

    log = KafkaLog(SETTINGS, make=More, written=says)  # type: ignore[arg-type]
    if not right:
        with pytest.raises(WrongPartitions):
            await log.start()
        return
    await log.start()
    await log.check()
    await log.close()


async def test_nothing_is_appended_before_the_partitions_were_seen() -> None:
    producers: list[Obedient] = []

    class Away(Obedient):
        def __init__(self, config: dict[str, Any]) -> None:
            super().__init__(config)
            self.partitions = None
            producers.append(self)

    log = KafkaLog(SETTINGS, make=Away, check_every_s=0.005)  # type: ignore[arg-type]
    await log.start()
    with pytest.raises(LogUnavailable):
        await log.append(0, b"7", [b"a"])
    assert producers[0].queue == []
    producers[0].partitions = 4
    await until(lambda: log._right)
    appended = asyncio.create_task(log.append(0, b"7", [b"a"]))
    await until(lambda: len(producers[0].queue) == 1)
    producers[0].report()
    await appended
    await log.close()


async def test_messages_are_reported_before_the_viewer_is_answered() -> None:
    for ack_ms in (100, 1_000, 10_000, 60_000):
        assert producer_config(Settings(ack_timeout_ms=ack_ms))["message.timeout.ms"] < ack_ms


async def test_the_producer_promises_what_we_promise() -> None:
    config = producer_config(SETTINGS)
    assert (config["enable.idempotence"], config["acks"]) == (True, "all")
    assert config["queue.buffering.max.messages"] > SETTINGS.queue_high_water
