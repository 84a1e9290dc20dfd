"""Rows of `late_events`: counted by reason, and read again as the events that they were."""
# ruff: noqa: S608 - columns and conditions are constants; values travel as query parameters

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
from clickhouse_connect.driver.client import Client

from domain import events
from domain.events import AnyEvent
from infra.clickhouse.columns import FIELDS, Field
from juliu.verify.period import Period

REASONS = ("late", "too_old")

_RANGE = (
    "received_at >= fromUnixTimestamp64Milli({since:Int64}) AND received_at <= fromUnixTimestamp64Milli({until:Int64})"
)
_IDENTITY = "(user_id, session_id, seq)"
_COUNTED = (
    f"{_IDENTITY} IN (SELECT user_id, session_id, seq FROM events"
    f" WHERE session_id IN (SELECT session_id FROM late_events WHERE {_RANGE})"
    f" AND user_id IN (SELECT user_id FROM late_events WHERE {_RANGE}))"
)
COUNT = f"""
SELECT if(late_events.late, 'late', 'too_old') AS reason, event_type, count(), uniqExact({_IDENTITY}),
    uniqExactIf({_IDENTITY}, {_COUNTED}), toUnixTimestamp64Milli(min(ts)), toUnixTimestamp64Milli(max(received_at))
FROM late_events WHERE {_RANGE} GROUP BY reason, event_type ORDER BY reason, event_type
"""
EARLIER = """
SELECT user_id, session_id, groupUniqArray(seq) FROM events
WHERE user_id IN {users:Array(UInt64)} AND session_id IN {sessions:Array(String)} GROUP BY user_id, session_id
"""


def _selected(field: Field) -> str:
    """The column as the event's field says it."""
    column = field.column or field.name
    if field.name.endswith("_ms") and column != field.name:
        return f"toUnixTimestamp64Milli({column}) AS {field.name}"
    if field.expression.startswith("toUUID"):
        return f"toString({column}) AS {field.name}"
    return column if column == field.name else f"{column} AS {field.name}"


PAGE = f"""
SELECT {", ".join("r." + name for name in (field.name for field in FIELDS))} FROM
(SELECT {", ".join(map(_selected, FIELDS))} FROM late_events
WHERE late_events.late AND {_RANGE}
    AND (partition, offset) > ({{p:UInt16}}, {{o:Int64}})
ORDER BY partition, offset LIMIT {{n:UInt32}}) AS r
"""


class LateCount(msgspec.Struct, frozen=True):
    """Late events of one reason and type; `counted`: those that are in `events` too."""

    reason: str
    type: str
    records: int
    events: int
    counted: int
    oldest_ms: int
    last_ms: int


class LateRow(NamedTuple):
    """A row: where its record was, and the event; None where this code reads none in it."""

    partition: int
    offset: int
    event: AnyEvent | None


def counts(client: Client, period: Period) -> list[LateCount]:
    """Of what was received in this period, by reason and type.  Raises ClickHouseError."""
    return [LateCount(*row) for row in client.query(COUNT, period.asked()).result_rows]


def page(client: Client, period: Period, after: tuple[int, int], n: int) -> list[LateRow]:
    """The next `n` late rows behind (partition, offset), in the order of the log.  Raises ClickHouseError."""
    asked = {**period.asked(), "p": after[0], "o": after[1], "n": n}
    return [_row(row) for row in client.query(PAGE, asked).named_results()]


def sessions(client: Client, some: Sequence[AnyEvent]) -> dict[tuple[int, str], set[int]]:
    """The seqs of these viewers' sessions that are rows of `events`.  Raises ClickHouseError."""
    asked = {
        "users": sorted({event.user_id for event in some}),
        "sessions": sorted({event.session_id for event in some}),
    }
    found = client.query(EARLIER, asked).result_rows
    return {(int(user_id), str(session_id)): set(seqs) for user_id, session_id, seqs in found}


def _row(row: dict[str, Any]) -> LateRow:
    named = {name.removeprefix("r."): value for name, value in row.items()}
    said = {name: value for name, value in named.items() if value != ""}  # what was not said: its default holds
    try:
        event = msgspec.convert(said, events.AnyEvent)
    except msgspec.ValidationError:
        event = None
    return LateRow(said["partition"], said["offset"], event)
