"""The test stack: real servers of this session's own, which never touch a running stack; and what tests ask of them.

Every session has a home of its own under var/test, wiped at the end; what a killed session left is swept by the next.
Tests marked `servers` are skipped where the servers cannot run, except under CI=true, where that is an error.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infra.local import prerequisites
from infra.local import stack as local_stack
from infra.local.errors import StackError
from infra.local.home import Home
from infra.settings import Settings, load
from tests.servers import TEST_HOMES, clickhouse_client, migrate, mysql_engine_of, remove, sweep

_fresh_numbers = itertools.count(1)


def pytest_configure() -> None:
    """Point everything that reads settings at this session's home, whatever the shell says."""
    for name in [name for name in os.environ if name.startswith("JULIU_") and name != "JULIU_TEST_HOMES"]:
        del os.environ[name]
    os.environ["JULIU_HOME"] = str(TEST_HOMES / str(os.getpid()))


@pytest.fixture(scope="session")
def stack() -> Iterator[Settings]:
    """Kafka, ClickHouse, Redis and MySQL, empty but for `juliu migrate`: the settings that point at them."""
    home = Home(Path(os.environ["JULIU_HOME"]))
    sweep(TEST_HOMES)
    try:
        prerequisites.check(home)
    except StackError as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))
    try:
        local_stack.up(home, lambda _: None, processes=False)
        migrate()
        yield load()
    finally:
        remove(home)


@pytest.fixture
def redis_client(stack: Settings) -> Iterator[Any]:
    """A Redis client (bytes in, bytes out) on the shared database: use keys of your own."""
    import redis

    with redis.Redis.from_url(stack.redis_url) as client:
        yield client


@pytest.fixture
def clickhouse(stack: Settings) -> Iterator[Any]:
    """A ClickHouse client on the migrated database."""
    with clickhouse_client(stack) as client:
        yield client


@pytest.fixture
def mysql_engine(stack: Settings) -> Iterator[Any]:
    """An SQLAlchemy engine on the migrated database."""
    yield from mysql_engine_of(stack)


@pytest.fixture
def kafka_admin(stack: Settings) -> Any:
    """A confluent_kafka AdminClient."""
    from confluent_kafka.admin import AdminClient

    return AdminClient({"bootstrap.servers": stack.kafka, "log_level": 2})


@pytest.fixture
def topic(kafka_admin: Any) -> Iterator[str]:
    """The name of an empty topic of four partitions, for this test alone."""
    from confluent_kafka.admin import NewTopic

    name = f"test.{next(_fresh_numbers)}"
    kafka_admin.create_topics([NewTopic(name, 4, 1)])[name].result(30)
    yield name
    kafka_admin.delete_topics([name])[name].result(30)


@pytest.fixture
def fresh(stack: Settings) -> Iterator[Settings]:
    """Settings of empty databases in Redis, ClickHouse and MySQL, for this test alone.

    Kafka is shared: use `topic`.
    """
    import redis

    number = next(_fresh_numbers)
    name = f"juliu_fresh_{number}"
    settings = stack.model_copy(
        update={
            "redis_url": stack.redis_url.removesuffix("/0") + f"/{1 + number % 15}",
            "clickhouse_database": name,
            "mysql_url": type(stack.mysql_url)(stack.mysql_url.get_secret_value().removesuffix("/juliu") + f"/{name}"),
        }
    )
    with redis.Redis.from_url(settings.redis_url) as client:
        client.flushdb()
    with clickhouse_client(stack) as client:
        client.command(f"CREATE DATABASE {name}")
    _mysql(stack, f"CREATE DATABASE {name} CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci")
    yield settings
    _mysql(stack, f"DROP DATABASE {name}")
    with clickhouse_client(stack) as client:
        client.command(f"DROP DATABASE {name} SYNC")


def _mysql(settings: Settings, statement: str) -> None:
    for engine in mysql_engine_of(settings):
        with engine.begin() as connection:
            connection.exec_driver_sql(statement)
