"""How far each group is behind the log, by the fences that lie with its effects, and the log behind the outbox."""

from __future__ import annotations

from collections.abc import Sequence

import confluent_kafka
import pymysql

from domain import keys, topics
from infra.local.errors import NotReady
from infra.local.home import HOST
from infra.local.local_env import MYSQL_DATABASE, MYSQL_USER
from infra.local.redis import ask

_TIMEOUT_S = 2.0
_MYSQL_TIMEOUT_S = 2  # whole seconds
# by shards, which the index begins with: it holds a week of rows that are published
_UNPUBLISHED = (
    "SELECT COUNT(*) FROM outbox_leases STRAIGHT_JOIN outbox"
    " ON outbox.shard = outbox_leases.shard AND outbox.published_ms IS NULL"
)


def behind(kafka_port: int, redis_port: int, groups: Sequence[str]) -> dict[str, int | None]:
    """Records between each group's fences and the end of juliu.events, summed over partitions; None when not known."""
    unknown: dict[str, int | None] = dict.fromkeys(groups)
    try:
        fences = _fences(redis_port, groups)
        ends = _ends(kafka_port, max((len(found) for found in fences.values() if found), default=0))
    except (NotReady, confluent_kafka.KafkaException):
        return unknown
    return {group: total(ends, found) if found else None for group, found in fences.items()}


def total(ends: Sequence[int], fences: Sequence[int]) -> int:
    """Sum of end - 1 - fence: an end is the offset of the next record, a fence that of the last one applied."""
    return sum(end - 1 - fence for end, fence in zip(ends, fences, strict=True))


def unpublished(mysql_port: int, password: str) -> int | None:
    """Rows of the outbox that the relay has not marked; None when not known."""
    try:
        connection = pymysql.connect(
            host=HOST, port=mysql_port, user=MYSQL_USER, password=password, database=MYSQL_DATABASE,
            connect_timeout=_MYSQL_TIMEOUT_S, read_timeout=_MYSQL_TIMEOUT_S, write_timeout=_MYSQL_TIMEOUT_S,
        )  # fmt: skip
        with connection, connection.cursor() as cursor:
            cursor.execute(_UNPUBLISHED)
            (rows,) = cursor.fetchone() or (0,)
    except (pymysql.MySQLError, OSError):
        return None
    return int(rows)


def _fences(port: int, groups: Sequence[str]) -> dict[str, list[int] | None]:
    """The fence of each partition by group; None for a group with a missing or broken one.  Raises NotReady."""
    count = as_integer(ask(port, ("GET", keys.PARTITIONS))[0])
    if not count:
        return dict.fromkeys(groups)
    namespaces = [as_integer(answer) for answer in ask(port, *(("GET", keys.namespace(p)) for p in range(count)))]
    found: dict[str, list[int] | None] = {}
    for group in groups:
        names = [keys.fence(group, ns or 0, p) for p, ns in enumerate(namespaces)]
        fences = [as_integer(answer) for answer in ask(port, *(("GET", name) for name in names))]
        whole = [fence for fence in fences if fence is not None]
        found[group] = whole if len(whole) == count else None
    return found


def as_integer(answer: object) -> int | None:
    """The integer of a Redis string; None for what is missing, broken or an error."""
    try:
        return int(answer) if isinstance(answer, str) else None
    except ValueError:
        return None


def _ends(port: int, partitions: int) -> list[int]:
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
