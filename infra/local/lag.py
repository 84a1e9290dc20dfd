"""How far each group is behind the log, by the fences that lie with its effects."""

from __future__ import annotations

from collections.abc import Sequence

from domain import keys, topics
from infra.local.home import HOST

_TIMEOUT_S = 2.0


def behind(kafka_port: int, redis_port: int, groups: Sequence[str]) -> dict[str, int | None]:
    """Records between each group's fences and the end of juliu.events, summed over partitions; None when not known."""
    import confluent_kafka  # noqa: PLC0415  slow to import
    import redis  # noqa: PLC0415

    unknown: dict[str, int | None] = dict.fromkeys(groups)
    try:
        with redis.Redis(port=redis_port, socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S) as client:
            fences = {group: _fences(client, group) for group in groups}
        partitions = max((len(found) for found in fences.values() if found is not None), default=0)
        ends = _ends(kafka_port, partitions)
    except (redis.RedisError, confluent_kafka.KafkaException):
        return unknown
    return {group: None if found is None else total(ends, found) for group, found in fences.items()}


def total(ends: Sequence[int], fences: Sequence[int]) -> int:
    """Sum of end - 1 - fence: an end is the offset of the next record, a fence that of the last one applied."""
    return sum(end - 1 - fence for end, fence in zip(ends, fences, strict=True))


def _fences(client: object, group: str) -> list[int] | None:
    """The fence of each partition; None where one is missing or broken."""
    import redis  # noqa: PLC0415

    assert isinstance(client, redis.Redis)
    count = int(client.get(keys.PARTITIONS) or 0)
    namespaces = [client.get(keys.namespace(p)) for p in range(count)]
    values = [client.get(keys.fence(group, int(ns), p)) if ns else None for p, ns in enumerate(namespaces)]
    try:
        return [int(value) for value in values] if count else None  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None


def _ends(port: int, partitions: int) -> list[int]:
    import confluent_kafka  # noqa: PLC0415

    consumer = confluent_kafka.Consumer(
        {"bootstrap.servers": f"{HOST}:{port}", "group.id": "juliu-status", "enable.auto.commit": False, "log_level": 0}
    )
    try:
        return [
            consumer.get_watermark_offsets(confluent_kafka.TopicPartition(topics.EVENTS.name, p), _TIMEOUT_S, False)[1]
            for p in range(partitions)
        ]
    finally:
        consumer.close()
