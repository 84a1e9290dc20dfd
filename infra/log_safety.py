"""Would Kafka keep what it acknowledges?  Asked at the start of whoever promises so; binding outside development."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType  # type: ignore[attr-defined]

from domain.topics import EVENTS
from infra.settings import Settings

MIN_REPLICAS, MIN_IN_SYNC = 3, 2
ASK_S = 10.0


class UnsafeLog(RuntimeError):
    """The events topic may lose acknowledged records; the message says which settings to mend."""


def faults_of(settings: Settings) -> list[str]:
    """What makes the events topic unsafe, a sentence each; asks for 2 x ASK_S at most.  Raises UnsafeLog if away."""
    admin = AdminClient({"bootstrap.servers": settings.kafka, "client.id": "juliu-log-safety"})
    resource = ConfigResource(ResourceType.TOPIC, EVENTS.name)
    try:
        topic = admin.list_topics(EVENTS.name, timeout=ASK_S).topics[EVENTS.name]
        config = admin.describe_configs([resource], request_timeout=ASK_S)[resource].result()
    except KafkaException as error:
        raise UnsafeLog(f"Kafka does not tell how safe {EVENTS.name} is: {error.args[0].str()}") from error
    replicas = min((len(partition.replicas) for partition in topic.partitions.values()), default=0)
    return judge(replicas, {name: str(entry.value) for name, entry in config.items()})


async def require_safe_log(settings: Settings, ask: Callable[[Settings], list[str]] = faults_of) -> None:
    """Raises UnsafeLog in production unless replicas >= 3, min.insync.replicas >= 2 and unclean election is off."""
    if settings.env != "production":
        return
    faults = await asyncio.to_thread(ask, settings)
    if faults:
        raise UnsafeLog(f"{EVENTS.name}: {'; '.join(faults)}")


def judge(replicas: int, config: dict[str, str]) -> list[str]:
    """What is wrong with a topic that has `replicas` of its least replicated partition and this configuration."""
    faults = []
    if replicas < MIN_REPLICAS:
        faults.append(f"{replicas} replicas, at least {MIN_REPLICAS} are needed")
    if int(config.get("min.insync.replicas", "1")) < MIN_IN_SYNC:
        faults.append(f"min.insync.replicas must be at least {MIN_IN_SYNC}")
    if config.get("unclean.leader.election.enable", "false") != "false":
        faults.append("unclean.leader.election.enable must be false")
    return faults
