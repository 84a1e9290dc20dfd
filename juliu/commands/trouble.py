"""What a command says, and how it ends, when it cannot do what it was asked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer
from redis.exceptions import RedisError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as NoConnection

from recommender.errors import BUSY, REFUSED, TROUBLE, Busy, Refused, Trouble

FOUND_WRONG = 1  # exit code: refused, or something is not as it must be; it was said, and a person decides
SERVER_TROUBLE = 3  # exit code: a server does not answer, or is busy; the same command again is right
MYSQL_WORDS = {
    1146: "a table is missing: run `juliu migrate`",
    1049: "the database is missing: run `juliu migrate`",
    1205: "somebody else imports, publishes or migrates right now: try again in a moment",
}


def end(message: str, code: int) -> typer.Exit:
    """Say it on stderr; `raise end(...)`."""
    typer.echo(message, err=True)
    return typer.Exit(code)


@contextmanager
def recommending(doing: str, refused: str = "", trouble: str = "not done, run it again: ") -> Iterator[None]:
    """What the recommender says instead of doing it becomes one line and its exit code; the words stand before it."""
    try:
        yield
    except Refused as error:
        raise end(f"{doing}: {refused}{error}", REFUSED) from error
    except Trouble as error:
        raise end(f"{doing}: {trouble}{error}", TROUBLE) from error
    except Busy as error:
        raise end(f"{doing}: {error}", BUSY) from error


@contextmanager
def told(doing: str) -> Iterator[None]:
    """Whatever MySQL or Redis says instead of doing it becomes one line and exit code 3."""
    try:
        yield
    except DBAPIError as error:
        code = error.orig.args[0] if error.orig and error.orig.args else None
        words = MYSQL_WORDS.get(code, str(error.orig)) if isinstance(code, int) else str(error.orig)
        raise end(f"{doing}: MySQL: {words}", SERVER_TROUBLE) from error
    except NoConnection as error:
        raise end(f"{doing}: MySQL: no free connection: {error}", SERVER_TROUBLE) from error
    except RedisError as error:
        raise end(f"{doing}: Redis: {error}", SERVER_TROUBLE) from error
