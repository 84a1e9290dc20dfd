"""The client for queries: reading jobs, analysts, tests.  The hot path of the store worker is infra.clickhouse.http."""

from __future__ import annotations

from urllib.parse import urlsplit

import clickhouse_connect
from clickhouse_connect.driver.client import Client

from infra.settings import Settings

CONNECT_S, ANSWER_S = 5, 300


def connect(settings: Settings) -> Client:
    """A client on our database, for one thread; a context manager.  Raises clickhouse_connect's ClickHouseError."""
    url = urlsplit(settings.clickhouse_url)
    return clickhouse_connect.get_client(
        host=url.hostname or "127.0.0.1",
        port=url.port or 0,
        secure=url.scheme == "https",
        username=settings.clickhouse_user,
        password=settings.clickhouse_password.get_secret_value(),
        database=settings.clickhouse_database,
        connect_timeout=CONNECT_S,
        send_receive_timeout=ANSWER_S,
        autogenerate_session_id=False,  # else two queries at once of one process are refused
    )
