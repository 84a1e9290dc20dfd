"""What ClickHouse lacks behind an archive's fences: blocks that are not there, and blocks without their rows."""
# ruff: noqa: S608

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from clickhouse_connect.driver.client import Client

from domain.blocks import LIMIT
from infra.clickhouse.chains import chains
from juliu.archive.manifest import Manifest

# the archive's fence of the row's partition; of one that it does not have, before everything
_AFTER = "if(partition < length({after:Array(Int64)}), {after:Array(Int64)}[partition + 1], -1)"

# rows behind the fences
_THERE = f"SELECT partition, count() FROM {{table}} WHERE toInt64(offset) > {_AFTER} GROUP BY partition"

_BLOCKS = """
SELECT toInt64(first), toInt64(last), blocks.rows, blocks.late, next_limit FROM blocks
WHERE partition = {p:UInt16} AND toInt64(last) > {after:Int64} ORDER BY first
"""
_COUNTED = """
SELECT toInt64(b.first), countIf(e.kind = 0 AND e.offset <= b.last), countIf(e.kind = 1 AND e.offset <= b.last) FROM
(
    SELECT 1 AS one, offset, 0 AS kind FROM events WHERE partition = {p:UInt16} AND toInt64(offset) > {after:Int64}
    UNION ALL
    SELECT 1, offset, 1 FROM late_events WHERE partition = {p:UInt16} AND toInt64(offset) > {after:Int64}
) AS e
ASOF JOIN (SELECT 1 AS one, first, last FROM blocks WHERE partition = {p:UInt16} AND toInt64(last) > {after:Int64}) AS b
ON e.one = b.one AND e.offset >= b.first
GROUP BY b.first
"""


class Told(NamedTuple):
    """A block that is there, and what it tells of itself."""

    first: int
    last: int
    rows: int
    late: int
    next_limit: int


class Gap(NamedTuple):
    """Offsets first..last of a partition that have to be read again; they begin a block, which `limit` cuts.

    `blocks` are those of them that are there, by their first offset.
    """

    partition: int
    first: int
    last: int
    limit: int
    blocks: Mapping[int, Told]


def gaps(client: Client, manifest: Manifest) -> list[Gap]:
    """At most one for each partition: from the first thing that is missing to the last."""
    after = {"after": manifest.upto}
    events, late = (_there(client, table, after) for table in ("events", "late_events"))
    found = []
    for chain in chains(client, _AFTER, after):
        p = chain.partition
        there = (chain.rows, chain.late) == (events.get(p, 0), late.get(p, 0))
        if (
            not (there and chain.whole(_begin(manifest, p, chain.first)))
            and (gap := _gap(client, manifest, p)) is not None
        ):
            found.append(gap)
    return found


def _there(client: Client, table: str, after: dict[str, list[int]]) -> dict[int, int]:
    rows = client.query(_THERE.replace("{table}", table), after).result_rows
    return {int(p): int(count) for p, count in rows}


def _begin(manifest: Manifest, p: int, first: int) -> int:
    """Where the chain goes on behind the archive; of a partition that it does not have, where the first block is."""
    upto = manifest.upto
    return upto[p] + 1 if p < len(upto) and upto[p] >= 0 else first


def _gap(client: Client, manifest: Manifest, p: int) -> Gap | None:
    which = {"p": p, "after": manifest.upto[p] if p < len(manifest.upto) else -1}
    blocks = [Told(*map(int, row)) for row in client.query(_BLOCKS, which).result_rows]
    counted = {int(first): (int(rows), int(late)) for first, rows, late in client.query(_COUNTED, which).result_rows}
    limit = next((fence.next_limit for fence in manifest.fences if fence.partition == p), LIMIT)
    return gap_of(p, _begin(manifest, p, blocks[0].first), limit, blocks, counted)


def gap_of(
    p: int, begin: int, limit: int, blocks: Sequence[Told], counted: Mapping[int, tuple[int, int]]
) -> Gap | None:
    """The gap in these blocks, of which so many rows and late rows are there; None: nothing is missing."""
    missing: list[tuple[int, int, int]] = []  # first, last, the limit that cuts what begins there
    at = begin
    for block in blocks:
        if block.first > at:
            missing.append((at, block.first - 1, limit))
        rows, late = counted.get(block.first, (0, 0))
        if rows < block.rows or late < block.late:
            missing.append((block.first, block.last, limit))
        at, limit = block.last + 1, block.next_limit
    if not missing:
        return None
    first, last = missing[0][0], missing[-1][1]
    return Gap(p, first, last, missing[0][2], {block.first: block for block in blocks if first <= block.first <= last})
