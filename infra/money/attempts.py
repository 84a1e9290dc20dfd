"""Transactions that are tried again where MySQL asks for it, and one error for everything that it cannot do now."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from sqlalchemy.engine import Connection, Engine
from sqlalchemy.exc import DBAPIError, InterfaceError, InternalError, OperationalError, TimeoutError

Done = TypeVar("Done")
ATTEMPTS = 6
WITHIN_S = 3.0  # the viewer waits, and so does a thread
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.005, 0.1
AGAIN = frozenset((1213, 1205))  # deadlock, lock wait time-out: InnoDB rolled back, the whole may be tried again


class MoneyUnavailable(Exception):
    """MySQL does not answer, or not in time.  What was asked for may have been done; asking again is safe."""


def transact(engine: Engine, work: Callable[[Connection], Done]) -> Done:
    """Commit what `work` does, trying again where it was locked out: ATTEMPTS times, none begun after WITHIN_S.

    Raises MoneyUnavailable.
    """
    end = time.monotonic() + WITHIN_S
    for attempt in range(ATTEMPTS):
        try:
            with answers(), engine.begin() as connection:
                return work(connection)
        except _Again:
            if time.monotonic() >= end:
                raise
            time.sleep(random.random() * min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0**attempt))  # noqa: S311 - jitter
    raise MoneyUnavailable(f"locked out {ATTEMPTS} times")


class _Again(MoneyUnavailable):
    """Nothing was done; it may be tried again."""


@contextmanager
def answers() -> Iterator[None]:
    """Turns what MySQL cannot do now into MoneyUnavailable; an error in our own statements stays what it is."""
    try:
        yield
    except (OperationalError, InternalError) as error:
        if _code(error) in AGAIN:
            raise _Again from error
        if _is_ours(error):
            raise
        raise MoneyUnavailable(str(error.orig)) from error
    except (InterfaceError, TimeoutError) as error:
        raise MoneyUnavailable(type(error).__name__) from error


OURS = frozenset((1048, 1054, 1264, 1364, 1366, 1406, 3819, 4025))  # columns, values; a CHECK in MySQL, in MariaDB


def _is_ours(error: DBAPIError) -> bool:
    return _code(error) in OURS


def _code(error: DBAPIError) -> int:
    code = error.orig.args[0] if error.orig is not None and error.orig.args else 0
    return code if isinstance(code, int) else 0
