"""The statements of the store of rows.  All constants: values travel as query parameters."""
# ruff: noqa: S608

from __future__ import annotations

from infra.clickhouse.columns import COLUMNS, EXPRESSIONS, STRUCTURE

_LAST = "SELECT last FROM blocks WHERE partition = {p:UInt16} ORDER BY partition DESC, first DESC LIMIT 1"
_IS_NEXT = f"ifNull(toInt64(({_LAST})), -1) = {{first:Int64}} - 1"

INSERT = {
    table: f"INSERT INTO {table} ({COLUMNS}) SELECT {EXPRESSIONS} FROM input('{STRUCTURE}')"
    f" WHERE {_IS_NEXT} FORMAT JSONEachRow"
    for table in ("events", "late_events")
}

CLOSE = (
    "INSERT INTO blocks (partition, first, last, records, rows, late, repeats, poison, next_limit, at)"
    " SELECT {p:UInt16}, {first:UInt64}, {last:UInt64}, {last:UInt64} - {first:UInt64} + 1, {rows:UInt32},"
    " {late:UInt32}, {repeats:UInt32}, {poison:UInt32}, {next_limit:UInt32}, now64(3)"
    f" WHERE {_IS_NEXT}"
)

TOLD = (
    "SELECT first, last, rows, late, repeats, poison, next_limit FROM blocks"
    " WHERE partition = {p:UInt16} AND first >= {first:UInt64} ORDER BY first LIMIT {most:UInt32}"
)

# how many of the events there are, by primary key; the offset is not asked for: a letter sent again has another
KNOWN = """
SELECT uniqExact(user_id, session_id, seq) FROM events
WHERE partition = {p:UInt16} AND offset <= {upto:UInt64}
    AND (event_type, toDate(ts), drama_id, user_id, session_id, seq) IN
    (
        SELECT key.1, toDate(fromUnixTimestamp64Milli(key.2, 'Asia/Shanghai')), toUInt64(key.3), toUInt64(key.4),
            unhex(key.5), toUInt64(key.6)
        FROM (SELECT arrayJoin({keys:Array(Tuple(String, Int64, Int64, Int64, String, Int64))}) AS key)
    )
"""

# how many of the offsets of a block have a row; no index knows offsets: two columns of all rows are read
ROWS_AT = """
SELECT uniqExact(offset) FROM events
WHERE partition = {p:UInt16} AND offset BETWEEN {first:UInt64} AND {last:UInt64}
    AND offset IN (SELECT arrayJoin({offsets:Array(UInt64)}))
"""

# by primary key; toYYYYMM names the partition, all others of ORDER BY lead to one granule of each of its parts
HOLDS = {
    "events": """
SELECT count() FROM events
WHERE toYYYYMM(received_at) = {month:UInt32} AND event_type = {type:String}
    AND toDate(ts) = toDate(fromUnixTimestamp64Milli({ts:Int64}, 'Asia/Shanghai'))
    AND drama_id = toUInt64({drama:Int64}) AND user_id = toUInt64({user:Int64})
    AND session_id = {session:String} AND seq = toUInt64({seq:Int64})
    AND partition = {p:UInt16} AND offset = {o:UInt64}
""",
    "late_events": """
SELECT count() FROM late_events
WHERE toYYYYMM(received_at) = {month:UInt32} AND partition = {p:UInt16} AND offset = {o:UInt64}
""",
}
