"""What the watchdog sees: fences and log, through blocking clients of its own, in its own thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import redis
from confluent_kafka import Consumer, KafkaException, TopicPartition
from redis.exceptions import RedisError

from domain import keys
from domain.topics import EVENTS, PULSE_KEY
from infra.settings import Settings
from streams.watchdog import First, Silent

ANSWER_S = 3.0
LOOKED_AT = 5_000  # records behind a fence that are looked at for one that is no pulse
AT_ONCE = 100

T = TypeVar("T")


class ServersProbe:
    """Asks Redis and Kafka."""

    def __init__(self, settings: Settings, group: str) -> None:
        self._group, self._partitions = group, settings.partitions
        self._redis = redis.Redis.from_url(settings.redis_url, socket_timeout=ANSWER_S, socket_connect_timeout=ANSWER_S)
        self._servers = settings.kafka
        self._consumer = self._connected()

    def _connected(self) -> Consumer:
        return Consumer(
            {
                "bootstrap.servers": self._servers,
                "group.id": f"juliu-{self._group}-watchdog",  # never joined: partitions are assigned by hand
                "enable.auto.commit": False,
                "auto.offset.reset": "error",
                "fetch.wait.max.ms": 100,
                "queued.max.messages.kbytes": 1024,
                "fetch.message.max.bytes": 131_072,
                "log_level": 2,
            }
        )

    def fences(self) -> Mapping[int, int]:
        """See Probe.  A fence that is missing or broken is left out: the worker that meets it ends by itself."""
        try:
            spaces = self._strings([keys.namespace(p) for p in range(self._partitions)])
            known = {p: int(ns) for p, ns in enumerate(spaces) if ns}
            fences = self._strings([keys.fence(self._group, ns, p) for p, ns in known.items()])
        except (RedisError, OSError) as error:
            raise Silent(f"redis: {error!r}") from error
        return {p: int(fence) for p, fence in zip(known, fences, strict=True) if fence and not fence.startswith(b"b")}

    def end(self, p: int) -> int:
        """See Probe."""
        return self._marks(p)[1]

    def _marks(self, p: int) -> tuple[int, int]:
        """The offset of the first record that is kept, and the one that the next record will get."""
        try:
            begin, end = self._consumer.get_watermark_offsets(TopicPartition(EVENTS.name, p), ANSWER_S, False)
        except KafkaException as error:
            self._consumer.close()  # one that once found no leader may say "unknown partition" for ever (F10)
            self._consumer = self._connected()
            raise Silent(f"kafka: {error!r}") from error
        return int(begin), int(end)

    def oldest(self, p: int) -> First | None:
        """See Probe."""
        begin, end = self._marks(p)
        if not 0 < begin < end:
            return None
        found = self._at(p, begin, lambda: self._consumer.consume(1, ANSWER_S))
        if not found:
            return None
        if found[0].error():  # retention took it meanwhile: the next look tells
            raise Silent(f"kafka, partition {p}: {found[0].error()}")
        return First(found[0].timestamp()[1])

    def first_event(self, p: int, after: int) -> First | None:
        """See Probe.  Looks at LOOKED_AT records at most."""
        return self._at(p, after + 1, lambda: self._first_of(p))

    def _at(self, p: int, offset: int, read: Callable[[], T]) -> T:
        """What `read` makes of the partition from this offset on."""
        try:
            self._consumer.assign([TopicPartition(EVENTS.name, p, offset)])
            return read()
        except KafkaException as error:
            raise Silent(f"kafka: {error!r}") from error
        finally:
            self._consumer.unassign()

    def close(self) -> None:
        """See Probe."""
        self._consumer.close()
        self._redis.close()

    def _first_of(self, p: int) -> First | None:
        for _ in range(LOOKED_AT // AT_ONCE):
            found = self._consumer.consume(AT_ONCE, 1.0)
            for message in found:
                if message.error():
                    raise Silent(f"kafka, partition {p}: {message.error()}")
                if message.key() != PULSE_KEY:
                    return First(message.timestamp()[1])
            if not found:
                return None
        return None

    def _strings(self, names: list[str]) -> list[Any]:
        """Values of keys, which may lie on different servers of a cluster."""
        pipe = self._redis.pipeline(transaction=False)
        for name in names:
            pipe.get(name)
        return pipe.execute()
