"""Transactions of media jobs: tried again where MySQL asks for it; what it cannot do now is a Wait."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import ProgrammingError

from infra.fold_store import Wait
from infra.money import attempts

Done = TypeVar("Done")
NO_SUCH_TABLE = 1146


class NotMigrated(Exception):
    """MySQL has no tables of media jobs: somebody must run `juliu migrate`."""


def transact(engine: Engine, work: Callable[[Connection], Done]) -> Done:
    """Commit what `work` does, as infra.money.attempts does.  Raises Wait, NotMigrated."""
    try:
        return attempts.transact(engine, work)
    except attempts.MoneyUnavailable as error:
        raise Wait("mysql", error) from error
    except ProgrammingError as error:
        if error.orig is None or error.orig.args[:1] != (NO_SUCH_TABLE,):
            raise
        raise NotMigrated("MySQL has no tables of media jobs: run `juliu migrate`") from error
