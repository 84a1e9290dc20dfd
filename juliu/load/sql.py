"""Asks ClickHouse, as an analyst's client would."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import clickhouse_connect

from infra.settings import Settings


class Found(NamedTuple):
    """An answer: the names of its columns, and its rows."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]


def ask(settings: Settings, *statements: str) -> list[Found]:
    """The answers, over one connection.  Raises clickhouse_connect's errors as they are."""
    with clickhouse_connect.get_client(
        dsn=settings.clickhouse_url,
        username=settings.clickhouse_user,
        password=settings.clickhouse_password.get_secret_value(),
        database=settings.clickhouse_database,
    ) as client:
        results = [client.query(statement) for statement in statements]
        return [Found(result.column_names, result.result_rows) for result in results]
