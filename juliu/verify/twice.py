"""No viewer's event is two rows: (user_id, session_id, seq) is looked for twice, a share of the viewers at a time."""
# ruff: noqa: S608 - conditions are constants; values travel as query parameters

from __future__ import annotations

from math import ceil

from clickhouse_connect.driver.client import Client

from juliu.verify.chain import Span
from juliu.verify.found import MOST, Report

AT_ONCE = 4_000_000  # rows whose hashes are held at once: about 100 MB

_WHERE = "partition = {p:UInt16} AND offset <= {to:UInt64} AND user_id % {shares:UInt64} = {share:UInt64}"
_INSIDE = (
    " AND (user_id, session_id, seq) IN (SELECT user_id, session_id, seq FROM events"
    f" WHERE {_WHERE} AND offset >= {{from:UInt64}})"
)
COUNT = "SELECT count() FROM events WHERE partition = {p:UInt16} AND offset BETWEEN {from:UInt64} AND {to:UInt64}"
SCREEN = f"SELECT count() - uniqExact(cityHash64(user_id, session_id, seq)) FROM events WHERE {_WHERE}"
TWICE = f"SELECT user_id, session_id, seq, count(), groupArray(3)(offset) FROM events WHERE {_WHERE}"
_GROUPED = " GROUP BY user_id, session_id, seq HAVING count() > 1 ORDER BY min(offset) LIMIT {most:UInt32}"


def check(client: Client, p: int, span: Span, report: Report) -> None:
    """Each identity that has a row inside the span has no other, up to the span's end."""
    inside = "" if span.whole else _INSIDE
    rows = int(client.query(COUNT, {"p": p, "from": span.first, "to": span.last}).result_rows[0][0])
    shares = max(1, ceil(rows / AT_ONCE))
    for share in range(shares):
        asked = {
            "p": p, "from": span.first, "to": span.last, "shares": shares, "share": share, "most": MOST + 1,
        }  # fmt: skip
        if not int(client.query(SCREEN + inside, asked).result_rows[0][0]):
            continue
        for user_id, session_id, seq, times, offsets in client.query(TWICE + inside + _GROUPED, asked).result_rows:
            where = f"viewer {user_id}, session {session_id}, seq {seq}"
            report.differs("event twice", p, where, f"{times} rows, at offsets {sorted(offsets)}", "1 row")
