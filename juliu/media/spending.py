"""What media jobs took and cost, by drama, episode or step: of ClickHouse's media_costs and media_traffic."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any, Literal

import msgspec
from clickhouse_connect.driver.client import Client

MOST_ROWS = 1_000
By = Literal["drama", "episode", "step"]

_NUMBERS = """
    any(title), sum(content_of_step) / 60000, sum(cpu_s), sum(ci_minutes), sum(stored_gb), sum(processing_yuan),
    sum(storage_yuan_month), sum(cdn_yuan_1000_plays), sum(platform_yuan_1000_plays), sum(attempts), sum(failures),
    groupUniqArrayArray(unpriced)
"""
# the length of an episode counts once, whatever its steps: in the first of them
_STEPS = """
    SELECT *, if(row_number() OVER (PARTITION BY drama_id, episode_no ORDER BY step) = 1, content_ms, 0) AS once
    FROM media_costs WHERE {drama:UInt64} = 0 OR drama_id = {drama:UInt64}
"""
_ASKED = {
    "drama": ("toString(drama_id)", "once"),
    "episode": ("toString(episode_no)", "once"),
    "step": ("step", "content_ms"),
}
_ORDER = {"drama": "drama_id", "episode": "episode_no", "step": "step"}
_TRAFFIC = """
SELECT {key}, sum(cdn_yuan), sum(platform_yuan) FROM media_traffic
WHERE day BETWEEN {{since:Date}} AND {{until:Date}} AND ({{drama:UInt64}} = 0 OR drama_id = {{drama:UInt64}})
GROUP BY 1
"""


class Line(msgspec.Struct, kw_only=True):
    """A drama, an episode or a step.  Plays are of all its episodes together, once each."""

    name: str
    title: str = ""
    content_minutes: float = 0.0
    cpu_s: float = 0.0
    ci_minutes: float = 0.0
    stored_gb: float = 0.0
    processing_yuan: float = 0.0
    storage_yuan_month: float = 0.0
    cdn_yuan_1000_plays: float = 0.0
    platform_yuan_1000_plays: float = 0.0
    attempts: int = 0
    failures: int = 0
    cdn_yuan: float = 0.0
    platform_yuan: float = 0.0
    cpu_s_a_minute: float = 0.0


class Spending(msgspec.Struct):
    """The lines, and all of them together; `unpriced` names what is in the numbers as 0."""

    by: By
    since: datetime.date
    until: datetime.date
    lines: list[Line]
    total: Line
    unpriced: list[str]
    more: bool


def spending(client: Client, by: By, drama_id: int, since: datetime.date, until: datetime.date) -> Spending:
    """Of one drama, or of all where it is 0; at most MOST_ROWS lines.  Raises clickhouse_connect's ClickHouseError.

    Traffic is told by drama and episode, not by step: a step has none.
    """
    rows = client.query(_statement(by), parameters={"drama": drama_id, "most": MOST_ROWS + 1}).result_rows
    lines = [_line(row) for row in rows[:MOST_ROWS]]
    if by != "step":
        asked = {"drama": drama_id, "since": since, "until": until}
        key = _ASKED[by][0]
        traffic = {str(row[0]): row[1:] for row in client.query(_TRAFFIC.format(key=key), parameters=asked).result_rows}
        for line in lines:
            line.cdn_yuan, line.platform_yuan = traffic.get(line.name, (0.0, 0.0))
    unpriced = sorted({word for row in rows for word in row[-1]})
    return Spending(by, since, until, lines, _total(by, lines), unpriced, len(rows) > MOST_ROWS)


def _statement(by: By) -> str:
    key, content = _ASKED[by]
    numbers = _NUMBERS.replace("content_of_step", content)
    order = _ORDER[by]
    return f"SELECT {key}, {numbers} FROM ({_STEPS}) GROUP BY {order} ORDER BY {order} LIMIT {{most:UInt32}}"  # noqa: S608


def _line(row: Sequence[Any]) -> Line:
    name, title, content, cpu, ci, stored, processing, storage, cdn, platform, attempts, failures, _ = row
    return Line(
        name=str(name), title=title, content_minutes=content, cpu_s=cpu, ci_minutes=ci, stored_gb=stored,
        processing_yuan=processing, storage_yuan_month=storage, cdn_yuan_1000_plays=cdn,
        platform_yuan_1000_plays=platform, attempts=attempts, failures=failures,
        cpu_s_a_minute=cpu / content if content else 0.0,
    )  # fmt: skip


def _total(by: By, lines: Sequence[Line]) -> Line:
    """All lines together; the content of steps is the same content again and again."""
    total = Line(name="all")
    for field in msgspec.structs.fields(Line):
        if field.name not in ("name", "title", "cpu_s_a_minute"):
            setattr(total, field.name, sum(getattr(line, field.name) for line in lines))
    if by == "step":
        total.content_minutes = max((line.content_minutes for line in lines), default=0.0)
    total.cpu_s_a_minute = total.cpu_s / total.content_minutes if total.content_minutes else 0.0
    return total
