"""ClickHouse over HTTP for what is too large for memory: an answer into a file, a file into a statement."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from typing import BinaryIO
from urllib.parse import urlencode, urlsplit

import msgspec

from infra.fold_store import Wait
from infra.settings import Settings

ANSWER_S = 600.0  # of one slice
PIECE = 1 << 20  # bytes at a time
CODING = "zstd"  # of the files, done by ClickHouse


class _Summary(msgspec.Struct):
    result_rows: str = "0"
    written_rows: str = "0"


class Bulk:
    """Statements to one database, each on a connection of its own.

    `options` are settings and query parameters (`param_x`).  Every call raises Wait where ClickHouse does not do it:
    the same again may be right.
    """

    def __init__(self, settings: Settings) -> None:
        self._url = urlsplit(settings.clickhouse_url)
        self._database = {"database": settings.clickhouse_database}
        self._headers = {
            "X-ClickHouse-User": settings.clickhouse_user,
            "X-ClickHouse-Key": settings.clickhouse_password.get_secret_value(),
        }

    def into(self, file: BinaryIO, sql: str, options: Mapping[str, str]) -> int:
        """Write the answer, compressed, into the file; how many rows it has.  It comes whole or not at all."""
        whole = {"wait_end_of_query": "1", "buffer_size": str(PIECE), "enable_http_compression": "1"}
        connection, answer = self._ask(sql, {**options, **whole}, {"Accept-Encoding": CODING}, None)
        try:
            while piece := answer.read(PIECE):
                file.write(piece)
        except (OSError, http.client.HTTPException) as error:
            raise Wait("clickhouse", error) from error
        finally:
            connection.close()
        return int(_summary(answer).result_rows)

    def outof(self, file: BinaryIO, sql: str, options: Mapping[str, str], coding: str = CODING) -> int:
        """Run a statement on the file's content; how many rows it wrote (those that a token dropped count too)."""
        headers = {"Content-Encoding": coding} if coding else {}
        connection, answer = self._ask(sql, {**options, "wait_end_of_query": "1"}, headers, file)
        connection.close()
        return int(_summary(answer).written_rows)

    def _ask(
        self, sql: str, options: Mapping[str, str], headers: Mapping[str, str], body: BinaryIO | None
    ) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
        kind = http.client.HTTPSConnection if self._url.scheme == "https" else http.client.HTTPConnection
        connection = kind(self._url.hostname or "127.0.0.1", self._url.port, timeout=ANSWER_S)
        target = f"{self._url.path or '/'}?{urlencode({'query': sql, **self._database, **options})}"
        try:
            connection.request("POST", target, body, {**self._headers, **headers})
            answer = connection.getresponse()
            if answer.status != http.client.OK:
                raise Wait("clickhouse", answer.read(PIECE)[:300].decode(errors="replace"))
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise Wait("clickhouse", error) from error
        except Wait:
            connection.close()
            raise
        return connection, answer


def _summary(answer: http.client.HTTPResponse) -> _Summary:
    return msgspec.json.decode(answer.headers.get("X-ClickHouse-Summary", "{}"), type=_Summary)
