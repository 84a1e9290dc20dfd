"""The chain of a partition's blocks: where it begins and ends, what it holds, whether something is missing in it."""
# ruff: noqa: S608 - all constants: values travel as query parameters

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from clickhouse_connect.driver.client import Client

_SPAN = "toInt64(min(first)), toInt64(max(last)), toInt64(sum(last - first + 1))"

# of one partition: how many blocks, first and last offset, records in them
ONE = f"SELECT count(), {_SPAN} FROM blocks WHERE partition = {{p:UInt16}}"

# the first block behind a hole, and where those before it end
HOLE = """
SELECT first, before FROM
(
    SELECT first, row_number() OVER (ORDER BY first) AS n,
        max(last) OVER (ORDER BY first ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
    FROM blocks WHERE partition = {p:UInt16}
)
WHERE n > 1 AND first > before + 1 ORDER BY first LIMIT 1
"""


class Chain(NamedTuple):
    """The blocks of a partition.  `rows` and `late`: what they put into either table; `next_limit`: of the last one."""

    partition: int
    first: int
    last: int
    records: int
    rows: int
    late: int
    next_limit: int

    def whole(self, begin: int | None = None) -> bool:
        """Each offset from `begin` (None: where the first block begins) to the end is in one block."""
        return self.records == self.last + 1 - (self.first if begin is None else begin)


def chains(client: Client, behind: str = "", parameters: Mapping[str, Any] | None = None) -> list[Chain]:
    """Of each partition with blocks, ascending; `behind`: an expression, only of blocks whose end lies behind it.

    Raises clickhouse_connect's ClickHouseError.
    """
    where = f"WHERE toInt64(last) > {behind}" if behind else ""
    query = (
        f"SELECT partition, {_SPAN}, sum(blocks.rows), sum(blocks.late), argMax(next_limit, last) FROM blocks {where}"
        " GROUP BY partition ORDER BY partition"
    )
    return [Chain(*map(int, row)) for row in client.query(query, dict(parameters or {})).result_rows]
