"""What a writer may rely on from the log, whichever it is: in memory and in Kafka."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NamedTuple

import pytest

from infra.settings import Settings
from ingest_api.errors import LogUnavailable
from ingest_api.events.kafka_log import KafkaLog
from ingest_api.events.log import Log, Waiting
from tests.api import until_there
from tests.memory_log import MemoryLog

PARTITIONS = 4
ACK_MS = 4_000

pytestmark = pytest.mark.timeout(90)


class Subject(NamedTuple):
    """A log, what is in a partition of it, what was set aside, and the same log when its servers are away."""

    log: Log
    records: Callable[[int], Awaitable[list[tuple[bytes, bytes]]]]
    aside: Callable[[], Awaitable[list[tuple[bytes, bytes]]]]
    away: Log


@pytest.fixture(params=["memory", pytest.param("kafka", marks=pytest.mark.servers)])
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    if request.param == "memory":
        yield _in_memory()
        return
    settings, topic = request.getfixturevalue("stack"), request.getfixturevalue("topic")
    here, away = _in_kafka(settings, topic), _in_kafka(settings.model_copy(update={"kafka": "127.0.0.1:1"}), topic)
    await here.start()
    await until_there(here)
    await away.start()

    async def records(partition: int) -> list[tuple[bytes, bytes]]:
        return await asyncio.to_thread(_read, settings.kafka, topic, partition)

    async def aside() -> list[tuple[bytes, bytes]]:  # this log's dead letters go into the topic too
        return [record for partition in range(PARTITIONS) for record in await records(partition)]

    yield Subject(here, records, aside, away)
    await asyncio.gather(here.close(), away.close())


def _in_memory() -> Subject:
    log, away = MemoryLog(PARTITIONS), MemoryLog(PARTITIONS)
    away.up = False

    async def records(partition: int) -> list[tuple[bytes, bytes]]:
        return log.partitions[partition]

    async def aside() -> list[tuple[bytes, bytes]]:
        return [(key, value) for key, value, _ in log.aside]

    return Subject(log, records, aside, away)


def _in_kafka(settings: Settings, topic: str) -> KafkaLog:
    return KafkaLog(settings.model_copy(update={"ack_timeout_ms": ACK_MS, "partitions": PARTITIONS}), topic, topic)


def _read(servers: str, topic: str, partition: int) -> list[tuple[bytes, bytes]]:
    """Everything up to the partition's end, as a reader that trusts nobody sees it."""
    from confluent_kafka import Consumer, TopicPartition

    consumer = Consumer({"bootstrap.servers": servers, "group.id": "test", "enable.auto.commit": False})
    try:
        at = TopicPartition(topic, partition, 0)
        _, end = consumer.get_watermark_offsets(at, timeout=10)
        consumer.assign([at])
        found: list[Any] = []
        while len(found) < end:
            found += consumer.consume(end - len(found), timeout=10)
        return [(message.key(), message.value()) for message in found]
    finally:
        consumer.close()


def values(count: int, start: int = 0) -> list[bytes]:
    return [b'{"n":%d,"pad":"%s"}' % (number, b"x" * 200) for number in range(start, start + count)]


async def test_what_was_appended_is_in_its_partition_in_order(subject: Subject) -> None:
    await subject.log.append(2, b"7", values(500))
    await subject.log.append(2, b"8", values(3, start=500))
    assert await subject.records(2) == [(b"7", value) for value in values(500)] + [
        (b"8", value) for value in values(3, start=500)
    ]
    assert await subject.records(1) == []


async def test_many_writers_at_once_all_get_their_answer(subject: Subject) -> None:
    await asyncio.gather(*(subject.log.append(n % PARTITIONS, b"%d" % n, values(8, start=8 * n)) for n in range(200)))
    found = [record for partition in range(PARTITIONS) for record in await subject.records(partition)]
    assert sorted(found) == sorted((b"%d" % (n // 8), value) for n, value in enumerate(values(1_600)))


async def test_nothing_waits_once_all_is_answered(subject: Subject) -> None:
    await subject.log.append(0, b"7", values(50))
    assert subject.log.waiting() == Waiting(0, 0)


async def test_a_partition_that_does_not_exist_is_refused(subject: Subject) -> None:
    with pytest.raises(LogUnavailable):
        await subject.log.append(PARTITIONS, b"7", values(3))
    assert subject.log.waiting() == Waiting(0, 0)


async def test_a_log_that_is_there_says_so(subject: Subject) -> None:
    await subject.log.check()


async def test_a_log_that_is_away_says_so(subject: Subject) -> None:
    with pytest.raises(LogUnavailable):
        await subject.away.check()


async def test_a_log_that_is_away_refuses_within_the_deadline(subject: Subject) -> None:
    with pytest.raises(LogUnavailable):
        async with asyncio.timeout(10 * ACK_MS / 1000):  # without a deadline it is never
            await subject.away.append(0, b"7", values(10))
    async with asyncio.timeout(10):
        while subject.away.waiting() != Waiting(0, 0):  # noqa: ASYNC110  what is in flight is reported a little later
            await asyncio.sleep(0.02)


async def test_what_is_set_aside_is_kept_and_never_fails(subject: Subject) -> None:
    subject.away.set_aside(b"7", b"lost", {"reason": b"malformed"})
    subject.log.set_aside(b"7", b"odd", {"reason": b"malformed"})
    async with asyncio.timeout(30):
        while not (kept := await subject.aside()):  # noqa: ASYNC110  nobody says when it is written
            await asyncio.sleep(0.02)
    assert kept == [(b"7", b"odd")]
