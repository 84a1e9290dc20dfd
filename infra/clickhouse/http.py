"""ClickHouse over HTTP for the hot path: one statement a call, its errors told apart by what the caller should do."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import NamedTuple

import aiohttp
import msgspec

from infra.fold_store import Wait
from infra.settings import Settings

CONNECT_S = 2.0
ANSWER_S = 30.0  # an insert takes milliseconds; what takes this long is in doubt, and the fences will tell
CONNECTIONS = 64  # one a partition that is being stored
MAX_ANSWER = 1_000_000  # bytes; answers here are a line

# CANNOT_PARSE_TEXT, _ESCAPE_SEQUENCE, _QUOTED_STRING, _INPUT_ASSERTION_FAILED, _NUMBER, _BOOL, INCORRECT_DATA
_UNREADABLE = frozenset({"6", "25", "26", "27", "72", "467", "117"})


class Unreadable(Exception):
    """ClickHouse cannot read these rows; sent again as they are it never will."""


class Answer(NamedTuple):
    """What a statement answered, and how many rows passed its conditions (those that a token dropped count too)."""

    text: str
    written: int


class _Summary(msgspec.Struct):
    written_rows: str = "0"


_decode_summary = msgspec.json.Decoder(_Summary).decode


class Http:
    """Statements to one database.  Connects at the first, in the loop that is running then; sends nothing twice."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.clickhouse_url
        self._database = {"database": settings.clickhouse_database}
        self._headers = {
            "X-ClickHouse-User": settings.clickhouse_user,
            "X-ClickHouse-Key": settings.clickhouse_password.get_secret_value(),
        }
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    async def ask(self, sql: str, options: Mapping[str, str], body: bytes = b"") -> Answer:
        """The statement's answer once it is done.  `options` are settings and query parameters (`param_x`).

        Raises Unreadable for a body that it cannot parse, Wait for anything else: also what a person must mend (no
        such table, a full disk), because the rows are safe in the log until then.
        """
        params = {"query": sql, "wait_end_of_query": "1", **self._database, **options}
        try:
            async with self._connected().post(self._url, params=params, data=io.BytesIO(body)) as answer:
                text = (await _whole(answer)).decode(errors="replace")
                summary = answer.headers.get("X-ClickHouse-Summary", "{}")
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise Wait("clickhouse", error) from error
        if answer.status == 200:
            return Answer(text, int(_decode_summary(summary).written_rows))
        if answer.headers.get("X-ClickHouse-Exception-Code") in _UNREADABLE:
            raise Unreadable(text[:300])
        raise Wait("clickhouse", text[:300])

    def _connected(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=CONNECTIONS),
                timeout=aiohttp.ClientTimeout(total=ANSWER_S, sock_connect=CONNECT_S),
                headers=self._headers,
            )
        return self._session


async def _whole(answer: aiohttp.ClientResponse) -> bytes:
    """The answer up to MAX_ANSWER: one read gives no more than what has come by then, maybe half a number."""
    parts, left = list[bytes](), MAX_ANSWER
    while left and (part := await answer.content.read(left)):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)
