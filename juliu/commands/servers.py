"""How a command that asks Kafka, Redis and ClickHouse ends when one of them does not answer."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from clickhouse_connect.driver.exceptions import ClickHouseError
from confluent_kafka import KafkaException
from redis.exceptions import RedisError

from domain.topics import EVENTS
from infra.fold_store import Wait
from infra.settings import load
from juliu.commands.trouble import SERVER_TROUBLE, end
from juliu.places import Servers


@contextmanager
def answered(doing: str) -> Iterator[None]:
    """What a server says instead of answering becomes one line and exit code 3."""
    logging.getLogger("clickhouse_connect").setLevel(logging.CRITICAL)  # what it says, we say in our words
    try:
        yield
    except RedisError as error:
        raise end(f"{doing}: Redis: {error}", SERVER_TROUBLE) from error
    except KafkaException as error:
        raise end(f"{doing}: Kafka: {error.args[0]}", SERVER_TROUBLE) from error
    except ClickHouseError as error:
        raise end(f"{doing}: ClickHouse: {str(error)[:500]}", SERVER_TROUBLE) from error
    except Wait as error:
        raise end(f"{doing}: {error}", SERVER_TROUBLE) from error


@contextmanager
def opened(doing: str) -> Iterator[Servers]:
    """All three, and their end."""
    with answered(doing):
        servers = Servers.open(load(), EVENTS.name)
        try:
            yield servers
        finally:
            servers.close()
