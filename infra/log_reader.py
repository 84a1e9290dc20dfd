"""Reads stretches of a topic by offset, for the operator's tools: no group, no commits, bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import NamedTuple, cast

from confluent_kafka import OFFSET_END, Consumer, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType  # type: ignore[attr-defined]

from domain.topics import EVENTS, PULSE_KEY
from infra.settings import Settings

ANSWER_S = 10.0
AT_ONCE = 5_000  # records of one call
TAIL = 200  # records that are looked through at once for the last one that is no pulse
LOOKED_AT = 5_000  # records that are looked through for the first one that is no pulse


class LogSilent(KafkaException):
    """Kafka does not give what it says it has; the same again may be right."""


class Entry(NamedTuple):
    """One record.  `timestamp` is in ms since 1970, -1 where it has none."""

    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int
    headers: Sequence[tuple[str, bytes | None]] = ()


class Bounds(NamedTuple):
    """Offsets that a partition holds: begin to before end."""

    begin: int
    end: int


class LogReader:
    """Reads one topic.  One call at a time; a context manager.  Every call may raise KafkaException."""

    def __init__(self, settings: Settings, topic: str = EVENTS.name) -> None:
        self.topic = topic
        self._servers = settings.kafka
        self._consumer = self._connected()

    def _connected(self) -> Consumer:
        return Consumer(
            {
                "bootstrap.servers": self._servers,
                "group.id": "juliu-reader",  # never joined: partitions are assigned by hand
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "auto.offset.reset": "error",
                "fetch.wait.max.ms": 100,
                "queued.max.messages.kbytes": 16_384,
                "log_level": 0,  # a broker that is away is told by an exception
            }
        )

    def __enter__(self) -> LogReader:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections."""
        self._consumer.close()

    def bounds(self, p: int) -> Bounds:
        """What the partition holds now."""
        try:
            return Bounds(*self._consumer.get_watermark_offsets(TopicPartition(self.topic, p), ANSWER_S, cached=False))
        except KafkaException:
            self._consumer.close()  # one that once found no leader may say "unknown partition" for ever (F10)
            self._consumer = self._connected()
            raise

    def first_since(self, p: int, at_ms: int) -> int:
        """The first offset whose record was written at `at_ms` or later; the end where there is none."""
        (found,) = self._consumer.offsets_for_times([TopicPartition(self.topic, p, at_ms)], ANSWER_S)
        if found.error:
            raise KafkaException(found.error)
        return self.bounds(p).end if found.offset in (OFFSET_END, -1) else int(found.offset)

    def records(self, p: int, begin: int, end: int) -> Iterator[Entry]:
        """The records at `begin` to before `end`, in order; what the log lacks between them is passed over."""
        if begin >= end:
            return
        self._consumer.assign([TopicPartition(self.topic, p, begin)])
        try:
            while begin < end:
                found = self._consumer.consume(min(AT_ONCE, end - begin), ANSWER_S)
                if not found:
                    raise LogSilent(f"{self.topic}, partition {p}: nothing from {begin} on within {ANSWER_S:.0f} s")
                for entry in _entries(found):
                    if entry is None or entry.offset >= end:
                        return
                    begin = entry.offset + 1
                    yield entry
        finally:
            self._consumer.unassign()

    def first_event(self, p: int, begin: int, end: int) -> Entry | None:
        """The first record of these that is not a pulse; of LOOKED_AT records at most."""
        found = self.records(p, begin, min(end, begin + LOOKED_AT))
        return next((entry for entry in found if entry.key != PULSE_KEY), None)

    def last_event(self, p: int) -> int:
        """The offset of the last record that is not a pulse; -1 where there is none."""
        begin, end = self.bounds(p)
        for at in range(end, begin, -TAIL):
            found = self.records(p, max(begin, at - TAIL), at)
            if offsets := [entry.offset for entry in found if entry.key != PULSE_KEY]:
                return offsets[-1]
        return -1

    def first_record(self, p: int, begin: int, end: int) -> Entry | None:
        """The record at `begin`, or the next one that there is."""
        return next(self.records(p, begin, end), None)

    def retention_ms(self) -> int | None:
        """How long the topic keeps a record; None for ever."""
        admin = AdminClient({"bootstrap.servers": self._servers, "log_level": 2})
        resource = ConfigResource(ResourceType.TOPIC, self.topic)
        value = admin.describe_configs([resource], request_timeout=ANSWER_S)[resource].result(ANSWER_S)["retention.ms"]
        return None if int(value.value) < 0 else int(value.value)


def _entries(found: list[Message]) -> Iterator[Entry | None]:
    """What was consumed; None at the log's end.  Raises KafkaException."""
    for message in found:
        error = message.error()
        if error is None:
            yield _entry(message)
        elif error.name() == "_PARTITION_EOF":
            yield None
        else:
            raise KafkaException(error)


def _entry(message: Message) -> Entry:
    headers = cast(list[tuple[str, bytes | None]], message.headers() or [])  # whatever the stub says, a list of pairs
    return Entry(message.offset() or 0, message.key(), message.value(), message.timestamp()[1], headers)
