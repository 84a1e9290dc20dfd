"""Faults of the family `setup`: configuration that is empty or wrong, topics that are not as they were made."""

from __future__ import annotations

import asyncio
import re

from confluent_kafka.admin import AdminClient, NewPartitions  # type: ignore[attr-defined]

from domain.topics import EVENTS
from juliu.faults.fault import Fault, Scene
from juliu.faults.prompt import typed

REFUSES_WITHIN_S = 60.0
CREATED_WITHIN_S = 30.0

# command, what is wrong, what it must say: each must refuse to start, and say which setting it is
WRONG = (
    ("api", {"JULIU_JWT_SECRET": ""}, "jwt_secret|JULIU_JWT_SECRET"),
    ("api", {"JULIU_JWT_SECRET": "short"}, "jwt_secret|JULIU_JWT_SECRET|32"),
    ("api", {"JULIU_TICKET_SECRET": ""}, "ticket_secret|JULIU_TICKET_SECRET"),
    ("api", {"JULIU_PARTITIONS": "8"}, "partitions"),
    ("api", {"JULIU_PARTITIONS": ""}, "partitions"),
    ("api", {"JULIU_KAFKA": ""}, "kafka"),
    ("api", {"JULIU_REDIS_URL": ""}, "redis"),
    ("api", {"JULIU_MYSQL_URL": ""}, "mysql"),
    ("api", {"JULIU_ACK_TIMEOUT_MS": "0"}, "ack_timeout_ms"),
    ("stream counters", {"JULIU_PARTITIONS": "5"}, "partitions"),
    ("stream counters", {"JULIU_REDIS_URL": ""}, "redis"),
    ("stream counters", {"JULIU_KAFKA": " "}, "kafka"),
    ("stream store", {"JULIU_PARTITIONS": "many"}, "partitions"),
    ("stream store", {"JULIU_CLICKHOUSE_URL": ""}, "clickhouse"),
    ("stream store", {"JULIU_PULSE_MS": "-1"}, "pulse_ms"),
)


async def wrong_configuration(scene: Scene) -> None:
    """API and workers are started with settings that are empty, impossible or another installation's; then somebody
    adds a partition to the topic, and everything is started again.

    What is wrong refuses to start and names the setting.  A partition that was added by hand changes nobody's: all go
    on with those that the installation was made with.
    """
    await scene.load.reached(0.05)
    said = []
    for command, wrong, word in WRONG:
        found = await typed(scene.arena, *command.split(), within_s=REFUSES_WITHIN_S, **wrong)
        told = found.out + found.err
        named = re.search(word, told, re.IGNORECASE) and not re.search("^Traceback", told, re.MULTILINE)
        if found.code in (0, -9) or not named:
            said.append(f"juliu {command} with {wrong}: {found.code} {told[-300:]}")
    assert not said, said
    await asyncio.to_thread(_add_a_partition, scene)
    for name in ("api", "stream-counters", "stream-store"):
        await scene.arena.again(name)
    scene.healed()


def _add_a_partition(scene: Scene) -> None:
    """As somebody does who wants more throughput and has not read that the count never changes."""
    settings = scene.arena.settings
    admin = AdminClient({"bootstrap.servers": settings.kafka, "log_level": 2})
    more = [NewPartitions(EVENTS.name, settings.partitions + 1)]
    admin.create_partitions(more)[EVENTS.name].result(CREATED_WITHIN_S)


FAULTS: tuple[Fault, ...] = (Fault("F40", "Settings that are wrong, and a partition too many", wrong_configuration),)
