"""What a fault asks about brokers: who leads, whether all replicas are in step, who is the controller."""

from __future__ import annotations

import asyncio
import socket
import struct
import time
from collections.abc import Mapping

from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from domain.topics import EVENTS
from infra.local.home import HOST
from infra.settings import Settings
from juliu.faults.arena import Arena
from juliu.faults.arena_ports import BROKERS

WITHIN_S = 10.0
POLL_S = 0.2
_DESCRIBE_QUORUM, _METADATA_TOPIC = 55, b"__cluster_metadata"


async def leaders(settings: Settings) -> dict[int, str]:
    """Partition of juliu.events -> name of its leader; without those that have none."""
    found = await asyncio.to_thread(_partitions, settings)
    return {p: BROKERS[one.leader - 1] for p, one in found.items() if one.leader > 0}  # type: ignore[attr-defined]


async def in_step(settings: Settings, within_s: float = 60.0) -> None:
    """Return when every replica of juliu.events is in step.  AssertionError when it takes too long."""
    end, out = time.monotonic() + within_s, {}
    while time.monotonic() < end:
        found = await asyncio.to_thread(_partitions, settings)
        out = {p: one.isrs for p, one in found.items() if len(one.isrs) < len(one.replicas)}  # type: ignore[attr-defined]
        if not out:
            return
        await asyncio.sleep(POLL_S)
    raise AssertionError(f"replicas are out of step after {within_s:.0f} s: {out}")


def _partitions(settings: Settings) -> dict[int, object]:
    admin = AdminClient({"bootstrap.servers": settings.kafka, "log_level": 2})
    return dict(admin.list_topics(EVENTS.name, timeout=WITHIN_S).topics[EVENTS.name].partitions)


async def drop(settings: Settings, before: Mapping[int, int]) -> None:
    """Have Kafka take the records of juliu.events before these offsets away, as retention does."""
    admin = AdminClient({"bootstrap.servers": settings.kafka, "log_level": 2})
    wanted = [TopicPartition(EVENTS.name, p, offset) for p, offset in before.items()]
    for done in admin.delete_records(wanted).values():
        await asyncio.to_thread(done.result, WITHIN_S)


async def controller(arena: Arena) -> str:
    """Name of the broker that is the active controller."""
    return BROKERS[await asyncio.to_thread(_quorum_leader, arena.port("kafka")) - 1]


def _quorum_leader(port: int) -> int:
    """Node id of the leader of the metadata quorum.  Source: Kafka protocol, DescribeQuorum v0 (flexible)."""
    topic = bytes([2, len(_METADATA_TOPIC) + 1]) + _METADATA_TOPIC + bytes([2]) + struct.pack(">i", 0) + bytes(3)
    body = struct.pack(">hhih", _DESCRIBE_QUORUM, 0, 1, -1) + bytes(1) + topic
    with socket.create_connection((HOST, port), WITHIN_S) as connection:
        connection.sendall(struct.pack(">i", len(body)) + body)
        with connection.makefile("rb") as stream:
            (size,) = struct.unpack(">i", stream.read(4))
            answer = stream.read(size)
    at = answer.index(_METADATA_TOPIC) + len(_METADATA_TOPIC) + 1
    (leader,) = struct.unpack_from(">i", answer, at + 4 + 2)  # behind the partition's index and its error
    return int(leader)
