"""An empty database of this test's own, migrated, and a client on it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from infra.clickhouse.client import connect
from infra.clickhouse.migrate import migrate
from infra.settings import Settings


@pytest.fixture
def settings(fresh: Settings) -> Settings:
    """Settings of empty databases, that of ClickHouse with our tables and views."""
    migrate(fresh)
    return fresh


@pytest.fixture
def client(settings: Settings) -> Iterator[Any]:
    """A ClickHouse client on that database."""
    with connect(settings) as connected:
        yield connected
