"""The queue of media jobs for a command, and how it ends when MySQL does not do what is asked."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

from sqlalchemy.engine import Engine

from domain.media.trouble import Failure, StepFailed
from infra.fold_store import Wait
from infra.media.job import UnknownJob
from infra.media.queue import JobQueue
from infra.media.transaction import NotMigrated
from infra.mysql.engine import engine_of
from infra.settings import Settings, load
from juliu.commands.trouble import FOUND_WRONG, SERVER_TROUBLE, end
from juliu.dead.summary import printable
from media_jobs.engine import Storage

ANSWER_S = 30  # of one statement
MOST_SHOWN = 2_000  # bytes of a line: names of files may be anything


@contextmanager
def opened(doing: str) -> Iterator[tuple[Settings, Engine, JobQueue]]:
    """Settings, MySQL and its queue; what they do not do becomes one line and an exit code."""
    settings = load()
    engine = engine_of(settings, pool=2, answer_s=ANSWER_S)
    try:
        yield settings, engine, JobQueue(engine)
    except UnknownJob as error:
        raise end(f"there is no such job: {error}", FOUND_WRONG) from error
    except NotMigrated as error:
        raise end(str(error), SERVER_TROUBLE) from error
    except Wait as error:
        raise end(f"{doing}: {error}", SERVER_TROUBLE) from error
    except StepFailed as error:
        code = FOUND_WRONG if error.kind is Failure.MEND else SERVER_TROUBLE
        raise end(f"{doing}: {error.reason}: {error.text}", code) from error
    finally:
        engine.dispose()


def storage_of(settings: Settings) -> Storage:
    """Where the worker looks for files.  Ends the command where the settings name no place."""
    try:
        storage: Storage = import_module("media_jobs.engines").storage_of(settings)
    except ValueError as error:
        raise end(f"storage: {error} (docs/settings.md)", FOUND_WRONG) from error
    return storage


def shown(text: str) -> str:
    """Text of anybody's for a terminal: what could steer it is escaped, also bytes that are no UTF-8."""
    return printable(text.encode("utf-8", "surrogateescape"), MOST_SHOWN)
