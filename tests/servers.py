"""The life of a test stack, and clients of its servers: for fixtures, and for tests with a stack of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from infra.local import identity, prerequisites
from infra.local import stack as local_stack
from infra.local.errors import StackError
from infra.local.home import Home
from infra.place import ROOT
from infra.settings import Settings

TEST_HOMES = Path(os.environ.get("JULIU_TEST_HOMES") or ROOT / "var" / "test")


def migrate() -> None:
    """`juliu migrate`, as everybody types it."""
    done = subprocess.run(
        [sys.executable, "-m", "juliu", "migrate"], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def sweep(homes: Path) -> None:
    """End and remove what sessions that were killed left behind."""
    for path in homes.glob("*/"):
        session = path.name.partition("-")[0]  # a test with a stack of its own names its home <pid>-<word>
        if session.isdigit() and identity.of(int(session)) is None:
            remove(Home(path))


def remove(home: Home) -> None:
    """End a test stack and forget it."""
    local_stack.down(home, lambda _: None)
    shutil.rmtree(home.path)


@contextmanager
def own_home(word: str) -> Iterator[Home]:
    """An empty home for a stack of the test's own, removed at the end; skips at home where servers are missing."""
    home = Home(TEST_HOMES / f"{os.getpid()}-{word}")
    sweep(TEST_HOMES)
    home.path.mkdir(parents=True)
    try:
        prerequisites.check(home)
    except StackError as error:
        home.path.rmdir()
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(error))
    try:
        yield home
    finally:
        remove(home)


def clickhouse_client(settings: Settings) -> Any:
    """A client as our own code would make it; a context manager."""
    import clickhouse_connect

    return clickhouse_connect.get_client(
        dsn=settings.clickhouse_url,
        username=settings.clickhouse_user,
        password=settings.clickhouse_password.get_secret_value(),
    )


def mysql_engine_of(settings: Settings) -> Iterator[Any]:
    """An engine, and its end."""
    from sqlalchemy import create_engine

    engine = create_engine(settings.mysql_url.get_secret_value())
    yield engine
    engine.dispose()
