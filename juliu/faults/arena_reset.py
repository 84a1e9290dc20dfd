"""Makes an arena's world empty: topics anew, Redis and ClickHouse bare, money gone, the catalogue published."""

from __future__ import annotations

import socket
import struct
import time
from pathlib import Path

import redis
import sqlalchemy as sa
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from domain.topics import TOPICS
from infra import kafka_admin, namespaces
from infra.catalogue.importing import import_file
from infra.catalogue.publish import publish
from infra.catalogue.shelf import RedisShelf
from infra.clickhouse import migrate as clickhouse
from infra.clickhouse.client import connect
from infra.local.home import HOST
from infra.local.redis import ask
from infra.money import tables
from infra.mysql import migrate as mysql
from infra.mysql.engine import engine_of
from infra.settings import Settings
from juliu.faults import catalogue

WITHIN_S = 60.0
MAX_MEMORY = "3gb"  # as infra/local/etc/redis.conf says
CONSUMER_GROUPS = tuple(f"juliu-{group}" for group in namespaces.GROUPS)  # as streams.runtime names them
MEMBERS = ("1", "2")
_PLAIN = ("events", "late_events")
_LEAVE_GROUP, _VERSION = 13, 3
_MONEY = (
    tables.outbox, tables.idempotency_keys, tables.entitlements, tables.credits_, tables.ledger_entries,
    tables.accounts,
)  # fmt: skip


def empty(settings: Settings, redis_ports: tuple[int, ...], imported: Path) -> None:
    """Everything as right after `juliu migrate`.  `imported` remembers that MySQL has the catalogue.

    Blocks for seconds.  Raises the servers' errors: a server that does not even do this is no arena.
    """
    _topics(settings)
    for port in redis_ports:
        _redis(port)
    mysql.migrate(settings)
    bare_clickhouse(settings)
    kafka_admin.create_topics(settings)
    namespaces.create(settings)
    _catalogue(settings, imported)


def _redis(port: int) -> None:
    """Bare, whatever the fault before has left it in."""
    end = time.monotonic() + WITHIN_S
    while True:
        *_, memory, flushed = ask(
            port,
            ("SCRIPT", "KILL"),
            ("REPLICAOF", "NO", "ONE"),
            ("CONFIG", "SET", "maxmemory", MAX_MEMORY),
            ("FLUSHALL",),
        )
        if memory == flushed == "OK":
            return
        if time.monotonic() > end:
            raise AssertionError(f"Redis cannot be emptied: {flushed}")
        time.sleep(0.1)


def _topics(settings: Settings) -> None:
    """Delete ours, and wait until they are gone from every broker that answers."""
    admin = AdminClient({"bootstrap.servers": settings.kafka, "log_level": 2})
    names = {topic.name for topic in TOPICS}
    end = time.monotonic() + WITHIN_S
    while there := names & admin.list_topics(timeout=WITHIN_S).topics.keys():
        for gone in admin.delete_topics(list(there)).values():
            try:
                gone.result(WITHIN_S)
            except KafkaException as error:
                if error.args[0].name() != "UNKNOWN_TOPIC_OR_PART":
                    raise
        if time.monotonic() > end:
            raise AssertionError(f"Kafka keeps {there}")
        time.sleep(0.05)
    for broker in settings.kafka.split(","):
        _leave(int(broker.rsplit(":", 1)[1]))


def _leave(port: int) -> None:
    """Static members that were killed leave their groups now, not when their sessions end.  The coordinator hears it.

    Source: Kafka protocol, LeaveGroup v3.
    """
    for group in CONSUMER_GROUPS:
        members = [f"{group}-{member}" for member in MEMBERS]
        body = struct.pack(">hhih", _LEAVE_GROUP, _VERSION, 1, -1) + _text(group) + struct.pack(">i", len(members))
        body += b"".join(_text("") + _text(member) for member in members)
        with socket.create_connection((HOST, port), WITHIN_S) as connection:
            connection.sendall(struct.pack(">i", len(body)) + body)
            connection.recv(4)


def _text(text: str) -> bytes:
    return struct.pack(">h", len(text)) + text.encode()


def bare_clickhouse(settings: Settings) -> None:
    """The schema of a new database, `events` without the net: no merge may tidy a double away before it is counted."""
    name = settings.clickhouse_database
    with connect(settings.model_copy(update={"clickhouse_database": "default"})) as client:
        client.command(f"DROP DATABASE IF EXISTS {name} SYNC")
    clickhouse.migrate(settings)
    with connect(settings) as client:
        for table in _PLAIN:
            client.command(f"RENAME TABLE {table} TO replacing")
            made = str(client.query("SELECT create_table_query FROM system.tables WHERE database = currentDatabase()"
                                    " AND name = 'replacing'").result_rows[0][0])  # fmt: skip
            client.command(made.replace(".replacing ", f".{table} ", 1).replace("ReplacingMergeTree", "MergeTree"))
            client.command("DROP TABLE replacing SYNC")


def _catalogue(settings: Settings, imported: Path) -> None:
    engine = engine_of(settings)
    try:
        if not imported.exists():
            file = imported.with_suffix(".jsonl")
            catalogue.write(file)
            import_file(engine, file)
            imported.touch()
        with engine.begin() as connection:
            connection.execute(sa.text("SET SESSION foreign_key_checks = 0"))  # entries point at those before them
            for table in _MONEY:
                connection.execute(sa.delete(table))
            connection.execute(sa.text("SET SESSION foreign_key_checks = 1"))
        with redis.Redis.from_url(settings.redis_url, socket_timeout=WITHIN_S) as client:
            publish(engine, RedisShelf(client), afresh=True)
    finally:
        engine.dispose()
