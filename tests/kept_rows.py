"""A row in each of the four servers, written to disk, and what is there of it after whatever was done to them."""

from __future__ import annotations

from typing import Any

import redis
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from infra.settings import Settings
from tests.redis_server import until
from tests.servers import clickhouse_client, mysql_engine_of

WITHIN_S = 120.0


def write_a_row_everywhere(settings: Settings, name: str) -> None:
    """One named `name` in Kafka, Redis, ClickHouse and MySQL, on disk when this returns."""
    admin = AdminClient({"bootstrap.servers": settings.kafka, "log_level": 2})
    admin.create_topics([NewTopic(name, 1, 1)])[name].result(30)
    producer = Producer({"bootstrap.servers": settings.kafka, "acks": "all", "log_level": 2})
    producer.produce(name, b"kept")
    assert producer.flush(30) == 0
    with redis.Redis.from_url(settings.redis_url) as client:
        client.set(name, "kept")
        if client.info()["redis_version"] >= "7.2":
            client.waitaof(1, 0, 5_000)
        else:
            until(lambda: aof_is_on_disk(client), WITHIN_S, "Redis syncs its file")
    with clickhouse_client(settings) as client:
        client.command(
            f"CREATE TABLE {name} (word String) ENGINE MergeTree ORDER BY word SETTINGS fsync_after_insert = 1"
        )
        client.command(f"INSERT INTO {name} VALUES ('kept')")
    for engine in mysql_engine_of(settings):
        with engine.begin() as connection:
            connection.exec_driver_sql(f"CREATE TABLE {name} (word VARCHAR(10))")
            connection.exec_driver_sql(f"INSERT INTO {name} VALUES ('kept')")


def aof_is_on_disk(client: Any) -> bool:
    """Whether nothing waits to be synced."""
    return int(client.info("persistence")["aof_pending_bio_fsync"]) == 0


def rows_everywhere(settings: Settings, name: str) -> dict[str, str]:
    """What each server has under that name now."""
    found = {}
    consumer = Consumer({"bootstrap.servers": settings.kafka, "group.id": name, "log_level": 2})
    consumer.assign([TopicPartition(name, 0, 0)])
    found["kafka"] = until(lambda: consumer.poll(0.5), WITHIN_S, "Kafka gives the record").value().decode()
    consumer.close()
    with redis.Redis.from_url(settings.redis_url, decode_responses=True) as client:
        found["redis"] = client.get(name)
    with clickhouse_client(settings) as client:
        found["clickhouse"] = client.command(f"SELECT word FROM {name}")
    for engine in mysql_engine_of(settings):
        with engine.connect() as connection:
            found["mysql"] = connection.exec_driver_sql(f"SELECT word FROM {name}").scalar()
    return found
