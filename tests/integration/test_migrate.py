"""`juliu migrate`: makes what is missing, once, and never resets what is there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import redis
import sqlalchemy as sa
from alembic import command
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)
from typer.testing import CliRunner, Result

from domain import keys
from domain.topics import DEAD, EVENTS
from infra import kafka_admin as topics
from infra import namespaces
from infra.clickhouse.client import connect
from infra.migration import MigrationRefused, Step
from infra.mysql import migrate as mysql
from infra.mysql.engine import engine_of
from infra.settings import Settings
from juliu.cli import app_for

pytestmark = pytest.mark.servers


def did(steps: list[Step]) -> set[str]:
    return {step.did for step in steps}


# -- the command -------------------------------------------------------------------------------------------------------


def juliu_migrate(settings: Settings, *words: str, **environment: str) -> Result:
    environment = {
        "JULIU_MYSQL_URL": settings.mysql_url.get_secret_value(),
        "JULIU_REDIS_URL": settings.redis_url,
        "JULIU_CLICKHOUSE_DATABASE": settings.clickhouse_database,
    } | environment
    return CliRunner().invoke(app_for("migrate"), ["migrate", *words], env=environment)


def test_it_makes_everything_once_and_then_finds_it(fresh: Settings):
    first = juliu_migrate(fresh, "--json")
    assert first.exit_code == 0, first.output
    steps = json.loads(first.stdout)["steps"]
    assert {step["part"] for step in steps} == {"mysql", "clickhouse", "kafka", "redis"}
    with redis.Redis.from_url(fresh.redis_url) as client:
        client.set(keys.fence("counters", 1, 0), 41)
        again = juliu_migrate(fresh, "--json")
        assert {step["did"] for step in json.loads(again.stdout)["steps"]} == {"there"}
        assert client.get(keys.fence("counters", 1, 0)) == b"41"
    assert "there" in juliu_migrate(fresh).stdout


def test_a_redis_that_lost_everything_is_not_begun_anew_beside_rows_in_clickhouse(fresh: Settings):
    assert juliu_migrate(fresh).exit_code == 0
    with connect(fresh) as client:
        client.command("INSERT INTO blocks (partition, first, last, records) VALUES (0, 0, 9, 10)")
    assert juliu_migrate(fresh).exit_code == 0
    with redis.Redis.from_url(fresh.redis_url) as client:
        client.flushdb()
        done = juliu_migrate(fresh)
        assert done.exit_code == 1
        assert "juliu rebuild redis" in done.stderr
        assert not client.exists(keys.namespace(0))


def test_a_partition_that_lost_its_namespace_is_not_begun_anew_either(fresh: Settings):
    """A server of a cluster that came back empty, or a rebuild that was killed when it had written the count down."""
    assert juliu_migrate(fresh).exit_code == 0
    with connect(fresh) as client:
        client.command("INSERT INTO blocks (partition, first, last, records) VALUES (1, 0, 9, 10)")
    with redis.Redis.from_url(fresh.redis_url) as client:
        client.delete(keys.namespace(1), *(keys.fence(group, 1, 1) for group in namespaces.GROUPS))
        done = juliu_migrate(fresh)
        assert (done.exit_code, client.exists(keys.namespace(1))) == (1, 0)
        assert "juliu rebuild redis" in done.stderr
        client.delete(keys.namespace(0), *(keys.fence(group, 1, 0) for group in namespaces.GROUPS))
        with connect(fresh) as clickhouse:
            clickhouse.command("TRUNCATE TABLE blocks")
        assert juliu_migrate(fresh).exit_code == 0, "nothing of them was stored: they are new"
        assert client.exists(keys.namespace(0), keys.namespace(1)) == 2


def test_another_partition_count_is_refused_before_anything_is_made(fresh: Settings):
    namespaces.create(fresh)
    done = juliu_migrate(fresh, JULIU_PARTITIONS=str(fresh.partitions + 1))
    assert done.exit_code == 1
    assert f"JULIU_PARTITIONS={fresh.partitions}" in done.stderr
    with engine_of(fresh).connect() as connection:
        assert sa.inspect(connection).get_table_names() == []


def test_a_server_that_is_away_ends_in_3(fresh: Settings):
    done = juliu_migrate(fresh, JULIU_MYSQL_URL="mysql+pymysql://juliu:secret-word@127.0.0.1:1/juliu")
    assert done.exit_code == 3
    assert "secret-word" not in done.output


# -- MySQL -------------------------------------------------------------------------------------------------------------


def test_the_tables_are_as_the_code_says(fresh: Settings):
    assert did(mysql.migrate(fresh)) == {"there", "made"}
    with engine_of(fresh).connect() as connection:
        command.check(mysql.config(connection))


def test_a_missing_database_is_made(fresh: Settings):
    url = fresh.mysql_url.get_secret_value() + "_missing"
    settings = fresh.model_copy(update={"mysql_url": type(fresh.mysql_url)(url)})
    try:
        assert did(mysql.migrate(settings)) == {"made"}
        assert did(mysql.migrate(settings)) == {"there"}
    finally:
        with engine_of(settings).begin() as connection:
            connection.execute(sa.text(f"DROP DATABASE `{sa.make_url(url).database}`"))


def test_migrations_at_the_same_time_take_turns(fresh: Settings):
    with ThreadPoolExecutor(3) as pool:
        outcomes = list(pool.map(lambda _: mysql.migrate(fresh), range(3)))
    made = [sum(step.did == "made" for step in steps) for steps in outcomes]
    assert sorted(made) == [0, 0, len(outcomes[0]) - 1]


def test_a_table_that_a_broken_off_migration_left_is_no_trouble(fresh: Settings):
    mysql.migrate(fresh)
    with engine_of(fresh).begin() as connection:
        connection.execute(sa.text("UPDATE catalogue_counters SET value = 7 WHERE name = 'index'"))
        connection.execute(sa.text("DROP INDEX ix_outbox_shard ON outbox"))  # as if it had ended between the two
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '0002'"))
    assert did(mysql.migrate(fresh)) == {"there", "made"}
    with engine_of(fresh).connect() as connection:
        command.check(mysql.config(connection))
        assert connection.scalar(sa.text("SELECT value FROM catalogue_counters WHERE name = 'index'")) == 7


def test_a_schema_of_a_newer_version_is_refused(fresh: Settings):
    mysql.migrate(fresh)
    with engine_of(fresh).begin() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(MigrationRefused, match="9999"):
        mysql.migrate(fresh)


# -- Redis: namespaces and fences --------------------------------------------------------------------------------------


@pytest.fixture
def store(fresh: Settings) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(fresh.redis_url) as client:
        yield client


def test_each_partition_gets_its_namespace_and_fences(fresh: Settings, store: redis.Redis):
    assert did(namespaces.create(fresh)) == {"made"}
    made = {name: store.get(name) for name in store.scan_iter()}
    expected = {keys.PARTITIONS.encode(): str(fresh.partitions).encode()}
    for p in range(fresh.partitions):
        expected |= {keys.namespace(p).encode(): b"1"}
        expected |= {keys.fence(group, 1, p).encode(): b"-1" for group in ("counters", "store")}
    assert made == expected


def test_what_is_there_is_never_reset(fresh: Settings, store: redis.Redis):
    namespaces.create(fresh)
    store.set(keys.fence("store", 1, 0), 99)
    store.set(keys.namespace(1), 2)  # a rebuild made a second one
    for group in namespaces.GROUPS:
        store.set(keys.fence(group, 2, 1), 5)
    assert did(namespaces.create(fresh)) == {"there"}
    assert store.get(keys.fence("store", 1, 0)) == b"99"
    assert store.get(keys.namespace(1)) == b"2"


def test_a_migration_that_was_broken_off_is_finished(fresh: Settings, store: redis.Redis):
    namespaces.create(fresh)
    store.delete(keys.namespace(0), *(keys.fence(group, 1, 0) for group in namespaces.GROUPS))
    assert [step.name for step in namespaces.create(fresh) if step.did == "made"] == [keys.namespace(0)]


@pytest.mark.parametrize("group", namespaces.GROUPS)
def test_a_lost_fence_is_never_made_again(fresh: Settings, store: redis.Redis, group: str):
    namespaces.create(fresh)
    store.delete(keys.fence(group, 1, 0))
    with pytest.raises(MigrationRefused, match="lost"):
        namespaces.create(fresh)
    assert not store.exists(keys.fence(group, 1, 0))


@pytest.mark.parametrize("group", namespaces.GROUPS)
def test_a_lost_pointer_whose_fences_are_there_is_never_made_again(fresh: Settings, store: redis.Redis, group: str):
    namespaces.create(fresh)
    others = [keys.fence(other, 1, 0) for other in namespaces.GROUPS if other != group]
    store.delete(keys.namespace(0), *others)
    store.set(keys.fence(group, 1, 0), 17)
    with pytest.raises(MigrationRefused, match="lost"):
        namespaces.create(fresh)
    assert (store.exists(keys.namespace(0)), store.get(keys.fence(group, 1, 0))) == (0, b"17")


def test_every_process_refuses_another_partition_count(fresh: Settings):
    other = fresh.model_copy(update={"partitions": fresh.partitions * 2})
    with pytest.raises(namespaces.WrongPartitions, match="juliu migrate"):
        namespaces.check(fresh)
    namespaces.check_before_migration(fresh)
    namespaces.create(fresh)
    namespaces.check(fresh)
    for late in (namespaces.check, namespaces.check_before_migration, namespaces.create):
        with pytest.raises(namespaces.WrongPartitions, match=f"JULIU_PARTITIONS={fresh.partitions}"):
            late(other)


# -- Kafka -------------------------------------------------------------------------------------------------------------


def config(admin: Any, name: str) -> dict[str, str]:
    resource = ConfigResource(ResourceType.TOPIC, name)
    entries = admin.describe_configs([resource])[resource].result(30)
    return {entry.name: entry.value for entry in entries.values()}


def alter(admin: Any, topic: str, name: str, to: str) -> None:
    entry = ConfigEntry(name, to, incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    admin.incremental_alter_configs([resource])[resource].result(30)


def test_topics_are_as_the_settings_say(stack: Settings, kafka_admin: Any):
    topics.create_topics(stack)
    there = kafka_admin.list_topics(timeout=30).topics
    assert len(there[EVENTS.name].partitions) == stack.partitions
    assert len(there[DEAD.name].partitions) == topics.SHARED_PARTITIONS
    for topic in (EVENTS, DEAD):
        assert config(kafka_admin, topic.name).items() >= topics.config_of(topic, stack).items()
    assert did(topics.create_topics(stack)) == {"there"}


def test_what_somebody_changed_is_set_right_but_records_are_never_cut_short(stack: Settings, kafka_admin: Any):
    topics.create_topics(stack)
    alter(kafka_admin, DEAD.name, "max.message.bytes", "1000")
    alter(kafka_admin, DEAD.name, "retention.ms", "1000")
    (step,) = [step for step in topics.create_topics(stack) if step.did == "changed"]
    assert (step.name, "retention.ms" in step.note, "max.message.bytes" in step.note) == (DEAD.name, True, True)
    assert config(kafka_admin, DEAD.name).items() >= topics.config_of(DEAD, stack).items()
    for longer in (str(DEAD.retention_ms + 1), "-1"):
        alter(kafka_admin, DEAD.name, "retention.ms", longer)
        (step,) = [step for step in topics.create_topics(stack) if step.name == DEAD.name]
        assert (step.did, "longer than needed" in step.note) == ("there", True)
        assert config(kafka_admin, DEAD.name)["retention.ms"] == longer
    alter(kafka_admin, DEAD.name, "retention.ms", str(DEAD.retention_ms))


def test_a_topic_of_another_partition_count_is_refused(stack: Settings):
    topics.create_topics(stack)
    other = stack.model_copy(update={"partitions": stack.partitions + 1})
    with pytest.raises(MigrationRefused, match="never changes"):
        topics.create_topics(other)


def test_three_replicas_need_two_acknowledgements(stack: Settings):
    of = {
        replicas: topics.config_of(EVENTS, stack.model_copy(update={"replication": replicas}))["min.insync.replicas"]
        for replicas in (1, 2, 3, 5)
    }
    assert of == {1: "1", 2: "1", 3: "2", 5: "2"}


def test_too_few_replicas_are_told(stack: Settings):
    topics.create_topics(stack)
    notes = [step.note for step in topics.create_topics(stack.model_copy(update={"replication": 2}))]
    assert all("has 1 replicas, the settings say 2" in note for note in notes)
