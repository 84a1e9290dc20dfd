"""Makes the topics and holds them to what the settings say; never deletes, never shortens what a topic keeps."""

from __future__ import annotations

from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from domain.topics import MAX_MESSAGE_BYTES, TOPICS, Topic
from infra.migration import MigrationRefused, Step
from infra.settings import Settings

ANSWER_S = 30.0
SHARED_PARTITIONS = 1  # of topics that no worker spreads over: what is in them is rare, and one order is worth more
SAFE_REPLICATION = 3


def create_topics(settings: Settings, known: bool = False) -> list[Step]:
    """Make the topics that are missing, bring the others' configuration up to date.

    `known`: Redis says that the installation was made with the settings' number of partitions; then a topic may have
    more of them, which somebody has added, and which stay empty.
    Raises MigrationRefused where a topic has another partition count (viewers would change their partition), and
    confluent_kafka.KafkaException where Kafka does not answer within ANSWER_S.
    """
    quiet = 2  # else every try to connect is a line on stderr
    admin = AdminClient({"bootstrap.servers": settings.kafka, "socket.timeout.ms": 10_000, "log_level": quiet})
    there = admin.list_topics(timeout=ANSWER_S).topics
    for topic in TOPICS:
        _compare(topic, there.get(topic.name), partitions_of(topic, settings), known)
    return [_bring_up(admin, topic, settings, there.get(topic.name)) for topic in TOPICS]


def partitions_of(topic: Topic, settings: Settings) -> int:
    """How many partitions the topic has: the installation's P where it is spread by viewer."""
    return settings.partitions if topic.per_viewer else SHARED_PARTITIONS


def config_of(topic: Topic, settings: Settings) -> dict[str, str]:
    """What we set of a topic's configuration; the rest is the broker's."""
    return {
        "cleanup.policy": "delete",
        "retention.ms": str(topic.retention_ms),
        "max.message.bytes": str(MAX_MESSAGE_BYTES),
        "compression.type": "producer",  # as it came: the broker neither unpacks nor picks what readers cannot read
        "min.insync.replicas": "2" if settings.replication >= SAFE_REPLICATION else "1",
        "unclean.leader.election.enable": "false",
    }


def _compare(topic: Topic, found: Any, wanted: int, known: bool = False) -> None:
    if found is None or (known and len(found.partitions) > wanted):
        return
    if len(found.partitions) != wanted:
        raise MigrationRefused(
            f"{topic.name} has {len(found.partitions)} partitions, the settings say {wanted}: the count never changes;"
            " set JULIU_PARTITIONS to what the installation was made with"
        )


def _bring_up(admin: AdminClient, topic: Topic, settings: Settings, found: Any) -> Step:
    if found is None and _create(admin, topic, settings):
        note = f"{partitions_of(topic, settings)} partitions, {settings.replication} replicas"
        return Step(part="kafka", name=topic.name, did="made", note=note)
    return _configure(admin, topic, settings, _replicas_note(found, settings))


def _replicas_note(found: Any, settings: Settings) -> str:
    fewest = min((len(partition.replicas) for partition in found.partitions.values()), default=0) if found else 0
    if not found or fewest >= settings.replication:
        return ""
    return f"has {fewest} replicas, the settings say {settings.replication}: reassign its partitions"


def _create(admin: AdminClient, topic: Topic, settings: Settings) -> bool:
    """False where somebody else made it meanwhile."""
    new = NewTopic(
        topic.name,
        num_partitions=partitions_of(topic, settings),
        replication_factor=settings.replication,
        config=config_of(topic, settings),
    )
    try:
        admin.create_topics([new], operation_timeout=ANSWER_S, request_timeout=ANSWER_S)[topic.name].result(ANSWER_S)
    except KafkaException as error:
        if error.args[0].name() != "TOPIC_ALREADY_EXISTS":
            raise
        _compare(topic, admin.list_topics(topic.name, timeout=ANSWER_S).topics[topic.name], new.num_partitions)
        return False
    return True


def _configure(admin: AdminClient, topic: Topic, settings: Settings, note: str) -> Step:
    resource = ConfigResource(ResourceType.TOPIC, topic.name)
    there = admin.describe_configs([resource], request_timeout=ANSWER_S)[resource].result(ANSWER_S)
    wrong = {name: to for name, to in config_of(topic, settings).items() if there[name].value != to}
    kept = there["retention.ms"].value
    if kept == "-1" or int(kept) > topic.retention_ms:
        del wrong["retention.ms"]  # setting it would delete records at once
        note = f"{note}; ".lstrip("; ") + f"keeps records for {kept} ms, longer than needed; left as it is"
    if not wrong:
        return Step(part="kafka", name=topic.name, did="there", note=note)
    entries = [ConfigEntry(name, to, incremental_operation=AlterConfigOpType.SET) for name, to in wrong.items()]
    change = ConfigResource(ResourceType.TOPIC, topic.name, incremental_configs=entries)
    admin.incremental_alter_configs([change], request_timeout=ANSWER_S)[change].result(ANSWER_S)
    changes = ", ".join(f"{name}={to}" for name, to in wrong.items())
    return Step(part="kafka", name=topic.name, did="changed", note="; ".join(filter(None, [changes, note])))
