"""Rows of `events` back in the form of the log, in its order, for the product's own folds."""
# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec
from clickhouse_connect.driver.client import Client

from domain import events
from infra.clickhouse.totals import SLICE, UPTO
from juliu.rebuild.refused import Refused

PLAYED = "event_type IN ('play_started', 'heartbeat', 'play_ended')"

# sessions with a row behind the offset from which on they can still go on
ALIVE = f"""
(user_id, session_id) IN (
    SELECT user_id, session_id FROM events
    WHERE {UPTO} AND {SLICE} AND toInt64(offset) >= {{alive:Array(Int64)}}[partition + 1]
)
"""

# what the folds read of a record; its other fields are labels to them
_FORM = f"""
SELECT
    event_type AS type, toString(event_id) AS event_id, user_id, session_id, seq,
    toUnixTimestamp64Milli(device_at) AS at_ms, toUnixTimestamp64Milli(ts) AS ts_ms,
    toUnixTimestamp64Milli(received_at) AS received_at_ms, drama_id, drama_index, episode_no,
    toString(play) AS play_id, duration_ms, from_ms, to_ms, qualified, partition, offset
FROM (SELECT *, events.play_id AS play FROM events WHERE {UPTO} AND {SLICE} AND {{condition}})
ORDER BY partition, user_id, session_id, offset
"""
_OPTIONS = {"output_format_json_quote_64bit_integers": 0, "output_format_json_escape_forward_slashes": 0}


class _Place(msgspec.Struct, gc=False):
    partition: int
    offset: int


class Row(NamedTuple):
    """An event, and where its record was."""

    partition: int
    offset: int
    event: events.AnyEvent


_place = msgspec.json.Decoder(_Place).decode


def read(client: Client, condition: str, parameters: dict[str, Any]) -> Iterator[Row]:
    """The rows of one slice for which `condition` holds, by session and in the order of the log.

    Raises Refused on a row of a type that this code does not know: the version that wrote it can fold it.
    """
    sql = _FORM.replace("{condition}", condition)
    with client.raw_stream(sql, parameters=parameters, settings=_OPTIONS, fmt="JSONEachRow") as lines:
        for line in _lines(lines):
            try:
                yield Row(*_fields(line), events.decode(line))
            except msgspec.DecodeError as error:
                raise Refused(f"a row that this version cannot read ({error}): {line[:200]!r}") from error


def _fields(line: bytes) -> tuple[int, int]:
    place = _place(line)
    return place.partition, place.offset


def _lines(stream: Any) -> Iterator[bytes]:
    """Whole lines of a stream of pieces."""
    rest = b""
    while piece := stream.read(1 << 18):
        *whole, rest = (rest + piece).split(b"\n")
        yield from whole
    if rest:
        yield rest
