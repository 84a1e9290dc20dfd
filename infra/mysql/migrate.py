"""Brings the MySQL schema to the newest revision; repeatable, one at a time, forward only: mend by a new revision."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import OperationalError

from infra.migration import MigrationRefused, Step
from infra.mysql.engine import engine_of
from infra.mysql.tables import TEXT
from infra.settings import Settings

MIGRATIONS = Path(__file__).parent / "migrations"
LOCK = "juliu.migrate"
LOCK_WAIT_S = 60
STATEMENT_S = 600  # an ALTER of a large table
UNKNOWN_DATABASE = 1049


def migrate(settings: Settings) -> list[Step]:
    """Make the database if it is missing, then apply every revision that it lacks.

    Raises sqlalchemy.exc.OperationalError where MySQL does not answer, MigrationRefused where another migration does
    not end or the schema is of a newer juliu.
    """
    engine = engine_of(settings, pool=1, answer_s=STATEMENT_S)
    try:
        steps = _database(engine)
        with engine.connect() as connection, _alone(connection):
            return steps + _revisions(connection)
    finally:
        engine.dispose()


def config(connection: Connection) -> Config:
    """Alembic's configuration for our revisions on this connection."""
    made = Config()
    made.set_main_option("script_location", str(MIGRATIONS))
    made.attributes["connection"] = connection
    return made


def _database(engine: Engine) -> list[Step]:
    name = str(engine.url.database)
    try:
        engine.connect().close()
    except OperationalError as error:
        if _code(error) != UNKNOWN_DATABASE:
            raise
    else:
        return [Step(part="mysql", name=name, did="there")]
    server = sa.create_engine(engine.url.set(database=""))
    with server.begin() as connection:
        quoted = connection.dialect.identifier_preparer.quote_identifier(name)
        connection.execute(sa.text(f"CREATE DATABASE IF NOT EXISTS {quoted} CHARACTER SET utf8mb4 COLLATE {TEXT}"))
    server.dispose()
    return [Step(part="mysql", name=name, did="made")]


@contextmanager
def _alone(connection: Connection) -> Iterator[None]:
    """DDL ends transactions, so a row lock would not hold: a named lock does, and a dead connection lets go of it."""
    if connection.scalar(sa.text("SELECT GET_LOCK(:name, :wait)"), {"name": LOCK, "wait": LOCK_WAIT_S}) != 1:
        raise MigrationRefused(
            f"another migration of MySQL has been running for {LOCK_WAIT_S} s; try again when it is done"
        )
    connection.commit()  # Alembic then begins and commits a transaction of its own for each revision
    try:
        yield
    finally:
        connection.execute(sa.text("SELECT RELEASE_LOCK(:name)"), {"name": LOCK})


def _revisions(connection: Connection) -> list[Step]:
    before = MigrationContext.configure(connection).get_current_revision()
    connection.commit()
    alembic = config(connection)
    try:
        command.upgrade(alembic, "head")
    except CommandError as error:
        raise MigrationRefused(
            f"the schema is at revision {before}, which this version of juliu does not know"
        ) from error
    steps = []
    for script in reversed(list(ScriptDirectory.from_config(alembic).walk_revisions())):
        there = before is not None and script.revision <= before  # 0001, 0002, ...: one line, in order
        what = script.doc.rstrip(".")
        steps.append(Step(part="mysql", name=script.revision, did="there" if there else "made", note=what))
    return steps


def _code(error: OperationalError) -> int:
    args = error.orig.args if error.orig else ()
    return int(args[0]) if args else 0
