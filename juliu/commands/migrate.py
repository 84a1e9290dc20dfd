"""`juliu migrate`: brings MySQL, ClickHouse, Kafka and Redis to what this version needs; repeatable, never resets."""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby

import msgspec
import typer
from clickhouse_connect.driver.exceptions import ClickHouseError
from clickhouse_migrations.exceptions import MigrationException
from confluent_kafka import KafkaException
from redis.exceptions import RedisError
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlalchemy.exc import SQLAlchemyError

from infra import kafka_admin, namespaces
from infra.clickhouse import migrate as clickhouse
from infra.clickhouse.client import connect
from infra.migration import MigrationRefused, Step
from infra.mysql import migrate as mysql
from infra.settings import Settings, load
from juliu.commands.json_option import Json
from juliu.commands.trouble import FOUND_WRONG, SERVER_TROUBLE, end

Refusals = (MigrationRefused, namespaces.WrongPartitions, MigrationException)
Troubles = (SQLAlchemyError, ClickHouseError, KafkaException, RedisError, OSError)


def migrate(
    json: Json = False,
) -> None:
    """Make tables, topics, and the first namespace of each partition with its fences; what is there stays.

    Exit code: 0 all good, 1 what is there contradicts the settings, 3 a server does not answer.
    """
    settings = load()
    steps: list[Step] = []
    try:
        for part in PARTS:
            steps += part(settings)
    except Refusals as error:
        raise _stopped(steps, json, f"refused: {error}", FOUND_WRONG) from error
    except Troubles as error:
        raise _stopped(steps, json, f"a server does not do it: {error}", SERVER_TROUBLE) from error
    _show(steps, json)


def _check(settings: Settings) -> list[Step]:
    """Before anything is made: a partition count that differs from what is written down spoils everything after it."""
    namespaces.check_before_migration(settings)
    return []


def _clickhouse(settings: Settings) -> list[Step]:
    applied = clickhouse.migrate(settings)
    if not applied:
        return [Step(part="clickhouse", name=settings.clickhouse_database, did="there")]
    return [Step(part="clickhouse", name=f"{version:04}", did="made") for version in applied]


def _kafka(settings: Settings) -> list[Step]:
    return kafka_admin.create_topics(settings, known=namespaces.made(settings))


def _redis(settings: Settings) -> list[Step]:
    """A partition without a namespace, of which ClickHouse has blocks, has lost it: fences at the beginning are wrong.

    That is an empty Redis, one of a cluster's servers that came back empty, and a rebuild that was killed half-way.
    """
    if lacking := namespaces.lacking(settings):
        with connect(settings) as client:
            stored = client.query(_STORED, {"partitions": lacking}).result_rows[0][0]
        if stored:
            raise MigrationRefused(
                f"Redis has no namespace of {len(lacking)} partitions, and ClickHouse has {stored:,} blocks of them:"
                " Redis lost what it held: `juliu rebuild redis`"
            )
    return namespaces.create(settings)


_STORED = "SELECT count() FROM blocks WHERE partition IN {partitions:Array(UInt16)}"

PARTS: tuple[Callable[[Settings], list[Step]], ...] = (
    _check,
    mysql.migrate,
    _clickhouse,
    _kafka,
    _redis,
)


def _stopped(steps: list[Step], json: bool, why: str, code: int) -> typer.Exit:
    if steps:
        _show(steps, json)
    return end(f"juliu migrate: {why}\nWhat was done stays; run it again when this is mended.", code)


def _show(steps: list[Step], json: bool) -> None:
    if json:
        typer.echo(msgspec.json.encode({"steps": steps}).decode())
        return
    table = Table()
    for name in ("server", "what", "is", ""):
        table.add_column(name)
    for (part, did, note), alike in groupby(steps, key=lambda step: (step.part, step.did, step.note)):
        names = [step.name for step in alike]
        name = names[0] if len(names) == 1 else f"{names[0]} ... {names[-1]}"  # of 256 partitions, say
        table.add_row(part, name, did, escape(note), style="" if did == "there" else "green")
    Console().print(table)
