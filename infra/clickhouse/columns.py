"""How a record of the log becomes a row of `events`: its JSON's fields, their types, the column that each becomes.

The worker passes the bytes of the record through; ClickHouse reads them by FIELDS.  Their types are wide on purpose:
whatever domain.events decodes, ClickHouse must be able to read (a number that its column cannot hold is cut to it),
else one record would stop its partition for ever.
"""

from __future__ import annotations

from typing import NamedTuple

_INT, _WORD = "Int64", "LowCardinality(String)"


class Field(NamedTuple):
    """A field of the record's JSON: its name and type there; the column, and the expression that makes it, if other."""

    name: str
    kind: str
    column: str = ""
    expression: str = ""


def _time(name: str, column: str) -> Field:
    return Field(name, _INT, column, f"fromUnixTimestamp64Milli({name}, 'Asia/Shanghai')")


def _uuid(name: str) -> Field:
    return Field(name, "String", name, f"toUUIDOrZero({name})")


FIELDS = (
    Field("partition", _INT),  # the worker splices these two in front of the record's own fields
    Field("offset", _INT),
    Field("type", _WORD, "event_type", "type"),
    _uuid("event_id"),
    Field("user_id", _INT),
    Field("session_id", "String"),
    Field("seq", _INT),
    _uuid("play_id"),
    Field("drama_id", _INT),
    Field("drama_index", _INT),
    Field("episode_no", _INT),
    _time("ts_ms", "ts"),
    _time("received_at_ms", "received_at"),
    _time("at_ms", "device_at"),
    Field("clock_reset", "Bool"),
    Field("late", "Bool"),
    Field("from_ms", _INT),
    Field("to_ms", _INT),
    Field("wall_ms", _INT),
    Field("stalls", _INT),
    Field("stall_ms", _INT),
    Field("duration_ms", _INT),
    Field("first_frame_ms", _INT),
    Field("qualified", "Bool"),
    Field("reason", _WORD),
    Field("request_id", "String"),
    Field("position", _INT),
    Field("source", _WORD),
    Field("arm", _WORD),
    Field("rule", _INT, "rule", "if(rule = 0, 1, rule)"),  # absent means the first rule
    Field("app_id", _WORD),
    Field("platform", _WORD),
    Field("version", _WORD),
    Field("network", _WORD),
    Field("scene", _INT),
    Field("channel", _WORD),
    Field("way", _WORD),
    Field("paid_coins", _INT),
    Field("bonus_coins", _INT),
    Field("price_version", _WORD),
    Field("propensity", "Float64"),
)

COLUMNS = ", ".join(field.column or field.name for field in FIELDS)
STRUCTURE = ", ".join(f"{field.name} {field.kind}" for field in FIELDS)
EXPRESSIONS = ", ".join(field.expression or field.name for field in FIELDS)
